"""Screens of seven further made-up applications, on which no rule about templates was chosen.

They are to be counted, not looked at: who chooses a rule by one of them moves it to made_up_apps.py
and draws another.
"""

from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from made_up_screen import DARK, GREY, SHADES, WHITE, WORDS, Application, Picture, Screen, words


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


def shop(picture: Picture, seed: int) -> Picture:
    """Return a page that offers the picture for sale, small views beside it, 1024 x 768."""
    random, screen = Random(seed), Screen(1024, 768, WHITE)
    screen.draw.rectangle((0, 0, 1024, 56), fill=(30, 40, 60))
    screen.text((20, 12), "Bazaar", 28, (250, 190, 60))
    screen.draw.rectangle((180, 12, 800, 44), fill=WHITE)
    screen.text((196, 16), words(random, 2), 18, GREY)
    screen.icon(1, 960, 14, 28, WHITE)
    screen.text((20, 66), " / ".join(words(random, 3).split()), 14, GREY)
    shown = ImageOps.contain(picture, (470, 520))
    screen.image.paste(shown, (110 + (470 - shown.width) // 2, 100 + (520 - shown.height) // 2))
    for number in range(random.randrange(3, 6)):
        screen.image.paste(ImageOps.fit(picture, (64, 64)), (24, 100 + 76 * number))
        outline = (250, 150, 30) if number == 0 else (215, 215, 215)
        screen.draw.rectangle((22, 98 + 76 * number, 90, 166 + 76 * number), outline=outline)
    y = screen.lines((610, 100), 390, random.randrange(2, 4), random, DARK)
    for number in range(5):
        screen.icon(2, 610 + 26 * number, y + 8, 18, (250, 150, 30))
    screen.text((750, y + 6), f"{random.randrange(3, 4000)} ratings", 15, (0, 100, 150))
    screen.text((610, y + 40), f"{random.randrange(3, 300)}.{random.randrange(10, 100)}", 36)
    for number, label in enumerate(("Add to basket", "Buy now")):
        box = 610, y + 100 + 60 * number, 1000, y + 146 + 60 * number
        screen.draw.rounded_rectangle(
            box, 22, fill=(255, 215, 60) if number == 0 else (255, 165, 30)
        )
        screen.text((740, y + 110 + 60 * number), label, 19)
    screen.lines((630, y + 240), 370, random.randrange(4, 8), random, (60, 60, 60))
    screen.draw.rectangle((0, 700, 1024, 768), fill=(240, 242, 242))
    screen.text((20, 720), "Customers who bought this also bought", 19)
    return screen.image


def lens(picture: Picture, seed: int) -> Picture:
    """Return the picture as a camera of 900 x 1600 sees it, with what it is set to."""
    random, screen = Random(seed), Screen(900, 1600, (0, 0, 0))
    screen.image.paste(ImageOps.fit(picture, (900, 1200)), (0, 140))
    for number in range(4):
        screen.icon(number, 60 + 230 * number, 50, 50, WHITE)
    for place in (300, 600):
        screen.draw.line((place, 140, place, 1340), (210, 210, 210), 2)
        screen.draw.line((0, place + 240, 900, place + 240), (210, 210, 210), 2)
    screen.draw.ellipse((380, 1230, 520, 1310), fill=(40, 40, 40))
    screen.text((410, 1246), f"{random.randrange(1, 9)}.{random.randrange(10)}x", 36, WHITE)
    chosen = random.randrange(4)
    for number, label in enumerate(("NIGHT", "VIDEO", "PHOTO", "SQUARE")):
        ink = (250, 210, 60) if number == chosen else WHITE
        screen.text((60 + 210 * number, 1366), label, 32, ink)
    screen.draw.ellipse((370, 1420, 530, 1580), outline=WHITE, width=10)
    screen.draw.ellipse((390, 1440, 510, 1560), fill=WHITE)
    screen.image.paste(ImageOps.fit(picture, (110, 110)), (70, 1446))
    screen.icon(4, 740, 1450, 90, WHITE)
    return screen.image


def meeting(picture: Picture, seed: int) -> Picture:
    """Return a call of 1600 x 900: the picture is shared, those who take part are beside it."""
    random, screen = Random(seed), Screen(1600, 900, (32, 33, 36))
    shown = ImageOps.contain(picture, (1220, 720))
    screen.draw.rectangle((20, 40, 1240, 760), fill=(10, 10, 10))
    screen.image.paste(shown, (20 + (1220 - shown.width) // 2, 40 + (720 - shown.height) // 2))
    for number in range(random.randrange(2, 6)):
        top = 40 + 148 * number
        screen.draw.rounded_rectangle((1270, top, 1580, top + 136), 10, fill=(60, 64, 67))
        screen.avatar(1380, top + 14, 88, random.choice(SHADES))
        screen.text((1284, top + 108), words(random, 2).title(), 17, WHITE)
    screen.draw.rectangle((40, 700, 1220, 750), fill=(0, 0, 0))
    screen.text((60, 708), words(random, 9).capitalize(), 26, WHITE)
    screen.text((24, 840), f"{random.randrange(8, 19)}:{random.randrange(10, 60)}", 24, WHITE)
    for number in range(6):
        ground = (234, 67, 53) if number == 5 else (60, 64, 67)  # noqa: PLR2004 -- hangs up
        left = 540 + 90 * number
        screen.draw.ellipse((left, 810, left + 64, 874), fill=ground)
        screen.icon(number, left + 20, 830, 24, WHITE)
    return screen.image


def thread(picture: Picture, seed: int) -> Picture:
    """Return short messages of several people, one with the picture, 600 x 1300."""
    random, screen = Random(seed), Screen(600, 1300, (21, 32, 43))
    pale, dim = (235, 240, 245), (136, 153, 166)
    screen.text((24, 22), "<  Thread", 28, pale)
    screen.draw.line((0, 72, 600, 72), (56, 68, 77), 2)
    y, place = 88, random.randrange(3)
    for number in range(8):
        screen.avatar(16, y, 50, random.choice(SHADES))
        screen.text((80, y), words(random, 2).title(), 19, pale)
        screen.text((300, y + 2), f"{random.randrange(1, 24)} h", 16, dim)
        y = screen.lines((80, y + 28), 500, random.randrange(1, 4), random, pale)
        if number == place:
            shown = ImageOps.contain(picture, (504, 420))
            mask = Image.new("L", shown.size, 0)
            box = 0, 0, shown.width - 1, shown.height - 1
            ImageDraw.Draw(mask).rounded_rectangle(box, 16, fill=255)
            screen.image.paste(shown, (80, y + 8), mask)
            y += shown.height + 16
        for action in range(4):
            screen.icon(action + 1, 84 + 120 * action, y + 10, 18, dim)
            screen.text((110 + 120 * action, y + 8), str(random.randrange(1, 900)), 15, dim)
        screen.draw.line((0, y + 44, 600, y + 44), (56, 68, 77), 1)
        y += 56
    screen.draw.rectangle((0, 1220, 600, 1300), fill=(21, 32, 43))
    screen.draw.line((0, 1220, 600, 1220), (56, 68, 77), 2)
    for number in range(5):
        screen.icon(number, 44 + 120 * number, 1240, 32, pale)
    return screen.image


UNSEEN: Final[dict[str, Application]] = {
    "dating": dating,
    "mail": mail,
    "card": card,
    "shop": shop,
    "thread": thread,
    "lens": lens,
    "meeting": meeting,
}
"""By name."""
