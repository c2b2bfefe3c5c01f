"""Protocol of augmentations, and what they share."""

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, Final

from PIL import Image, ImageFont

Edit = Callable[[Image.Image, Random, Callable[[], Image.Image]], Image.Image]
"""Changes an RGB picture at random; the last argument gives some other picture."""

Colour = tuple[int, int, int]

_WORDS: Final = (
    *("look", "at", "this", "today", "new", "best", "sale", "free", "now", "wow", "lol", "news"),
    *("live", "video", "more", "like", "and", "the", "quick", "never", "always", "they", "said"),
    *("what", "why", "how", "happy", "day", "morning", "by", "copyright", "rights", "follow"),
)
_LEAST_FONT: Final = 8  # px


def chance(random: Random, share: float) -> bool:
    """Say yes in this share of all cases, 0 to 1."""
    return random.random() < share


def any_colour(random: Random) -> Colour:
    """Return a colour."""
    return random.randrange(256), random.randrange(256), random.randrange(256)


def fill_colour(random: Random) -> Colour:
    """Return a colour as borders have it: black or white more often than not."""
    return random.choice(
        [
            (0, 0, 0),
            (255, 255, 255),
            (0, 0, 0),
            (255, 255, 255),
            (128, 128, 128),
            any_colour(random),
        ]
    )


def some_words(random: Random, count: int) -> str:
    """Return a line of text."""
    return " ".join(random.choice(_WORDS) for _ in range(count))


@lru_cache(maxsize=64)
def font(size: int) -> Any:
    """Return the typeface that comes with Pillow, at least 8 px high."""
    return ImageFont.load_default(max(_LEAST_FONT, size))
