"""Vintage pictures: photos made to look old by a CycleGAN, for evaluation alone.

The generator is that of PyPI's `vintagify` 0.1.2 (MIT; what it was trained on is not known), which
is no dependency of ours: `pip install --no-deps vintagify==0.1.2`.
"""

import os
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from PIL import Image

SIDE = 256  # pixels of the shorter side that the generator is given
STEP = 4  # its layers halve a side twice


def make_vintage(picture: Image.Image) -> Image.Image:
    """Return an RGB picture as the generator paints it, reduced to a shorter side of 256 pixels.

    Raises
    ------
    SystemExit
        The package is not installed.
    """
    scale = min(1.0, SIDE / min(picture.size))
    size = tuple(max(STEP, round(side * scale / STEP) * STEP) for side in picture.size)
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), np.float32) / 127.5 - 1
    with torch.inference_mode():
        painted = _generator()(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]
    values = (painted.permute(1, 2, 0).numpy() + 1) * 127.5
    return Image.fromarray(np.clip(values.round(), 0, 255).astype(np.uint8))


@cache
def _generator() -> Any:
    found = find_spec("vintagify")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("This needs a package: pip install --no-deps vintagify==0.1.2")
    os.environ.setdefault("MPLBACKEND", "Agg")  # the package loads Matplotlib
    from vintagify.generator import ResnetGenerator

    weights = f"{found.submodule_search_locations[0]}/resources/G_A2B_epoch33.pth"
    generator = ResnetGenerator()
    generator.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return generator.eval()
