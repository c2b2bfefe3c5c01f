"""Screens of made-up applications, around any photo."""

from random import Random

from PIL import Image, ImageDraw, ImageOps

_WORDS = ("river", "lamp", "garden", "stone", "music", "paper", "window", "market", "silver")
_SHADES = ("#345", "#653", "#363", "#536", "#255")
PHOTO = (60, 190, 420, 300)
"""Left, top, width, height of the photo on a screen of `feed`."""
CHAT_PHOTO = (140, 210, 380, 250)
"""The same of `chat`."""


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


def chat(photo: Image.Image, seed: int) -> Image.Image:
    """Return a conversation, 540 x 800, around a photo; all texts depend on the seed."""
    screen = Image.new("RGB", (540, 800), "#e5ddd5")
    draw, random = ImageDraw.Draw(screen), Random(seed)
    draw.rectangle((0, 0, 540, 70), fill="#075e54")
    draw.text((110, 18), "Family group", "white", font_size=28)
    draw.ellipse((40, 8, 94, 62), fill="#c8dce6")
    screen.paste(ImageOps.fit(photo, (CHAT_PHOTO[2], CHAT_PHOTO[3])), CHAT_PHOTO[:2])
    for number, top in enumerate((86, 146, 480, 550, 620)):
        left = 20 if number % 2 else 140
        draw.rounded_rectangle((left, top, left + 380, top + 52), 12, fill="white")
        for line in (4, 26):
            words = " ".join(random.choices(_WORDS, k=5))
            draw.text((left + 14, top + line), words, "#202020", font_size=18)
    draw.rounded_rectangle((16, 740, 450, 786), 22, fill="white")
    draw.text((40, 750), "Type a message", "#909090", font_size=20)
    draw.ellipse((470, 736, 524, 790), fill="#075e54")
    return screen


def story(photo: Image.Image, seed: int) -> Image.Image:
    """Return a photo that fills a screen of 450 x 800, with controls over it; the age varies."""
    screen = ImageOps.fit(photo, (450, 800))
    draw = ImageDraw.Draw(screen)
    for number in range(5):
        left = 10 + 87 * number
        draw.rectangle((left, 12, left + 78, 17), fill="#ffffff" if number < 2 else "#969696")
    draw.ellipse((16, 30, 64, 78), fill="#f0b43c")
    draw.text((76, 34), "wanderer", "white", font_size=24)
    draw.text((76, 62), f"{seed} h", "#dcdcdc", font_size=16)
    draw.rounded_rectangle((16, 724, 330, 778), 26, outline="white", width=3)
    draw.text((40, 736), "Send message", "white", font_size=24)
    draw.ellipse((350, 730, 390, 770), outline="white", width=4)
    draw.rounded_rectangle((110, 650, 340, 700), 14, fill="white")
    draw.text((130, 660), "See the link here", "#1e5ac8", font_size=24)
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
