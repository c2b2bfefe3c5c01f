"""Pictures that hold others: long screenshots, collages, animations."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from support.pictures import encode

PANEL = (300, 2000, 480, 360)  # left, top, width, height of the photo on a page


def page(photo: Image.Image | None, background: str = "white") -> Image.Image:
    """Return a long screenshot full of text, with the photo at `PANEL`."""
    made = Image.new("RGB", (1080, 4000), background)
    draw = ImageDraw.Draw(made)
    for top in range(40, 3900, 44):
        draw.text((60, top), "Some words of a long page. " * 2, fill="grey", font_size=24)
    if photo is not None:
        left, top, width, height = PANEL
        made.paste(background, (0, top - 40, made.width, top + height + 40))
        made.paste(photo.resize((width, height)), (left, top))
    return made


def collage(photos: Sequence[Image.Image], gap: int) -> Image.Image:
    """Return four photos in two rows, `gap` pixels apart, 600 x 450 each."""
    made = Image.new("RGB", (1200 + 3 * gap, 900 + 3 * gap), "black")
    for number, photo in enumerate(photos):
        row, column = divmod(number, 2)
        cell = photo.resize((600, 450))
        made.paste(cell, (gap + column * (600 + gap), gap + row * (450 + gap)))
    return made


def animation(photos: Sequence[Image.Image]) -> bytes:
    """Return a GIF of these photos, 320 x 240 each."""
    first, *others = [photo.resize((320, 240)) for photo in photos]
    return encode(first, "GIF", save_all=True, append_images=others, duration=100)
