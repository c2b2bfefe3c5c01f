"""Picture edits of the composition set, written with Pillow alone.

They are none of the edits that a descriptor is trained with, nor those of the DEV benchmark: what
is measured here was not learnt by heart.
"""

from collections.abc import Callable
from io import BytesIO
from math import cos, radians, sin, tan

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Random = np.random.Generator
Edited = tuple[Image.Image, str]
"""The picture, and what it was made by."""
Edit = Callable[[Image.Image, Random], Edited]

LEAST_SIDE = 64  # pixels; no edit makes a picture smaller
_GREYS = ((0, 0, 0), (255, 255, 255), (128, 128, 128))


def rotate_slightly(picture: Image.Image, random: Random) -> Edited:
    """Turn by 2 to 12 degrees either way; the corners are plain, or cut off."""
    degrees = random.uniform(2, 12) * random.choice([-1, 1])
    corners = ("black", "white", "cut")[random.integers(3)]
    fill = (255, 255, 255) if corners == "white" else (0, 0, 0)
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
    if corners == "cut":
        turned = _cut_middle(turned, *_upright_inside(picture.size, degrees))
    return turned, f"deg={degrees:.1f};corners={corners}"


def crop_hard(picture: Image.Image, random: Random) -> Edited:
    """Keep 30 to 50 % of the area, anywhere."""
    area = random.uniform(0.3, 0.5)
    ratio = random.uniform(0.8, 1.25)
    wide, high = min(1.0, (area * ratio) ** 0.5), min(1.0, (area / ratio) ** 0.5)
    return _crop(picture, wide, high, random), f"area={wide * high:.2f}"


def skew(picture: Image.Image, random: Random) -> Edited:
    """Shear along either axis by 6 to 20 degrees; the corners are plain."""
    degrees = random.uniform(6, 20) * random.choice([-1, 1])
    shear = tan(radians(degrees))
    width, height = picture.size
    fill = _GREYS[random.integers(len(_GREYS))]
    if random.integers(2):
        size = (width + round(abs(shear) * height), height)
        matrix = (1, shear, min(0.0, -shear * height) if shear > 0 else 0.0, 0, 1, 0)
    else:
        size = (width, height + round(abs(shear) * width))
        matrix = (1, 0, 0, shear, 1, min(0.0, -shear * width) if shear > 0 else 0.0)
    sheared = picture.transform(
        size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=fill
    )
    return sheared, f"deg={degrees:.1f}"


def cut_border(picture: Image.Image, random: Random) -> Edited:
    """Keep 70 to 90 % of either side."""
    wide, high = random.uniform(0.7, 0.9, 2)
    return _crop(picture, wide, high, random), f"cut={wide:.2f}x{high:.2f}"


def recompress(picture: Image.Image, random: Random) -> Edited:
    """Write as a JPEG or WebP of low quality and read again."""
    kind = ("JPEG", "WEBP")[random.integers(2)]
    quality = int(random.integers(12, 40))
    buffer = BytesIO()
    picture.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB"), f"{kind.lower()}={quality}"


def change_colours(picture: Image.Image, random: Random) -> Edited:
    """Change contrast, saturation and brightness, each by up to 40 %."""
    factors = random.uniform(0.6, 1.4, 3)
    for change, factor in zip(
        (ImageEnhance.Contrast, ImageEnhance.Color, ImageEnhance.Brightness), factors, strict=True
    ):
        picture = change(picture).enhance(factor)
    return picture, "colours=" + "/".join(f"{factor:.2f}" for factor in factors)


def tint(picture: Image.Image, random: Random) -> Edited:
    """Map dark to one colour and bright to another, as a duotone filter does."""
    dark, bright = random.integers(0, 90, 3), random.integers(170, 256, 3)
    toned = ImageOps.colorize(ImageOps.grayscale(picture), tuple(dark), tuple(bright))
    return Image.blend(picture, toned, 0.7), "tint"


def shade_corners(picture: Image.Image, random: Random) -> Edited:
    """Darken towards the corners, as old lenses do."""
    shade = Image.radial_gradient("L").resize(picture.size)
    strength = random.uniform(0.5, 0.9)
    kept = ImageOps.invert(shade.point(lambda value: int(value * strength)))
    return ImageChops.multiply(picture, Image.merge("RGB", (kept,) * 3)), f"shade={strength:.2f}"


def soften(picture: Image.Image, random: Random) -> Edited:
    """Take the median of some pixels around each."""
    size = int(random.choice([3, 5]))
    return picture.filter(ImageFilter.MedianFilter(size)), f"median={size}"


def pixelate(picture: Image.Image, random: Random) -> Edited:
    """Shrink by 2 to 3.5 and enlarge again without smoothing."""
    factor = random.uniform(2, 3.5)
    small = picture.resize(_scaled(picture.size, 1 / factor), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST), f"pixels={factor:.1f}"


