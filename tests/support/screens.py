"""Screens of two made-up applications, around any photo."""

from random import Random

from PIL import Image, ImageDraw, ImageOps

_WORDS = ("river", "lamp", "garden", "stone", "music", "paper", "window", "market", "silver")
_SHADES = ("#345", "#653", "#363", "#536", "#255")
PHOTO = (60, 190, 420, 300)
"""Left, top, width, height of the photo on a screen of `feed`."""


def feed(photo: Image.Image, seed: int) -> Image.Image:
    """Return a photo feed, 540 x 800, whose captions depend on the seed."""
    screen = Image.new("RGB", (540, 800), "#ffffff")
    draw, random = ImageDraw.Draw(screen), Random(seed)
    draw.rectangle((0, 0, 540, 60), fill="#123a63")
    draw.text((20, 14), "Pictogram", "white", font_size=28)
    for number, colour in enumerate(("#e05a5a", "#5aa0e0", "#78c878", "#e6b450", "#aa6ed2")):
        left = 16 + 104 * number
        draw.ellipse((left, 76, left + 76, 152), outline=colour, width=6)
        draw.text((left + 14, 102), _WORDS[number], "#303030", font_size=16)
    draw.text((60, 164), "some.account", "#101010", font_size=18)
    left, top, width, height = PHOTO
    screen.paste(ImageOps.fit(photo, (width, height)), (left, top))
    for line in range(3):
        caption = " ".join(random.choices(_WORDS, k=5))
        draw.text((60, 510 + 30 * line), caption, "#404040", font_size=18)
    for number in range(8):
        top = 610 + 18 * number
        draw.line((60, top, 480 - 23 * (number % 3), top), "#8899aa", 5)
    draw.rectangle((0, 760, 540, 800), fill="#e8ecf0")
    for number in range(5):
        draw.ellipse((40 + 104 * number, 766, 68 + 104 * number, 794), outline="#203040", width=4)
    return screen


def player(photo: Image.Image, seed: int) -> Image.Image:
    """Return a dark video page, 960 x 600, whose title depends on the seed."""
    screen = Image.new("RGB", (960, 600), "#101014")
    draw, random = ImageDraw.Draw(screen), Random(seed)
    draw.text((20, 12), "Viewer", "#f0f0f0", font_size=26)
    screen.paste(ImageOps.fit(photo, (600, 400)), (20, 60))
    draw.text((20, 480), " ".join(random.choices(_WORDS, k=4)), "#f0f0f0", font_size=24)
    for number in range(5):
        top = 60 + 104 * number
        draw.rectangle((650, top, 790, top + 84), fill=_SHADES[number])
        draw.text((800, top + 10), _WORDS[number], "#c0c0c0", font_size=18)
    return screen
