"""Screens of eight made-up applications around any picture, drawn by code.

The frame of each is always the same; messages, captions, counts and times depend on the seed.
"""

from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from made_up_screen import (
    DARK,
    GREY,
    SHADES,
    WHITE,
    WORDS,
    Application,
    Picture,
    Screen,
    words,
)

SECTIONS: Final = ("World", "Politics", "Culture", "Science", "Sport", "Weather")


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


def snap(picture: Picture, seed: int) -> Picture:
    """Return the picture filling a screen of 720 x 1480, words across it at any height."""
    random, screen = Random(seed), Screen(720, 1480, (0, 0, 0))
    screen.image.paste(ImageOps.fit(picture, (720, 1480)), (0, 0))
    y = random.randrange(500, 1000)
    strip = screen.image.crop((0, y, 720, y + 64))
    screen.image.paste(Image.blend(strip, Image.new("RGB", (720, 64)), 0.6), (0, y))
    screen.text((80, y + 12), words(random, 5), 34, WHITE)
    screen.avatar(24, 40, 70, (255, 250, 80))
    screen.text((110, 46), "Team", 32, WHITE)
    screen.text((110, 84), f"{random.randrange(1, 23)}h ago", 22, WHITE)
    screen.icon(3, 650, 54, 40, WHITE)
    for number in range(4):
        screen.icon(number, 650, 160 + 90 * number, 44, WHITE)
    screen.draw.rounded_rectangle((24, 1380, 560, 1450), 34, fill=(30, 30, 30))
    screen.text((60, 1396), "Send a chat", 30, (200, 200, 200))
    screen.icon(1, 600, 1392, 46, WHITE)
    return screen.image


def lightbox(picture: Picture, seed: int) -> Picture:
    """Return a picture on dark ground with its comments to the right, 1280 x 720."""
    random, screen = Random(seed), Screen(1280, 720, (24, 25, 26))
    shown = ImageOps.contain(picture, (820, 640))
    screen.image.paste(shown, (40 + (820 - shown.width) // 2, 40 + (640 - shown.height) // 2))
    screen.text((14, 10), "x", 30, WHITE)
    screen.icon(3, 840, 14, 24, WHITE)
    screen.draw.rectangle((900, 0, 1280, 720), fill=WHITE)
    screen.avatar(916, 20, 48, (90, 150, 200))
    screen.text((976, 22), words(random, 2).title(), 20)
    screen.text((976, 48), f"{random.randrange(1, 59)} min", 15, GREY)
    y = screen.lines((916, 84), 340, random.randrange(1, 4), random, DARK) + 10
    for number, label in enumerate(("Like", "Comment", "Share")):
        screen.icon(number + 1, 924 + 118 * number, y + 8, 20, GREY)
        screen.text((952 + 118 * number, y + 6), label, 16, GREY)
    y += 44
    while y < 590:  # noqa: PLR2004 -- where the input begins
        screen.avatar(916, y, 36, random.choice(SHADES))
        screen.draw.rounded_rectangle((962, y, 1262, y + 66), 14, fill=(240, 242, 245))
        screen.lines((974, y + 8), 276, 2, random, (40, 40, 40))
        y += 78
    screen.draw.rounded_rectangle((916, 668, 1262, 706), 18, fill=(240, 242, 245))
    screen.text((936, 676), "Write a comment", 16, GREY)
    return screen.image


def broadcast(picture: Picture, seed: int) -> Picture:
    """Return the picture filling a television screen of 1280 x 720, words across its bottom."""
    random, screen = Random(seed), Screen(1280, 720, (0, 0, 0))
    screen.image.paste(ImageOps.fit(picture, (1280, 720)), (0, 0))
    screen.draw.rectangle((1130, 36, 1240, 76), fill=(200, 30, 40))
    screen.text((1146, 40), "LIVE", 30, WHITE)
    screen.draw.rectangle((60, 560, 1000, 620), fill=WHITE)
    screen.text((80, 566), words(random, 4).upper(), 40, (20, 30, 80))
    screen.draw.rectangle((60, 620, 700, 656), fill=(20, 30, 80))
    screen.text((80, 624), words(random, 5).capitalize(), 24, WHITE)
    screen.draw.rectangle((0, 676, 1280, 720), fill=(235, 235, 235))
    screen.text((20, 684), words(random, 14), 24)
    screen.draw.rectangle((1120, 676, 1280, 720), fill=(20, 30, 80))
    screen.text((1150, 682), f"{random.randrange(10, 24)}:{random.randrange(10, 60)}", 28, WHITE)
    return screen.image


APPS: Final[dict[str, Application]] = {
    "chat": chat,
    "feed": feed,
    "player": player,
    "browser": browser,
    "story": story,
    "snap": snap,
    "lightbox": lightbox,
    "broadcast": broadcast,
}
"""By name."""