def stretch(picture: Image.Image, random: Random) -> Edited:
    """Change the ratio of the sides by 15 to 40 %."""
    factor = random.uniform(1.15, 1.4) ** random.choice([-1, 1])
    width, height = picture.size
    return picture.resize((max(LEAST_SIDE, round(width * factor)), height)), f"ratio={factor:.2f}"


def reflect(picture: Image.Image, _random: Random) -> Edited:
    """Mirror left and right."""
    return ImageOps.mirror(picture), "mirror"


def frame(picture: Image.Image, random: Random) -> Edited:
    """Set a plain border of 5 to 15 % around it."""
    border = round(random.uniform(0.05, 0.15) * max(picture.size))
    return ImageOps.expand(picture, border, tuple(random.integers(0, 256, 3))), f"border={border}"


def write_over(picture: Image.Image, random: Random) -> Edited:
    """Set a band with a line of words across it."""
    drawn = picture.copy()
    draw = ImageDraw.Draw(drawn)
    width, height = picture.size
    high = max(14, round(height * random.uniform(0.1, 0.18)))
    top = int(random.integers(0, height - high))
    draw.rectangle((0, top, width, top + high), fill=tuple(random.integers(0, 256, 3)))
    words = "do not repost - shared by a friend of a friend - see more below"
    draw.text((4, top), words, fill=(255, 255, 255), font_size=high * 0.7)
    return drawn, "words"


def stick_on(picture: Image.Image, random: Random) -> Edited:
    """Set three to six plain discs and boxes on it, a tenth to a fifth of its width each."""
    drawn = picture.copy()
    draw = ImageDraw.Draw(drawn)
    count = int(random.integers(3, 7))
    for _ in range(count):
        size = random.uniform(0.1, 0.2) * picture.width
        x, y = random.uniform(0, picture.width), random.uniform(0, picture.height)
        shape = draw.ellipse if random.integers(2) else draw.rectangle
        shape((x, y, x + size, y + size), fill=tuple(random.integers(0, 256, 3)))
    return drawn, f"stickers={count}"


ORDINARY: tuple[Edit, ...] = (
    rotate_slightly,
    cut_border,
    recompress,
    change_colours,
    tint,
    shade_corners,
    soften,
    pixelate,
    stretch,
    reflect,
    frame,
    write_over,
    stick_on,
    skew,
)
"""Edits of which several are made in a row."""


def several(picture: Image.Image, random: Random, count: int) -> Edited:
    """Make several ordinary edits in a row, each another one."""
    made_by = []
    for row in random.permutation(len(ORDINARY))[:count]:
        picture, how = ORDINARY[row](picture, random)
        made_by.append(how)
    return picture, ";".join(made_by)


def lay_on(picture: Image.Image, background: Image.Image, random: Random) -> Edited:
    """Lay a picture on another, with 40 to 70 % of its width, upright and wholly inside."""
    share = random.uniform(0.4, 0.7)
    ground = ImageOps.fit(background, (480, 480))
    scale = share * min(ground.width / picture.width, ground.height / picture.height)
    small = picture.resize(_scaled(picture.size, scale), Image.Resampling.LANCZOS)
    room = ground.width - small.width, ground.height - small.height
    ground.paste(small, tuple(int(random.integers(0, side + 1)) for side in room))
    return ground, f"share={share:.2f}"


def collage(panels: list[Image.Image], columns: int, gutter: int, side: int = 640) -> Image.Image:
    """Set pictures into equal cells row by row, each cut to its cell's shape.

    Parameters
    ----------
    panels : list of Image
        Fill the last row.
    columns : int
    gutter : int
        White pixels between two cells and around all.
    side : int
        Pixels of the longer side of the whole, without gutters.
    """
    rows = len(panels) // columns
    cell = side // max(columns, rows)
    step = cell + gutter
    whole = Image.new("RGB", (columns * step + gutter, rows * step + gutter), "white")
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        fitted = ImageOps.fit(panel, (cell, cell), Image.Resampling.LANCZOS)
        whole.paste(fitted, (gutter + column * step, gutter + row * step))
    return whole


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _crop(picture: Image.Image, wide: float, high: float, random: Random) -> Image.Image:
    """Cut out shares of the width and the height, anywhere."""
    width = min(picture.width, max(LEAST_SIDE, round(wide * picture.width)))
    height = min(picture.height, max(LEAST_SIDE, round(high * picture.height)))
    left = int(random.integers(0, picture.width - width + 1))
    top = int(random.integers(0, picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def _cut_middle(picture: Image.Image, width: int, height: int) -> Image.Image:
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _upright_inside(size: tuple[int, int], degrees: float) -> tuple[int, int]:
    """Return the largest box of the same shape that lies inside a picture turned so far."""
    width, height = size
    sine, cosine = abs(sin(radians(degrees))), cos(radians(degrees))
    scale = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return round(width * scale), round(height * scale)
