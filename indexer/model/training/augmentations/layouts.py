"""Layout augmentations: borders, captions, screens, collages."""

import math
from collections.abc import Callable
from random import Random
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from indexer.model.training.augmentations.base import (
    any_colour,
    chance,
    fill_colour,
    font,
    some_words,
)

_TILE: Final = 320  # px: longest side of one picture of a collage


def pad(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Add a border, on all sides or some, plain or of the blurred picture."""
    even = random.uniform(0.03, 0.55)
    left, top, right, bottom = random.choice(
        [
            (even, even, even, even),
            (even, 0.0, even, 0.0),
            (0.0, even, 0.0, even),
            tuple(random.uniform(0, 0.45) for _ in range(4)),
        ]
    )
    width, height = picture.size
    size = int(width * (1 + left + right)), int(height * (1 + top + bottom))
    if chance(random, 0.2):
        canvas = picture.resize(size).filter(ImageFilter.GaussianBlur(max(size) / 25))
    else:
        canvas = Image.new("RGB", size, fill_colour(random))
    canvas.paste(picture, (int(width * left), int(height * top)))
    return canvas


def caption(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Add a bar of text above, below or both, as memes have it."""
    width, height = picture.size
    above = int(height * random.uniform(0.12, 0.5))
    below = int(height * random.uniform(0.1, 0.4)) if chance(random, 0.4) else 0
    if chance(random, 0.15):
        above, below = 0, max(above, below)
    paper, ink = ((255, 255, 255), (0, 0, 0)) if chance(random, 0.75) else ((0, 0, 0), (255,) * 3)
    canvas = Image.new("RGB", (width, height + above + below), paper)
    canvas.paste(picture, (0, above))
    draw = ImageDraw.Draw(canvas)
    for top, space in ((0, above), (height + above, below)):
        lines = random.randint(1, 3)
        for number in range(lines if space else 0):
            place = width * random.uniform(0.01, 0.3), top + space * (number + 0.15) / lines
            text = some_words(random, random.randint(2, 7))
            draw.text(place, text, ink, font=font(int(space / lines * 0.6)))
    return canvas


def show_on_screen(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Put the picture on a page of an application, with bars and text around it."""
    width, height = picture.size
    if chance(random, 0.6):  # a telephone
        wide = int(width * random.uniform(1, 1.6))
        inner = int(width * random.uniform(0.8, 1)) if chance(random, 0.4) else wide
        high = int(height * inner / width * random.uniform(1.25, 2.6))
    else:
        wide, high, inner = int(width * random.uniform(1.2, 2.2)), 0, width
        high = int(height * random.uniform(1.15, 1.7))
    picture = picture.resize((inner, max(8, int(height * inner / width))))
    high = max(high, picture.height + 4)
    dark = chance(random, 0.4)
    screen = Image.new("RGB", (wide, high), (24, 26, 30) if dark else (245, 246, 248))
    _fill_screen(screen, random, ink=(220, 220, 220) if dark else (40, 40, 40))
    place = (
        random.randint(0, wide - picture.width),
        int((high - picture.height) * random.uniform(0.1, 0.8)),
    )
    screen.paste(picture, place)
    return screen


def paste_onto(
    picture: Image.Image, random: Random, other: Callable[[], Image.Image]
) -> Image.Image:
    """Paste the picture onto another one, where it takes a tenth to most of the area."""
    canvas = other().copy()
    share = random.uniform(0.3, 0.85)
    if chance(random, 0.6):
        factor = share * min(canvas.width / picture.width, canvas.height / picture.height)
    else:
        area = canvas.width * canvas.height / (picture.width * picture.height)
        factor = share * math.sqrt(0.8 * area)
    small = picture.resize(
        (
            max(16, min(canvas.width, int(picture.width * factor))),
            max(16, min(canvas.height, int(picture.height * factor))),
        )
    )
    place = (
        random.randint(0, max(0, canvas.width - small.width)),
        random.randint(0, max(0, canvas.height - small.height)),
    )
    opacity = random.randint(140, 240) if chance(random, 0.25) else 255
    canvas.paste(small, place, Image.new("L", small.size, opacity))
    return canvas


def collage(picture: Image.Image, random: Random, other: Callable[[], Image.Image]) -> Image.Image:
    """Make the picture one of two to nine in a grid, with or without gutters.

    The tiles are the whole pictures or, as many programs make it, what fits a common shape.
    """
    across, down = random.choice(
        [(2, 1), (1, 2), (2, 2), (2, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3), (3, 3)]
    )
    factor = min(1.0, _TILE / max(picture.size))
    width, height = max(8, int(picture.width * factor)), max(8, int(picture.height * factor))
    if chance(random, 0.3):
        width = height = min(width, height)
    fill = _fitted if chance(random, 0.5) else Image.Image.resize
    gap = random.choice([0, 0, 4, 8, 16])
    size = across * (width + gap) + gap, down * (height + gap) + gap
    canvas = Image.new("RGB", size, fill_colour(random))
    own = random.randrange(across * down)
    for cell in range(across * down):
        tile = fill(picture if cell == own else other(), (width, height))
        left, top = cell % across * (width + gap), cell // across * (height + gap)
        canvas.paste(tile, (gap + left, gap + top))
    return canvas


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cut the middle of a picture that fills a size."""
    return ImageOps.fit(picture, size)


def _fill_screen(screen: Image.Image, random: Random, ink: tuple[int, int, int]) -> None:
    """Draw a title bar, lines of text and round and square marks."""
    draw = ImageDraw.Draw(screen)
    width, height = screen.size
    bar = any_colour(random) if chance(random, 0.5) else (200, 200, 205)
    draw.rectangle((0, 0, width, height * 0.05), fill=bar)
    step = max(9.0, height * 0.035)
    y = height * 0.06
    while y < height - step:
        left = width * 0.04
        if chance(random, 0.7):
            text = some_words(random, random.randint(2, 9))
            draw.text((left, y), text, ink, font=font(int(step * 0.6)))
        if chance(random, 0.15):
            draw.ellipse((left, y, left + step, y + step), fill=any_colour(random))
        if chance(random, 0.1):
            right = width * random.uniform(0.3, 0.9)
            draw.rectangle((left, y, right, y + step), fill=any_colour(random))
        y += step * random.uniform(1, 1.6)
    if chance(random, 0.5):
        draw.rectangle((0, height * 0.93, width, height), fill=bar)
