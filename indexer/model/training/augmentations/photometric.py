"""Photometric augmentations: compression, blur, noise, colour."""

import math
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from indexer.model.training.augmentations.base import any_colour, chance


def compress(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Save as a JPEG of low quality."""
    data = BytesIO()
    picture.save(data, "JPEG", quality=random.randint(6, 60))
    return Image.open(data).convert("RGB")


def shrink(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Throw pixels away."""
    factor = random.uniform(0.12, 0.7)
    size = max(24, int(picture.width * factor)), max(24, int(picture.height * factor))
    kinds = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BOX)
    return picture.resize(size, random.choice(kinds))


def pixelate(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Make large square pixels."""
    factor = random.uniform(0.05, 0.25)
    few = max(12, int(picture.width * factor)), max(12, int(picture.height * factor))
    return picture.resize(few).resize(picture.size, Image.Resampling.NEAREST)


def blur(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Blur by up to a fortieth of the longer side."""
    radius = random.uniform(0.8, 6) * max(picture.size) / 224
    kind = ImageFilter.GaussianBlur if chance(random, 0.8) else ImageFilter.BoxBlur
    return picture.filter(kind(radius))


def noise(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Add Gaussian noise, or salt and pepper."""
    values = np.array(picture, np.float32)
    source = np.random.default_rng(random.getrandbits(32))
    if chance(random, 0.75):
        values += source.normal(0, random.uniform(8, 60), values.shape)
    else:
        share = random.uniform(0.005, 0.06)
        places = source.random(values.shape[:2])
        values[places < share] = 0
        values[places > 1 - share] = 255
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def recolour(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Change brightness, contrast and saturation, sometimes hue and tint."""
    kinds = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    for kind in random.sample(kinds, random.randint(1, 3)):
        picture = kind(picture).enhance(math.exp(random.uniform(-0.9, 0.8)))
    if chance(random, 0.4):
        hue, saturation, value = picture.convert("HSV").split()
        shift = random.randrange(256) if chance(random, 0.4) else random.randint(-30, 30)
        turned = hue.point([(level + shift) % 256 for level in range(256)])
        picture = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
    if chance(random, 0.2):
        tint = Image.new("RGB", picture.size, any_colour(random))
        picture = Image.blend(picture, tint, random.uniform(0.1, 0.45))
    return picture


def grey(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Take the colour out, or replace it by sepia."""
    plain = ImageOps.grayscale(picture)
    if chance(random, 0.3):
        return ImageOps.colorize(plain, (20, 10, 0), (255, 240, 200))
    return plain.convert("RGB")


def retone(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Posterise, equalise, stretch, bend or sharpen the levels."""
    match random.randrange(5):
        case 0:
            return ImageOps.posterize(picture, random.randint(2, 4))
        case 1:
            return ImageOps.equalize(picture)
        case 2:
            return ImageOps.autocontrast(picture, cutoff=random.randint(1, 12))
        case 3:
            gamma = math.exp(random.uniform(-0.8, 0.8))
            return picture.point([int(255 * (level / 255) ** gamma) for level in range(256)] * 3)
        case _:
            kinds: list[ImageFilter.Filter] = [
                ImageFilter.SHARPEN(),
                ImageFilter.EDGE_ENHANCE(),
                ImageFilter.MedianFilter(5),
            ]
            return picture.filter(random.choice(kinds))
