"""Edited copies of a photo, as people upload them: cropped, mirrored, tinted, captioned, framed."""

from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

Edit = Callable[[Image.Image], Image.Image]


def crop(left: float, top: float, right: float, bottom: float) -> Edit:
    """Return an edit that cuts off these shares of width and height."""

    def cut(image: Image.Image) -> Image.Image:
        width, height = image.size
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        return image.crop(tuple(map(int, box)))

    return cut


def caption(image: Image.Image) -> Image.Image:
    """Add a white band with words, as memes have it."""
    band = max(24, image.height // 8)
    framed = ImageOps.expand(image, (0, band, 0, 0), "white")
    ImageDraw.Draw(framed).text((band // 3, band // 4), "look at this", "black", font_size=band / 2)
    return framed


def frame(image: Image.Image) -> Image.Image:
    """Put the picture on a dark page."""
    margin = image.width // 8
    return ImageOps.expand(image, (margin, margin, margin, 2 * margin), "#20242c")


def tint(image: Image.Image) -> Image.Image:
    """Make the colours stronger and the picture darker."""
    return ImageEnhance.Brightness(ImageEnhance.Color(image).enhance(1.6)).enhance(0.85)


FIRST: tuple[Edit, ...] = (
    crop(0.05, 0.05, 0.05, 0.05),
    ImageOps.mirror,
    tint,
    caption,
    frame,
    ImageOps.grayscale,
)
SECOND: tuple[Edit, ...] = (
    crop(0.12, 0, 0, 0.1),
    crop(0, 0.1, 0.12, 0),
    tint,
)


def edited_copies(photo: Path) -> Iterator[Image.Image]:
    """Return copies of a photo, no two of them alike."""
    with Image.open(photo) as opened:
        image = opened.convert("RGB")
    for first, second in product(FIRST, SECOND):
        yield second(first(image).convert("RGB"))


def write_copies(photo: Path, folder: Path, count: int, after: int = 0) -> None:
    """Write `count` copies of a photo into a folder, from copy number `after` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, copy in enumerate(islice(edited_copies(photo), after, after + count), after + 1):
        copy.save(folder / f"{photo.stem}-{number}.jpg", quality=70)
