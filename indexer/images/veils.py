"""Veils: copies of a picture that show no more than its coarse shapes."""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL import Image, ImageFilter, ImageOps

from indexer.types import Veil

DEFAULT_STRENGTH: Final = 3
STRENGTHS: Final = range(1, 6)
_BLUR_SIDE: Final = 64  # pixels of the longest side before blurring
_BLURS: Final = (2.0, 3.0, 4.5, 6.0, 8.0)  # pixels, standard deviations; the default leaves 7 dots
GREY_SIDE: Final = 96
"""Pixels of the longest side behind a grey veil."""
_GREYS: Final = (1.6, 2.4, 3.6, 5.4, 8.1)  # the same; the first: shapes stay, faces do not
_LINE_SIDES: Final = (160, 128, 96, 72, 48)  # pixels in which edges are looked for
_LINE_BLUR: Final = 1.2  # pixels: no edges of texture
_QUALITY: Final = 70  # of JPEG: 1 to 4 KB a picture


def veil_picture(jpeg: bytes, veil: Veil, strength: int, size: int) -> bytes:
    """Draw a thumbnail behind a veil.

    Parameters
    ----------
    jpeg : bytes
        The thumbnail.
    veil : Veil
    strength : int
        1 to 5, the most covering last.
    size : int
        Pixels of the longest side that is returned; the veil is as strong in any size.

    Returns
    -------
    bytes
        A JPEG without metadata.
    """
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        picture = image.convert("RGB")
    veiled = _VEILS[veil](picture, strength - 1)
    scale = size / max(picture.size)
    shape = [max(1, round(side * scale)) for side in picture.size]
    buffer = BytesIO()
    shown = veiled.resize((shape[0], shape[1]), Image.Resampling.BICUBIC)
    shown.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def blurred_grey(picture: Image.Image) -> Image.Image:
    """Return the picture that a report may hold: grey, small and blurred; shapes stay."""
    return _grey(picture, 0)


def blurred(picture: Image.Image) -> Image.Image:
    """Return a picture behind a blur of the default strength, RGB, in its own size."""
    small = _VEILS[Veil.BLUR](picture.convert("RGB"), DEFAULT_STRENGTH - 1)
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _blurred(picture: Image.Image, side: int, deviation: float) -> Image.Image:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(deviation))


def _grey(picture: Image.Image, step: int) -> Image.Image:
    return _blurred(picture.convert("L"), GREY_SIDE, _GREYS[step])


def _lines(picture: Image.Image, step: int) -> Image.Image:
    """Draw the strongest edges, dark on light."""
    small = _blurred(picture.convert("L"), _LINE_SIDES[step], _LINE_BLUR)
    edges = ImageOps.autocontrast(small.filter(ImageFilter.FIND_EDGES), cutoff=(0, 1))
    return ImageOps.invert(edges)


_VEILS: Final[dict[Veil, Callable[[Image.Image, int], Image.Image]]] = {
    Veil.BLUR: lambda picture, step: _blurred(picture, _BLUR_SIDE, _BLURS[step]),
    Veil.GREY: _grey,
    Veil.LINES: _lines,
}
