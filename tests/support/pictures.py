"""Pictures to test with, each made from one real photo: odd but good ones, and bad ones."""

import importlib.util
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

_Transpose = Image.Transpose
_STORED_FOR_ORIENTATION = {  # what a camera did to an upright picture before it wrote that tag
    1: None,
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_90,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_270,
}


@cache
def photo_path() -> Path:
    """Return the path of scikit-learn's china.jpg (640 x 427), without importing scikit-learn."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The tests need scikit-learn's sample photos: install the dev extra.")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "images" / "china.jpg"


@cache
def photo() -> Image.Image:
    with Image.open(photo_path()) as image:
        return image.convert("RGB")


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# --- good ones: each shows the photo -------------------------------------------------------------


def plain_jpeg() -> bytes:
    return photo_path().read_bytes()


def palette_png() -> bytes:
    return encode(photo().quantize(256), "PNG")


def palette_png_with_alpha() -> bytes:
    return encode(_with_transparent_corner().quantize(256, Image.Quantize.FASTOCTREE), "PNG")


def gif() -> bytes:
    return encode(photo().quantize(256), "GIF")


def cmyk_jpeg() -> bytes:
    return encode(photo().convert("CMYK"), "JPEG", quality=92)


def bilevel_png() -> bytes:
    return encode(photo().convert("1"), "PNG")


def grey_16_bit() -> Image.Image:
    return Image.fromarray(np.asarray(photo().convert("L")).astype(np.uint16) * 257)


def grey_16_bit_png() -> bytes:
    return encode(grey_16_bit(), "PNG")


def grey_16_bit_tiff() -> bytes:
    return encode(grey_16_bit(), "TIFF", compression="tiff_lzw")


def grey_16_bit_tiff_white_is_zero() -> bytes:
    inverted = Image.fromarray(65535 - np.asarray(grey_16_bit()))
    return encode(inverted, "TIFF", tiffinfo={ExifTags.Base.PhotometricInterpretation: 0})


def grey_alpha_png() -> bytes:
    return encode(_with_transparent_corner().convert("LA"), "PNG")


def rgba_png() -> bytes:
    return encode(_with_transparent_corner(), "PNG")


def webp() -> bytes:
    return encode(photo(), "WEBP", quality=90)


def avif() -> bytes:
    return encode(photo(), "AVIF", quality=90)


def bmp() -> bytes:
    return encode(photo(), "BMP")


def cmyk_tiff() -> bytes:
    return encode(photo().convert("CMYK"), "TIFF")


def animated_gif() -> bytes:
    return _animate("GIF")


def animated_png() -> bytes:
    return _animate("PNG")


def animated_webp() -> bytes:
    return _animate("WEBP", quality=90)


def multi_page_tiff() -> bytes:
    return _animate("TIFF")


def exif_rotated(orientation: int, format: str = "JPEG") -> bytes:
    """Store the photo as a camera held that way does: pixels turned, a tag that turns them back."""
    turn = _STORED_FOR_ORIENTATION[orientation]
    stored = photo() if turn is None else photo().transpose(turn)
    options: dict[str, Any] = {"quality": 92} if format in {"JPEG", "WEBP"} else {}
    return encode(stored, format, exif=_orientation_tag(orientation), **options)


def exif_rotated_16_bit_png(orientation: int) -> bytes:
    turn = _STORED_FOR_ORIENTATION[orientation]
    stored = grey_16_bit() if turn is None else grey_16_bit().transpose(turn)
    return encode(stored, "PNG", exif=_orientation_tag(orientation))


def broken_exif() -> bytes:
    """Give the photo an EXIF block whose tags point outside of it."""
    garbage = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(1, 60))
    return encode(photo(), "JPEG", quality=92, exif=garbage)


def jpeg_with_zip_behind() -> bytes:
    archive = BytesIO(plain_jpeg())
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("hidden.txt", "a polyglot: a picture and an archive at once")
    return archive.getvalue()


GOOD: dict[str, Callable[[], bytes]] = {
    maker.__name__: cache(maker)
    for maker in (
        plain_jpeg,
        palette_png,
        palette_png_with_alpha,
        gif,
        cmyk_jpeg,
        grey_16_bit_png,
        grey_16_bit_tiff,
        grey_16_bit_tiff_white_is_zero,
        grey_alpha_png,
        rgba_png,
        webp,
        avif,
        bmp,
        cmyk_tiff,
        animated_gif,
        animated_png,
        animated_webp,
        multi_page_tiff,
        broken_exif,
        jpeg_with_zip_behind,
    )
}


# --- bad ones ------------------------------------------------------------------------------------


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def text() -> bytes:
    return b"This is not a picture, whatever its name says.\n" * 20


def eps() -> bytes:
    return encode(photo(), "EPS")


@cache
def png_bomb(side: int = 30_000) -> bytes:
    """Return a valid PNG of `side` x `side` black pixels: a small file, 1 bit a pixel."""
    compressor = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)  # the filter byte, then eight pixels a byte
    pixels = b"".join([compressor.compress(row) for _ in range(side)]) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, body) for name, body in chunks)


def gif_of_many_frames(count: int) -> bytes:
    """Return a GIF of `count` frames of one pixel, 15 bytes each."""
    header = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return header + frame * count + b";"


def tiff_of_many_pages(count: int) -> bytes:
    """Return a TIFF of `count` pages, all of one grey pixel."""
    short, one = 3, 1
    tags = (
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 1),
        (279, 1),
    )
    body = b"".join(struct.pack("<HHIHH", tag, short, one, value, 0) for tag, value in tags)
    size = 2 + len(body) + 4
    first = 10  # behind the header and the pixel
    pages = [
        struct.pack("<H", len(tags))
        + body
        + struct.pack("<I", first + (page + 1) * size if page + 1 < count else 0)
        for page in range(count)
    ]
    return struct.pack("<2sHI", b"II", 42, first) + b"\x80\0" + b"".join(pages)


def float_tiff() -> bytes:
    return encode(photo().convert("F"), "TIFF")


def grey_32_bit_tiff() -> bytes:
    return encode(Image.fromarray(np.asarray(photo().convert("L")).astype(np.int32) << 20), "TIFF")


def _with_transparent_corner() -> Image.Image:
    """Make a small corner transparent, red underneath: it must not show."""
    picture = photo().convert("RGBA")
    picture.paste((255, 0, 0, 0), (0, 0, 24, 24))
    return picture


def _animate(format: str, **options: Any) -> bytes:
    frames = [
        photo(),
        photo().transpose(_Transpose.FLIP_TOP_BOTTOM),
        Image.new("RGB", photo().size),
    ]
    return encode(frames[0], format, save_all=True, append_images=frames[1:], **options)


def _orientation_tag(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
