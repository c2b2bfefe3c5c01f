"""Screens of five made-up applications around any picture, drawn by code.

The frame of each is always the same; messages, captions, counts and times depend on the seed.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

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
SECTIONS: Final = ("World", "Politics", "Culture", "Science", "Sport", "Weather")


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


def chat(picture: Picture, seed: int) -> Picture:
    """Return a conversation whose third message is the picture, 540 x 1100."""
    fixed, random, green = Random(1), Random(seed), (220, 248, 198)
    screen = Screen(540, 1100, (229, 221, 213))
    for _ in range(60):
        place = fixed.randrange(540), fixed.randrange(90, 1100)
        screen.icon(fixed.randrange(5), *place, 22, (220, 211, 202))
    screen.draw.rectangle((0, 0, 540, 84), fill=(7, 94, 84))
    screen.avatar(50, 16, 54, (200, 220, 230))
    screen.text((118, 18), "Family group", 24, WHITE)
    screen.text((118, 50), "online now", 15, (200, 230, 225))
    screen.icon(4, 430, 28, 26, WHITE)
    screen.icon(0, 486, 28, 24, WHITE)

    def message(top: int, *, ours: bool) -> int:
        width = random.randrange(220, 400)
        left = 524 - width if ours else 16
        ground = green if ours else WHITE
        screen.draw.rounded_rectangle((left, top, left + width, top + 64), 12, fill=ground)
        screen.lines((left + 14, top + 8), width - 30, 2, random, (30, 30, 30))
        return top + 80

    y = 110
    for _ in range(2):
        y = message(y, ours=False)
    height = min(520, max(200, 380 * picture.height // picture.width))
    mask = Image.new("L", (380, height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 379, height - 1), 14, fill=255)
    screen.draw.rounded_rectangle((132, y - 6, 524, y + height + 30), 16, fill=green)
    screen.image.paste(ImageOps.fit(picture, (380, height)), (138, y), mask)
    time = f"{random.randrange(10, 24)}:{random.randrange(10, 60)}"
    screen.text((450, y + height + 6), time, 15, (90, 110, 90))
    y += height + 50
    while y < 930:  # noqa: PLR2004 -- where the input begins
        y = message(y, ours=random.random() < 0.5)  # noqa: PLR2004 -- a coin
    screen.draw.rounded_rectangle((12, 1034, 460, 1086), 26, fill=WHITE)
    screen.text((40, 1048), "Type a message", 20, (150, 150, 150))
    screen.draw.ellipse((472, 1032, 528, 1088), fill=(7, 94, 84))
    return screen.image


def feed(picture: Picture, seed: int) -> Picture:
    """Return a post in a feed of photos, 600 x 1060; the picture is cut square."""
    random, screen = Random(seed), Screen(600, 1060, WHITE)
    screen.text((20, 16), "Pictogram", 34)
    screen.icon(1, 470, 22, 30)
    screen.icon(2, 530, 22, 30)
    shades = [(230, 90, 90), (90, 160, 230), (120, 200, 120), (230, 180, 80), (170, 110, 210)]
    for number, shade in enumerate([*shades, (90, 200, 200)]):
        left = 14 + 98 * number
        screen.draw.ellipse((left, 76, left + 82, 158), outline=(220, 60, 140), width=4)
        screen.avatar(left + 8, 84, 66, shade)
        screen.text((left + 16, 162), WORDS[number], 14)
    screen.draw.line((0, 192, 600, 192), (225, 225, 225), 1)
    screen.avatar(16, 204, 48, (200, 170, 140))
    screen.text((76, 208), "some.account", 20)
    screen.text((76, 232), words(random, 2), 15, (110, 110, 110))
    screen.text((556, 208), "...", 26)
    screen.image.paste(ImageOps.fit(picture, (600, 600)), (0, 264))
    for number in range(3):
        screen.icon(number, 18 + 56 * number, 878, 32)
    screen.icon(3, 548, 878, 32)
    screen.text((18, 924), f"Liked by {random.randrange(10, 9999)} people", 18)
    screen.lines((18, 950), 560, 2, random, (60, 60, 60))
    screen.draw.line((0, 1004, 600, 1004), (225, 225, 225), 1)
    for number in range(5):
        screen.icon(2 * number + 1, 40 + 120 * number, 1016, 32)
    return screen.image


def player(picture: Picture, seed: int) -> Picture:
    """Return a page that plays the picture as a video, letterboxed, 1280 x 800."""
    fixed, random, screen = Random(2), Random(seed), Screen(1280, 800, (15, 15, 15))
    screen.draw.rounded_rectangle((62, 14, 110, 46), 8, fill=(230, 30, 30))
    screen.text((118, 16), "Viewer", 26, WHITE)
    screen.draw.rounded_rectangle((380, 12, 860, 50), 18, outline=(60, 60, 60), width=2)
    screen.text((400, 20), "Search", 18, (140, 140, 140))
    screen.avatar(1210, 12, 40, (120, 90, 200))
    shown = ImageOps.contain(picture, (854, 480))
    screen.draw.rectangle((30, 70, 884, 550), fill=(0, 0, 0))
    place = 30 + (854 - shown.width) // 2, 70 + (480 - shown.height) // 2
    screen.image.paste(shown, place)
    screen.draw.line((30, 516, 884, 516), (110, 110, 110), 5)
    screen.draw.line((30, 516, 300, 516), (230, 30, 30), 5)
    screen.text((80, 524), "2:13 / 9:47", 15, WHITE)
    screen.text((30, 566), words(random, 6).capitalize(), 26, WHITE)
    screen.avatar(30, 612, 48, (60, 140, 90))
    screen.text((92, 614), "The Channel", 19, WHITE)
    screen.draw.rounded_rectangle((270, 616, 390, 654), 18, fill=WHITE)
    screen.text((290, 624), "Subscribe", 18)
    screen.draw.rounded_rectangle((30, 674, 884, 784), 12, fill=(39, 39, 39))
    screen.lines((46, 686), 800, 3, random, (220, 220, 220))
    for number in range(6):
        top = 72 + 120 * number
        shade = tuple(fixed.randrange(40, 220) for _ in range(3))
        screen.draw.rounded_rectangle((910, top, 1090, top + 102), 8, fill=shade)
        for _ in range(6):
            x, y = fixed.randrange(915, 1060), top + fixed.randrange(5, 80)
            shade = tuple(fixed.randrange(256) for _ in range(3))
            screen.draw.ellipse((x, y, x + 28, y + 20), fill=shade)
        screen.lines((1102, top + 4), 160, 3, fixed, (235, 235, 235))
    return screen.image


def browser(picture: Picture, seed: int) -> Picture:
    """Return a newspaper's page in a browser, the picture above its article, 1200 x 900."""
    fixed, random, screen = Random(3), Random(seed), Screen(1200, 900, WHITE)
    screen.draw.rectangle((0, 0, 1200, 84), fill=(222, 225, 230))
    screen.draw.rounded_rectangle((70, 6, 320, 50), 10, fill=WHITE)
    screen.text((90, 14), "Daily Gazette", 17)
    screen.draw.rounded_rectangle((150, 46, 1040, 78), 16, fill=WHITE)
    screen.text((176, 52), "https://gazette.example/world", 17, (90, 90, 90))
    for number in range(4):
        screen.icon(number, 20 + 32 * number, 52, 20, (90, 90, 90))
    screen.text((60, 104), "THE DAILY GAZETTE", 44)
    screen.draw.line((60, 164, 1140, 164), DARK, 3)
    for number, section in enumerate(SECTIONS):
        screen.text((60 + 150 * number, 172), section, 19)
    screen.text((60, 218), words(random, 5).capitalize(), 36)
    screen.image.paste(ImageOps.fit(picture, (620, 400)), (60, 280))
    screen.lines((60, 690), 620, 8, random, (50, 50, 50))
    screen.text((730, 280), "Most read", 26, (180, 20, 20))
    top = 320
    for number in range(7):
        screen.text((730, top), str(number + 1), 34, (180, 20, 20))
        top = screen.lines((775, top), 360, 2, fixed, (40, 40, 40)) + 20
    screen.draw.rectangle((730, top, 1140, top + 90), fill=(240, 236, 220))
    screen.text((750, top + 28), "Subscribe for 1 a week", 26, (120, 90, 20))
    return screen.image


