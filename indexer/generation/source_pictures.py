"""Source pictures and masks: what inpainting and restyling start from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image

from indexer.errors import InputError
from indexer.images.decode import decode
from indexer.settings import ImageLimits
from indexer.sources import read

_REPAINTED: Final = 128  # grey value from which a pixel of a mask is repainted
_SAME_SHAPE: Final = 0.02  # relative difference of aspect ratios


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture to be edited: RGB, upright, transparency laid on white."""

    name: str
    image: Image.Image = field(repr=False)
    sha256: str  # of the file


def read_picture(path: Path, limits: ImageLimits) -> SourcePicture:
    """Read a picture.

    Raises
    ------
    UnreadableSource, EmptyImage, ImageTooLarge, UnreadableImage
        The file cannot be read or decoded within the limits.
    """
    data = read(path, limits.max_bytes)
    image = Image.fromarray(decode(data, limits).rgb)
    return SourcePicture(path.name, image, hashlib.sha256(data).hexdigest())


def read_paintings(paths: Iterable[Path], limits: ImageLimits) -> list[tuple[str, Image.Image]]:
    """Read pictures whose style is taken, each with its name.

    Raises
    ------
    UnreadableSource, EmptyImage, ImageTooLarge, UnreadableImage
        As for `read_picture`.
    """
    return [(path.stem, read_picture(path, limits).image) for path in paths]


def read_mask(path: Path, limits: ImageLimits, size: tuple[int, int]) -> Image.Image:
    """Read a mask for a picture of a size: white is repainted, black is kept.

    Returns
    -------
    Image
        Mode L, 0 or 255, of that size.

    Raises
    ------
    InputError
        It repaints nothing, or has another shape than the picture.
    UnreadableSource, EmptyImage, ImageTooLarge, UnreadableImage
        The file cannot be read or decoded within the limits.
    """
    mask = read_picture(path, limits).image.convert("L")
    wanted, found = size[0] / size[1], mask.width / mask.height
    if abs(found / wanted - 1) > _SAME_SHAPE:
        raise InputError(
            f"The mask {path.name} is {mask.width} x {mask.height} pixels, the picture "
            f"{size[0]} x {size[1]}. Make a mask of the picture's shape."
        )
    mask = mask.resize(size).point(lambda grey: 255 if grey >= _REPAINTED else 0)
    if mask.getbbox() is None:
        raise InputError(
            f"The mask {path.name} is black: nothing would be repainted. Paint white what is to "
            "be replaced."
        )
    return mask
