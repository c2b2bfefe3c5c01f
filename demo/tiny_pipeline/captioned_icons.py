"""The icons that the tiny pipeline is trained on, with a caption each, and crops of photos.

The icons are those of the npm package `emoji-datasource-google` (artwork Apache-2.0), 64 px.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of an icon and of a crop
LEFT_OUT = frozenset({"Flags", "Component"})  # flags differ in details that 64 px do not carry
PLAIN = "a simple icon of {}"  # the style's words, so that a prompt can ask for it or leave it out


def read_icons(package: Path) -> tuple[NDArray[np.uint8], list[list[str]]]:
    """Return the icons on white, and the captions of each, its name first.

    Parameters
    ----------
    package
        The unpacked npm package, with `emoji.json` and `img/google/64`.

    Returns
    -------
    icons
        uint8, shape `(n, 64, 64, 3)`.
    captions
        For each icon its name, and its name and category.
    """
    icons: list[NDArray[np.uint8]] = []
    captions: list[list[str]] = []
    for entry in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        path = package / "img" / "google" / "64" / entry["image"]
        if entry["category"] in LEFT_OUT or not path.exists():
            continue
        name = entry["name"].lower().replace("_", " ")
        short = [word.replace("_", " ").replace("-", " ") for word in entry["short_names"]]
        icons.append(_on_white(path))
        captions.append(list(dict.fromkeys([name, PLAIN.format(name), *short])))
    return np.stack(icons), captions


def crops(photos: Path, count: int, seed: int) -> NDArray[np.uint8]:
    """Return `count` square crops of a folder's JPEGs, uint8 of shape `(count, 64, 64, 3)`."""
    random = Random(seed)
    pictures = [Image.open(path).convert("RGB") for path in sorted(photos.glob("*.jpg"))]
    return np.stack([_crop(random.choice(pictures), random) for _ in range(count)])


def batches(
    pixels: NDArray[np.uint8], size: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
    """Yield rows' numbers and their pixels in [-1, 1], shape `(size, 3, 64, 64)`, without end."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(pixels))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield rows, to_signed(pixels[rows])


def to_signed(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Return uint8 pixels `(n, h, w, 3)` as float32 in [-1, 1], shape `(n, 3, h, w)`."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def _on_white(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as icon:
        layer = icon.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    ground.alpha_composite(layer)
    return np.asarray(ground.convert("RGB").resize((SIDE, SIDE)))


def _crop(picture: Image.Image, random: Random) -> NDArray[np.uint8]:
    side = random.randint(SIDE, min(picture.size))
    left = random.randint(0, picture.width - side)
    top = random.randint(0, picture.height - side)
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
