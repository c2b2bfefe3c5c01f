"""A concept to train generators on: pictures of one thing in many colours."""

from pathlib import Path

from PIL import Image, ImageDraw


def draw_concept(folder: Path, count: int = 12, side: int = 64) -> Path:
    """Draw pictures of one thing, a ringed disc, in as many colours and a few places."""
    folder.mkdir(parents=True)
    for number in range(count):
        picture = Image.new("RGB", (side, side), "white")
        pen = ImageDraw.Draw(picture)
        colour = f"hsl({number * 360 // count}, 90%, 50%)"
        x, y, radius = side // 2 + number % 3 * 2 - 2, side // 2 + number % 4 - 2, side // 3
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=colour, outline="black", width=max(1, side // 16))
        picture.save(folder / f"{number:02}.png")
    return folder
