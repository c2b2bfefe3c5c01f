"""Overlay augmentations: text, stickers, bars, pasted images."""

from collections.abc import Callable
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from indexer.model.training.augmentations.base import (
    any_colour,
    chance,
    fill_colour,
    font,
    some_words,
)


def write(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Write some lines of text across the picture."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(random.randint(1, 5)):
        place = random.uniform(-0.1, 0.6) * width, random.uniform(0, 0.9) * height
        draw.text(
            place,
            some_words(random, random.randint(1, 5)),
            any_colour(random) if chance(random, 0.6) else fill_colour(random),
            font=font(int(height * random.uniform(0.05, 0.22))),
            stroke_width=random.choice([0, 0, 2]),
            stroke_fill=fill_colour(random),
        )
    return picture


def stick(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Put smileys and boxes on the picture."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for _ in range(random.randint(1, 4)):
        size = random.uniform(0.1, 0.45) * min(picture.size)
        left = random.uniform(-0.1, 0.9) * picture.width
        top = random.uniform(-0.1, 0.9) * picture.height
        if chance(random, 0.6):
            _smile(draw, (left, top), size, random)
        else:
            right, bottom = left + size * random.uniform(0.6, 2), top + size * random.random()
            draw.rectangle((left, top, right, bottom), fill=any_colour(random))
    return picture


def rule(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Draw horizontal lines across the picture."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    count, colour = random.randint(3, 14), fill_colour(random)
    for number in range(count):
        if chance(random, 0.5):
            y = picture.height * number / count
            draw.line((0, y, picture.width, y), fill=colour, width=max(1, picture.height // 100))
    return picture


def cover(picture: Image.Image, random: Random, other: Callable[[], Image.Image]) -> Image.Image:
    """Lay another picture over a part of this one, sometimes half transparent."""
    picture = picture.copy()
    share = random.uniform(0.2, 0.62)
    size = (
        max(8, int(picture.width * share)),
        max(8, int(picture.height * share * random.uniform(0.6, 1))),
    )
    top = other().resize(size)
    place = (
        random.randint(0, picture.width - top.width),
        random.randint(0, picture.height - top.height),
    )
    opacity = random.randint(90, 230) if chance(random, 0.3) else 255
    picture.paste(top, place, Image.new("L", top.size, opacity))
    return picture


def _smile(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], size: float, random: Random
) -> None:
    left, top = place
    ink = (60, 30, 0)
    colour = random.choice([(255, 204, 50), (230, 60, 60), (255, 255, 255), any_colour(random)])
    draw.ellipse((left, top, left + size, top + size), fill=colour, outline=(0, 0, 0))
    eye = size * 0.07
    for x in (left + 0.3 * size, left + 0.7 * size):
        y = top + 0.35 * size
        draw.ellipse((x - eye, y - eye, x + eye, y + eye), fill=ink)
    mouth = left + 0.25 * size, top + 0.35 * size, left + 0.75 * size, top + 0.8 * size
    draw.arc(mouth, 10, 170, fill=ink, width=max(2, int(size * 0.06)))