def story(picture: Picture, seed: int) -> Picture:
    """Return the picture filling a screen of 540 x 960, with a story's controls over it."""
    random = Random(seed)
    screen = Screen(540, 960, DARK)
    shade = Image.new("L", (1, 960))
    levels = [max(0, 140 - y, int(0.8 * (y - 780))) for y in range(960)]
    shade.putdata(levels)
    black = Image.new("RGB", (540, 960))
    shaded = Image.composite(black, ImageOps.fit(picture, (540, 960)), shade.resize((540, 960)))
    screen.image.paste(shaded, (0, 0))
    for number in range(5):
        ink = WHITE if number < 2 else (150, 150, 150)  # noqa: PLR2004 -- the second is shown
        left = 10 + 105 * number
        screen.draw.rounded_rectangle((left, 12, left + 95, 17), 3, fill=ink)
    screen.avatar(16, 30, 48, (240, 180, 60))
    screen.text((76, 34), "wanderer", 22, WHITE)
    screen.text((76, 60), f"{random.randrange(1, 23)} h", 16, (220, 220, 220))
    screen.text((500, 30), "x", 32, WHITE)
    screen.draw.rounded_rectangle((16, 884, 400, 938), 26, outline=WHITE, width=2)
    screen.text((40, 898), "Send message", 21, WHITE)
    screen.icon(1, 424, 894, 36, WHITE)
    screen.icon(2, 482, 894, 36, WHITE)
    screen.draw.rounded_rectangle((150, 810, 390, 860), 14, fill=WHITE)
    screen.text((176, 822), "See the link here", 22, (30, 90, 200))
    return screen.image


APPS: Final[dict[str, Application]] = {
    "chat": chat,
    "feed": feed,
    "player": player,
    "browser": browser,
    "story": story,
}
"""By name."""
