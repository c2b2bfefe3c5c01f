"""Pictures of explanations: a class map, and what two pictures side by side share."""

from io import BytesIO
from math import ceil
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from indexer.images.decode import decoded
from indexer.settings import ImageLimits
from indexer.types import ClassMap, MatchRegions, Part

_SIDE: Final = 480  # pixels of a panel's longest side
_VEIL: Final = _SIDE / 40  # pixels, the standard deviation of the blur
_GAP: Final = 16  # pixels between panels
_STRONG: Final = 0.65  # opacity of the cell that speaks most
_FOR, _AGAINST = (214, 39, 40), (31, 119, 180)
_BOX, _POINT, _PAPER = (255, 176, 0), (0, 158, 115), (255, 255, 255)
_MOST_LINES: Final = 40  # more hide the pictures


def draw_class_map(
    explained: ClassMap, data: bytes, limits: ImageLimits, *, is_veiled: bool = True
) -> bytes:
    """Lay a class map over its picture, as a PNG.

    Red cells speak for the class and blue ones against it, the stronger the more. The picture is
    grey, so that no colour of its own is taken for theirs.

    Parameters
    ----------
    explained : ClassMap
    data : bytes
        The picture's file.
    limits : ImageLimits
    is_veiled : bool
        Whether the picture is blurred.

    Raises
    ------
    InputError
        The picture cannot be read or is too large.
    """
    panel = _panel(data, limits, is_veiled=is_veiled).convert("L")
    cells = np.array(explained.cells)
    strength = _STRONG * np.abs(cells) / max(1.0, np.abs(cells).max())
    layer = np.zeros((*cells.shape, 4), np.uint8)
    layer[..., :3] = np.where((cells > 0)[..., np.newaxis], _FOR, _AGAINST)
    layer[..., 3] = (255 * strength).round()
    over = Image.fromarray(layer).resize(panel.size, Image.Resampling.BICUBIC)
    return _png(Image.alpha_composite(panel.convert("RGBA"), over).convert("RGB"))


def draw_match(
    regions: MatchRegions,
    data: bytes,
    thumbnail: bytes | None,
    limits: ImageLimits,
    *,
    is_veiled: bool = True,
) -> bytes:
    """Draw a picture and a stored image side by side with what they share, as a PNG.

    Parameters
    ----------
    regions : MatchRegions
    data : bytes
        The picture's file.
    thumbnail : bytes or None
        JPEG of the stored image; an empty panel stands for a missing one.
    limits : ImageLimits
    is_veiled : bool
        Whether both are grey and blurred.

    Raises
    ------
    InputError
        The picture cannot be read or is too large.
    """
    left = _panel(data, limits, is_veiled=is_veiled)
    if thumbnail is None:
        width, height = regions.image_size
        scale = _SIDE / max(width, height)
        right = Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))))
    else:
        right = _panel(thumbnail, limits, is_veiled=is_veiled)
    start = left.width + _GAP
    sheet = Image.new("RGB", (start + right.width, max(left.height, right.height)), _PAPER)
    sheet.paste(left, (0, 0))
    sheet.paste(right, (start, 0))
    pen = ImageDraw.Draw(sheet)
    ours = left.width / regions.query_size[0]
    theirs = right.width / regions.image_size[0]
    _outline(pen, regions.query_part, ours, 0)
    _outline(pen, regions.part, theirs, start)
    step = max(1, ceil(len(regions.details) / _MOST_LINES))
    for detail in regions.details[::step]:
        here = detail.query_x * ours, detail.query_y * ours
        there = start + detail.x * theirs, detail.y * theirs
        pen.line((here, there), _POINT, 1)
        for x, y in (here, there):
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), outline=_POINT, width=2)
    return _png(sheet)


def _panel(data: bytes, limits: ImageLimits, *, is_veiled: bool) -> Image.Image:
    """Return a picture at the size of a panel; smaller ones are enlarged."""
    with decoded(data, limits, at_least=(_SIDE, _SIDE)) as picture:
        image = Image.fromarray(picture.rgb)
        scale = _SIDE / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if not is_veiled:
        return image
    return image.convert("L").filter(ImageFilter.GaussianBlur(_VEIL)).convert("RGB")


def _outline(pen: ImageDraw.ImageDraw, part: Part | None, scale: float, start: int) -> None:
    """Draw the box of a part; a whole frame has none."""
    if part and part.box:
        left, top, width, height = (each * scale for each in part.box)
        pen.rectangle((start + left, top, start + left + width, top + height), None, _BOX, 3)


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
