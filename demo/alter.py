"""Make an altered copy of a picture: mirrored, cropped, tinted, saved again at low quality."""

import sys

from PIL import Image, ImageEnhance, ImageOps

CROP = 0.04  # of each side
QUALITY = 40


def alter(source: str, target: str) -> None:
    """Write an altered copy of `source` to `target`."""
    with Image.open(source) as image:
        mirrored = ImageOps.mirror(image.convert("RGB"))
    width, height = mirrored.size
    cropped = mirrored.crop(
        (
            int(width * CROP),
            int(height * CROP),
            width - int(width * CROP),
            height - int(height * CROP),
        )
    )
    ImageEnhance.Color(cropped).enhance(1.4).save(target, quality=QUALITY)


if __name__ == "__main__":
    alter(*sys.argv[1:])
