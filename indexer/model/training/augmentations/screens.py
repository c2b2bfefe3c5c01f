"""Screen augmentations: pages of made-up applications with the picture as content."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageDraw

from indexer.model.training.augmentations.base import (
    Colour,
    any_colour,
    chance,
    font,
    some_words,
)

_WIDTHS: Final = (360, 400, 480, 640)  # px


@dataclass(frozen=True, slots=True)
class _Theme:
    """Colours and measures of one application."""

    paper: Colour
    ink: Colour
    quiet: Colour  # of bars, bubbles and what is less important
    accent: Colour
    unit: int  # px: height of a line of text

    @classmethod
    def of(cls, random: Random, width: int) -> "_Theme":
        unit = max(9, int(width * random.uniform(0.028, 0.05)))
        if chance(random, 0.45):
            level = random.randint(0, 50)
            paper = (level, level, level + random.randint(0, 12))
            return cls(paper, (225,) * 3, (level + 25,) * 3, any_colour(random), unit)
        level = random.randint(232, 255)
        return cls((level,) * 3, (30,) * 3, (level - 25,) * 3, any_colour(random), unit)


class _Page:
    """A page that is filled from above."""

    def __init__(self, width: int, height: int, theme: _Theme, random: Random) -> None:
        self.image = Image.new("RGB", (width, height), theme.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.theme, self.random, self.y = theme, random, 0

    def bar(self) -> None:
        """Draw a bar with a title and a mark or two across the page."""
        theme, height = self.theme, int(self.theme.unit * self.random.uniform(1.6, 3))
        fill = theme.accent if chance(self.random, 0.4) else theme.quiet
        self.draw.rectangle((0, self.y, self.image.width, self.y + height), fill=fill)
        self.mark(int(height * 0.2), self.y + int(height * 0.2), int(height * 0.6))
        self.text(height * 1.2, self.y + height * 0.25, self.random.randint(1, 3))
        if chance(self.random, 0.6):
            side = int(height * 0.5)
            self.mark(self.image.width - 2 * side, self.y + side // 2, side)
        self.y += height

    def author(self) -> None:
        """Draw a round portrait beside a name and a date."""
        unit = self.theme.unit
        self.mark(unit // 2, self.y + unit // 2, 2 * unit)
        self.text(3 * unit, self.y + unit * 0.5, 2)
        self.text(3 * unit, self.y + unit * 1.6, 2, small=True)
        self.y += 3 * unit

    def lines(self, count: int, left: float = 0.04) -> None:
        """Write lines of text."""
        for _ in range(count):
            self.text(self.image.width * left, self.y + 2, self.random.randint(3, 8))
            self.y += int(self.theme.unit * 1.35)

    def marks(self, count: int) -> None:
        """Draw a row of small round or square buttons."""
        unit, step = self.theme.unit, self.image.width // (count + 1)
        for number in range(1, count + 1):
            self.mark(number * step - unit // 2, self.y + unit // 3, unit)
        self.y += int(1.8 * unit)

    def mark(self, left: int, top: int, side: int) -> None:
        """Draw one such button."""
        kind = self.random.choice([self.draw.ellipse, self.draw.rectangle])
        colour = self.theme.accent if chance(self.random, 0.5) else any_colour(self.random)
        kind((left, top, left + side, top + side), fill=colour)

    def text(self, left: float, top: float, words: int, *, small: bool = False) -> None:
        """Write a few words."""
        size = int(self.theme.unit * (0.65 if small else 0.85))
        line = some_words(self.random, words)
        self.draw.text((left, top), line, self.theme.ink, font=font(size))

    def show(self, picture: Image.Image, left: int, width: int) -> None:
        """Paste a picture at this width, with as much of it as fits below."""
        height = max(8, round(picture.height * width / picture.width))
        self.image.paste(picture.resize((max(8, width), height)), (left, self.y))
        self.y += height


def show_in_app(
    picture: Image.Image, random: Random, other: Callable[[], Image.Image]
) -> Image.Image:
    """Show the picture in a chat, a feed, a player, a browser or a gallery."""
    layout = random.choice([_chat, _feed, _player, _browser, _gallery])
    width = random.choice(_WIDTHS)
    theme = _Theme.of(random, width)
    high = width * picture.height / picture.width
    page = _Page(width, int(high + theme.unit * random.uniform(14, 34)), theme, random)
    page.bar()
    if chance(random, 0.3):
        page.bar()
    layout(page, picture, other)
    if chance(random, 0.5):
        page.lines(random.randint(1, 6))
    if chance(random, 0.6):
        page.y = max(page.y, page.image.height - 3 * theme.unit)
        page.bar()
    return page.image


def _chat(page: _Page, picture: Image.Image, _other: Callable[[], Image.Image]) -> None:
    """Write messages to the left and right, one of them the picture."""
    width, unit = page.image.width, page.theme.unit
    messages = page.random.randint(1, 4)
    for number in range(messages):
        if number == messages // 2:
            wide = int(width * page.random.uniform(0.55, 0.8))
            page.y += unit // 2
            page.show(picture, width - wide - unit if chance(page.random, 0.5) else unit, wide)
            page.y += unit // 2
        left, length = page.random.uniform(0.03, 0.4), page.random.uniform(0.3, 0.55)
        colour = page.theme.accent if chance(page.random, 0.4) else page.theme.quiet
        box = (left * width, page.y, (left + length) * width, page.y + 1.6 * unit)
        page.draw.rounded_rectangle(box, unit // 2, fill=colour)
        page.lines(1, left + 0.02)
        page.y += unit


def _feed(page: _Page, picture: Image.Image, other: Callable[[], Image.Image]) -> None:
    """Fill a post with the picture, sometimes with the beginning of the next."""
    page.author()
    page.lines(page.random.randint(0, 3))
    margin = page.random.choice([0, 0, page.theme.unit])
    page.show(picture, margin, page.image.width - 2 * margin)
    page.marks(page.random.randint(3, 5))
    if chance(page.random, 0.4):
        page.author()
        page.show(other(), margin, page.image.width - 2 * margin)


def _player(page: _Page, picture: Image.Image, _other: Callable[[], Image.Image]) -> None:
    """Show a film that stands still, with a bar of time and buttons over its lower edge."""
    page.show(picture, 0, page.image.width)
    unit, width = page.theme.unit, page.image.width
    if chance(page.random, 0.5):
        middle, side = (width // 2, page.y - picture.height * width // picture.width // 2), unit * 2
        x, y = middle
        page.draw.polygon([(x - side, y - side), (x - side, y + side), (x + side, y)], fill="white")
    now = width * page.random.random()
    page.draw.rectangle((0, page.y - 4, width, page.y), fill=page.theme.quiet)
    page.draw.rectangle((0, page.y - 4, now, page.y), fill=page.theme.accent)
    page.marks(page.random.randint(3, 6))


def _browser(page: _Page, picture: Image.Image, other: Callable[[], Image.Image]) -> None:
    """Lay out an article with the picture in it, sometimes with an advertisement beside."""
    width = page.image.width
    page.lines(page.random.randint(1, 4))
    beside = chance(page.random, 0.4)
    wide = int(width * page.random.uniform(0.55, 0.7)) if beside else int(width * 0.92)
    if beside:
        top, side = page.y, int(0.92 * width) - wide - page.theme.unit
        page.image.paste(other().resize((max(8, side), max(8, side))), (width - side, top))
    page.show(picture, int(0.04 * width), wide)
    page.lines(page.random.randint(2, 5))


def _gallery(page: _Page, picture: Image.Image, other: Callable[[], Image.Image]) -> None:
    """Show the picture above a strip of small ones."""
    page.show(picture, 0, page.image.width)
    count = page.random.randint(3, 6)
    side = page.image.width // count
    for number in range(count):
        small = picture if number == 0 else other()
        page.image.paste(small.resize((side - 2, side - 2)), (number * side, page.y + 2))
    page.y += side + 2
