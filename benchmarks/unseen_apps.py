"""Screens of five further made-up applications, on which no rule about templates was chosen.

They are to be counted, not looked at: who chooses a rule by one of them moves it to made_up_apps.py
and draws another.
"""

from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from made_up_apps import DARK, WHITE, WORDS, Application, Colour, Picture, Screen, words

GREY: Final = (120, 120, 128)
SHADES: Final[tuple[Colour, ...]] = (
    *((250, 190, 60), (240, 70, 90), (60, 160, 250), (60, 210, 150), (170, 90, 230)),
)


def dating(picture: Picture, seed: int) -> Picture:
    """Return a card that fills nearly a whole light screen of 640 x 1136, a name over it."""
    random, screen = Random(seed), Screen(640, 1136, (245, 245, 247))
    screen.text((230, 24), "sparkle", 40, (240, 70, 90))
    screen.icon(1, 580, 32, 34, GREY)
    screen.icon(0, 24, 32, 34, GREY)
    shape, shade = Image.new("L", (600, 850), 0), Image.new("L", (1, 850))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, 599, 849), 24, fill=255)
    shade.putdata([max(0, int(0.9 * (y - 600))) for y in range(850)])
    black, shown = Image.new("RGB", (600, 850)), ImageOps.fit(picture, (600, 850))
    screen.image.paste(Image.composite(black, shown, shade.resize((600, 850))), (20, 96), shape)
    name = f"{random.choice(WORDS).title()}, {random.randrange(18, 60)}"
    screen.text((46, 800), name, 46, WHITE)
    screen.text((46, 862), words(random, 4), 24, (235, 235, 235))
    screen.text((46, 896), f"{random.randrange(1, 50)} km away", 22, (235, 235, 235))
    for number, ink in enumerate(SHADES):
        left = 40 + 120 * number
        circle = left, 986, left + 84, 1070
        screen.draw.ellipse(circle, fill=WHITE, outline=(225, 225, 230), width=2)
        screen.icon(number, left + 26, 1012, 32, ink)
    return screen.image


def mail(picture: Picture, seed: int) -> Picture:
    """Return a letter with the picture below its text, folders beside it, 1366 x 768."""
    random, screen = Random(seed), Screen(1366, 768, (246, 248, 252))
    screen.draw.rectangle((0, 0, 1366, 60), fill=(235, 241, 250))
    screen.text((20, 14), "Post Office", 26, (60, 60, 70))
    screen.draw.rounded_rectangle((300, 10, 900, 50), 20, fill=WHITE)
    screen.text((330, 18), "Search mail", 18, GREY)
    screen.avatar(1310, 10, 40, (120, 160, 90))
    for number, folder in enumerate(("Inbox", "Starred", "Snoozed", "Sent", "Drafts", "Bin")):
        screen.text((64, 90 + 42 * number), folder, 19)
        screen.icon(number, 24, 92 + 42 * number, 20, GREY)
    screen.draw.rounded_rectangle((220, 70, 1340, 760), 16, fill=WHITE)
    screen.text((250, 86), words(random, 5).capitalize(), 28)
    screen.avatar(250, 132, 44, random.choice(SHADES))
    screen.text((306, 132), words(random, 2).title(), 18)
    screen.text((306, 156), "to me", 15, GREY)
    y = screen.lines((306, 196), 900, random.randrange(2, 5), random, (50, 50, 50))
    screen.image.paste(ImageOps.contain(picture, (560, 700 - y)), (306, y + 10))
    for left, label in ((306, "Reply"), (440, "Forward")):
        screen.draw.rounded_rectangle((left, 716, left + 124, 750), 16, outline=GREY, width=2)
        screen.text((left + 22, 722), label, 17)
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


def card(picture: Picture, seed: int) -> Picture:
    """Return news to be passed on, 1200 x 675: the headline beside the picture."""
    random, screen = Random(seed), Screen(1200, 675, (180, 20, 30))
    screen.image.paste(ImageOps.fit(picture, (600, 615)), (600, 0))
    screen.draw.rectangle((0, 615, 1200, 675), fill=(15, 15, 25))
    screen.text((30, 626), "CHANNEL NINE NEWS", 34, WHITE)
    screen.text((900, 632), "channelnine.example", 24, (200, 200, 210))
    screen.draw.rectangle((40, 40, 190, 84), fill=WHITE)
    screen.text((52, 44), "BREAKING", 28, (180, 20, 30))
    for number in range(4):
        screen.text((40, 130 + 84 * number), words(random, 2).title(), 62, WHITE)
    screen.text((40, 520), f"{random.randrange(1, 28)} May", 30, (250, 220, 220))
    screen.icon(1, 520, 520, 50, WHITE)
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


UNSEEN: Final[dict[str, Application]] = {
    "dating": dating,
    "mail": mail,
    "snap": snap,
    "card": card,
    "lightbox": lightbox,
}
"""By name."""
