"""Labelled images for tests: bundled photos, and drawings made here."""

from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

PHOTOS = Path(__file__).parents[2] / "photos"
_SIDE = 160


def draw(number: int) -> Image.Image:
    """Make a flat drawing, another one for each number."""
    random = Random(number)
    image = Image.new("RGB", (_SIDE, _SIDE), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        x, y = random.randrange(_SIDE - 50), random.randrange(_SIDE - 50)
        box = (x, y, x + random.randrange(20, 50), y + random.randrange(20, 50))
        colour = random.choice(("red", "navy", "gold", "green", "purple", "black"))
        random.choice((pen.ellipse, pen.rectangle))(box, fill=colour)
    return image


def photo(number: int, size: int = 224) -> Image.Image:
    """Open one of the bundled photos, made small."""
    path = sorted(PHOTOS.glob("*.jpg"))[number]
    image = Image.open(path).convert("RGB")
    image.thumbnail((size, size))
    return image


def make_folder(root: Path, count: int = 12) -> Path:
    """Make a folder with the classes drawing and photo, of so many images each."""
    for name, make in (("drawing", draw), ("photo", photo)):
        (root / name).mkdir(parents=True)
        for number in range(count):
            make(number).save(root / name / f"{number:02}.png")
    return root
