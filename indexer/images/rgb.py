"""Conversion of an opened image of any mode to RGB pixels."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from indexer.errors import UnreadableImage
from indexer.images.orientation import exif_orientation, xmp_orientation
from indexer.types import Rgb

_TO_UPRIGHT = {  # EXIF orientation to what undoes it; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
}
_MAX_16_BIT: Final = 2**16 - 1
_MOST_DIGITS: Final = 2**20
"""Characters of metadata written in hexadecimal that are read: its first directory comes first."""
_BAND: Final = 2_000_000
"""Pixels converted at a time, so that no conversion needs several copies of a large picture."""
LARGE: Final = 16_000_000
"""Pixels from which a picture is reduced as soon as it is decoded."""
_REDUCED: Final = 8_000_000
"""Pixels that are left of it at most: its tiles still have several for each that is compared."""


def reduction(pixels: int) -> int:
    """Return how many pixels become one along each side, right after decoding."""
    return math.ceil(math.sqrt(pixels / _REDUCED)) if pixels > LARGE else 1


def to_rgb(image: ImageFile.ImageFile, decoded: NDArray[np.uint8] | None = None) -> Rgb:
    """Decode the current frame and bring it to RGB, whatever its mode, not yet upright.

    The pixels go through in bands, so that there are never two whole copies of a large picture.

    Parameters
    ----------
    image : ImageFile
    decoded : ndarray of shape (height, width, 3 or 4), uint8, optional
        Its pixels, RGB or RGBA, where something else than Pillow has decoded them.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        Both sides divided by the picture's `reduction`, rounded up.

    Raises
    ------
    UnreadableImage
        Its values have no agreed-on brightness.
    """
    if decoded is None:
        image.load()
    if image.mode == "F":
        raise UnreadableImage(
            "The image has floating-point values of unknown range. Export it with 8 or 16 "
            "bits per channel."
        )
    width, height = image.size
    convert: Callable[[Image.Image], Image.Image] = _opaque
    if image.mode.startswith("I"):  # I, I;16, I;16B: Pillow would clip these, not scale them
        convert = _grey_scale(image)
    factor = reduction(width * height)
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    rows = factor * max(1, _BAND // width // factor)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        if decoded is None:
            band = convert(image.crop((0, top, width, bottom)))
        else:
            band = convert(Image.fromarray(decoded[top:bottom]))
        if factor > 1:
            band = band.reduce(factor)
        rgb[top // factor : top // factor + band.height] = np.asarray(band)
    return rgb


def is_sideways(orientation: int | None) -> bool:
    """Tell whether width and height change places when the picture is turned upright."""
    return _TO_UPRIGHT.get(orientation or 1) in _SIDEWAYS


def upright(rgb: Rgb, orientation: int | None) -> Rgb:
    """Turn stored pixels as their EXIF orientation, 1 to 8, asks for; others change nothing."""
    turn = _TO_UPRIGHT.get(orientation or 1)
    return rgb if turn is None else np.array(Image.fromarray(rgb).transpose(turn))


def _opaque(image: Image.Image) -> Image.Image:
    """Bring pixels to RGB, on white where they are transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer)
    return white


def stated_orientation(image: ImageFile.ImageFile) -> int | None:
    """Read the orientation from metadata that Pillow keeps as it is, known behind load()."""
    info = image.info
    exif = info.get("exif")
    if exif is None and isinstance(text := info.get("Raw profile type exif"), str):
        exif = _from_hexadecimal(text)
    stated = exif_orientation(exif) if isinstance(exif, bytes) else None
    packet = info.get("XML:com.adobe.xmp") or info.get("xmp")
    if stated is None and packet:
        packet = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
        stated = xmp_orientation(packet) if isinstance(packet, bytes) else None
    return stated


def _from_hexadecimal(text: str) -> bytes | None:
    """Read what ImageMagick writes into PNGs: three lines, then lines of digits."""
    try:
        _, _, _, digits = text[:_MOST_DIGITS].split("\n", 3)
        return bytes.fromhex(digits.replace("\n", "")[: _MOST_DIGITS // 4 * 2])
    except ValueError:
        return None


def _grey_range(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return the values of a 16-bit grey picture that mean black and white.

    A TIFF says in its tags what Pillow leaves to the reader: samples of fewer bits (12, from
    scanners and medicine), and white as zero.
    """
    tags = getattr(image, "tag_v2", {})
    (bits, *_) = tags.get(ExifTags.Base.BitsPerSample, (16,))
    white = 2 ** min(bits, 16) - 1
    white_is_zero = tags.get(ExifTags.Base.PhotometricInterpretation) == 0
    return (white, 0) if white_is_zero else (0, white)


def _grey_scale(image: ImageFile.ImageFile) -> Callable[[Image.Image], Image.Image]:
    """Return what maps grey values to 0..255 as the picture means them, to grey as RGB."""
    black, white = _grey_range(image)
    every_value = np.arange(_MAX_16_BIT + 1)
    levels = np.clip((every_value - black) * (255 / (white - black)), 0, 255)
    grey_of = np.rint(levels).astype(np.uint8)
    transparent = image.info.get("transparency")  # one grey value, from PNG's tRNS

    def scale(band: Image.Image) -> Image.Image:
        values = np.asarray(band).astype(np.int32)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > _MAX_16_BIT:
            raise UnreadableImage(
                f"The image has grey values from {low:,} to {high:,}, beyond 16 bits and of "
                "unknown range. Export it with 8 or 16 bits per channel."
            )
        grey = grey_of[values]
        if isinstance(transparent, int):
            grey[values == transparent] = 255
        return Image.fromarray(grey).convert("RGB")

    return scale
