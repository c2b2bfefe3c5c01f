"""Screens of made-up applications: a canvas, and what is drawn on it."""

from collections.abc import Callable
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Picture = Image.Image
Colour = tuple[int, int, int]
Application = Callable[[Picture, int], Picture]
"""Draws a screen around a picture; what differs from screen to screen depends on the seed."""

WHITE: Final = (255, 255, 255)
DARK: Final = (20, 20, 20)
WORDS: Final = (
    *("river", "lamp", "garden", "stone", "music", "paper", "window", "market", "silver"),
    *("winter", "orange", "travel", "quiet", "letter", "morning", "bridge", "coffee", "summer"),
    *("ocean", "yellow", "forest", "planet", "simple", "number", "north", "kitchen", "story"),
)
GREY: Final = (120, 120, 128)
SHADES: Final[tuple[Colour, ...]] = (
    *((250, 190, 60), (240, 70, 90), (60, 160, 250), (60, 210, 150), (170, 90, 230)),
)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, at least 8 pixels high."""
    return ImageFont.load_default(size=max(8, size))


def words(random: Random, count: int) -> str:
    """Return some words."""
    return " ".join(random.choices(WORDS, k=count))


class Screen:
    """A canvas with what applications are made of."""

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        self.image = Image.new("RGB", (width, height), ground)
        self.draw = ImageDraw.Draw(self.image)

    def text(self, place: tuple[float, float], text: str, size: int, ink: Colour = DARK) -> None:
        """Write one line."""
        self.draw.text(place, text, ink, font=font(size))

    def lines(
        self, place: tuple[int, int], width: int, count: int, random: Random, ink: Colour
    ) -> int:
        """Write lines of random words, 17 pixels high; return the y below them."""
        left, top = place
        for _ in range(count):
            line = words(random, 9)
            while self.draw.textlength(line, font=font(17)) > width:
                line = line.rsplit(" ", 1)[0]
            self.text((left, top), line, 17, ink)
            top += 26
        return top

    def avatar(self, left: int, top: int, side: int, ground: Colour) -> None:
        """Draw a round head and shoulders."""
        x, y, s, ink = left, top, side, (70, 60, 60)
        self.draw.ellipse((x, y, x + s, y + s), fill=ground)
        self.draw.ellipse((x + s * 0.33, y + s * 0.2, x + s * 0.67, y + s * 0.52), fill=ink)
        self.draw.pieslice(
            (x + s * 0.15, y + s * 0.5, x + s * 0.85, y + s * 1.2), 180, 360, fill=ink
        )

    def icon(self, kind: int, left: int, top: int, side: int, ink: Colour = DARK) -> None:
        """Draw a square, a circle, a triangle, a cross or an arc."""
        box = (left, top, left + side, top + side)
        middle = top + side / 2
        match kind % 5:
            case 0:
                self.draw.rectangle(box, outline=ink, width=3)
            case 1:
                self.draw.ellipse(box, outline=ink, width=3)
            case 2:
                corners = (left, top + side, left + side / 2, top, left + side, top + side)
                self.draw.polygon(corners, outline=ink)
            case 3:
                self.draw.line((left, middle, left + side, middle), ink, 3)
                self.draw.line((left + side / 2, top, left + side / 2, top + side), ink, 3)
            case _:
                self.draw.arc(box, 30, 330, ink, 3)
