"""Draw twelve badges, a white star on a disc, each in another colour: pictures to train on.

Example: python demo/tiny_pipeline/badges.py badges
         lookalike generate train lora badges --out badges-lora --prompt "a star badge"
"""

import sys
from math import cos, pi, sin
from pathlib import Path

from PIL import Image, ImageDraw

COUNT, SIDE = 12, 64
_SCALE = 4  # drawn larger, for smooth edges


def draw_badges(folder: Path) -> Path:
    """Make a folder of badges, `00.png` to `11.png`, 64 x 64 pixels; return it."""
    folder.mkdir(parents=True)
    for number in range(COUNT):
        side = SIDE * _SCALE
        picture = Image.new("RGB", (side, side), "white")
        pen = ImageDraw.Draw(picture)
        hue, middle, radius = number * 360 // COUNT, side / 2, side * (0.40 + number % 3 * 0.02)
        pen.circle((middle, middle), radius, f"hsl({hue}, 85%, 30%)")
        pen.circle((middle, middle), radius * 0.84, f"hsl({hue}, 85%, 55%)")
        tilt = (number % 5 - 2) * pi / 40
        pen.polygon(_star(middle, radius * 0.66, tilt), "white")
        picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(folder / f"{number:02}.png")
    return folder


def _star(middle: float, radius: float, tilt: float) -> list[tuple[float, float]]:
    """Return the ten corners of a star."""
    corners = []
    for corner in range(10):
        angle, length = corner * pi / 5 + tilt, radius * (0.45 if corner % 2 else 1)
        corners.append((middle + length * sin(angle), middle - length * cos(angle)))
    return corners


if __name__ == "__main__":
    draw_badges(Path(sys.argv[1]))
