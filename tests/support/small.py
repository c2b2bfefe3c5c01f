"""One small photo in many formats, to be damaged and dressed up."""

from functools import cache

from PIL import Image

from support import pictures


@cache
def photo() -> Image.Image:
    return pictures.photo().resize((240, 160))


@cache
def jpeg() -> bytes:
    return pictures.encode(photo(), "JPEG", quality=88)


@cache
def progressive() -> bytes:
    return pictures.encode(photo(), "JPEG", quality=88, progressive=True)


@cache
def png() -> bytes:
    return pictures.encode(photo(), "PNG")


@cache
def gif() -> bytes:
    return pictures.encode(photo().quantize(64), "GIF")


@cache
def animated_gif() -> bytes:
    turned = [photo().rotate(angle).quantize(64) for angle in (10, 20)]
    return pictures.encode(photo().quantize(64), "GIF", save_all=True, append_images=turned)


@cache
def tiff(compression: str = "raw") -> bytes:
    return pictures.encode(photo(), "TIFF", compression=compression)


@cache
def avif() -> bytes:
    return pictures.encode(photo(), "AVIF", quality=80)
