"""Geometric augmentations: crops, rotations, mirrors, perspective."""

import math
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from indexer.model.training.augmentations.base import chance, fill_colour


def crop(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Keep 15 to 90 % of the area."""
    width, height = picture.size
    area, aspect = random.uniform(0.15, 0.9), math.exp(random.uniform(-0.35, 0.35))
    wide = min(width, max(16, int(width * math.sqrt(area * aspect))))
    high = min(height, max(16, int(height * math.sqrt(area / aspect))))
    left, top = random.randint(0, width - wide), random.randint(0, height - high)
    return picture.crop((left, top, left + wide, top + high))


def crop_mirrored(picture: Image.Image, random: Random, other: Any) -> Image.Image:
    """Keep a part, mirrored left to right."""
    return ImageOps.mirror(crop(picture, random, other))


def stretch(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Change the ratio of the sides."""
    factor = math.exp(random.uniform(-0.5, 0.5))
    return picture.resize((max(24, int(picture.width * factor)), picture.height))


def mirror(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Mirror left to right, or upside down."""
    return ImageOps.mirror(picture) if chance(random, 0.75) else ImageOps.flip(picture)


def turn(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Turn by 90, 180 or 270 degrees."""
    turns = Image.Transpose
    return picture.transpose(random.choice([turns.ROTATE_90, turns.ROTATE_180, turns.ROTATE_270]))


def rotate(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Rotate by any angle, mostly a small one, with corners filled or cropped away."""
    angle = random.choice([-1, 1]) * random.uniform(2, 35)
    if chance(random, 0.2):
        angle = random.uniform(-180, 180)
    smooth = Image.Resampling.BILINEAR
    if chance(random, 0.35):
        turned = picture.rotate(angle, smooth)
        keep = 0.4 + 0.5 * math.cos(math.radians(min(60, abs(angle) * 1.5)))
        wide, high = int(picture.width * keep), int(picture.height * keep)
        left, top = (picture.width - wide) // 2, (picture.height - high) // 2
        return turned.crop((left, top, left + wide, top + high))
    expand = chance(random, 0.65)
    return picture.rotate(angle, smooth, expand=expand, fillcolor=fill_colour(random))


def rotate_far(picture: Image.Image, random: Random, other: Any) -> Image.Image:
    """Rotate by 20 to 95 degrees; at times crop or mirror the result."""
    angle = random.choice([-1, 1]) * random.uniform(20, 95)
    expand = chance(random, 0.65)
    smooth = Image.Resampling.BILINEAR
    rotated = picture.rotate(angle, smooth, expand=expand, fillcolor=fill_colour(random))
    if chance(random, 0.3):
        change = crop if chance(random, 0.5) else mirror
        return change(rotated, random, other)
    return rotated


def change_perspective(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Look at the picture from aside."""
    width, height = picture.size
    most = random.uniform(0.05, 0.3)
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    moved = [
        (
            abs(x - random.uniform(0, most) * width),
            abs(y - random.uniform(0, most) * height),
        )
        for x, y in corners
    ]
    rows, values = [], []
    for (x, y), (u, v) in zip(moved, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(values, float))
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        tuple(coefficients),
        Image.Resampling.BILINEAR,
        fillcolor=fill_colour(random),
    )


def shear(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Lean the picture to one side."""
    lean = random.uniform(-0.35, 0.35)
    return picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        (1, lean, -lean * picture.height / 2, 0, 1, 0),
        Image.Resampling.BILINEAR,
        fillcolor=fill_colour(random),
    )
