"""Make a benchmark of generative edits: style transfer, and a middle that is painted anew.

The references of a given benchmark are edited by real networks, 90 copies of each kind:

- style_full: one of nine of the 26 styles of `indexer.generation.styles`, ten copies each
- style_half: the same, blended half and half with the original
- style_arbitrary: in the style of another picture, a query of the given benchmark without reference
- inpainted: the middle ninth painted anew from its surroundings by OpenCV (Telea 2004)

and 360 of the given queries that have no reference. The same seed makes the same pictures. It needs
the extra `generate`.

Example: python benchmarks/generative_set.py ../shared/bench/dev /tmp/generative
"""

import argparse
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from PIL import Image

from benchmark_folder import BenchmarkFolder, open_rgb
from indexer.generation.edits import inpaint
from indexer.generation.styles import STYLES, restyle, restyle_like

COPIES = 90  # of each kind
EVERY = 3  # one style in so many
HALF = 0.5


def edits(
    kind: str, folder: BenchmarkFolder, copies: int
) -> Iterator[tuple[Image.Image, str, str]]:
    """Yield edited copies of a kind, each with its reference and what it was made by."""
    paintings = cycle(folder.strangers())
    styles = range(0, len(STYLES), EVERY)
    for row, (reference, picture) in zip(range(copies), folder.originals(), strict=False):
        style = styles[row % len(styles)]
        if kind == "style_full":
            yield restyle(picture, style), reference, f"style={style}"
        elif kind == "style_half":
            yield restyle(picture, style, HALF), reference, f"style={style};strength={HALF}"
        elif kind == "style_arbitrary":
            painting = next(paintings)
            edited = restyle_like(picture, open_rgb(painting))
            yield edited, reference, f"style={painting.name}"
        else:
            edited = inpaint(picture, region="middle", strength=HALF)
            yield edited, reference, "middle ninth"


def main() -> None:
    """Make the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the benchmark whose references are edited")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--copies", type=int, default=COPIES, help="of each kind")
    parser.add_argument("--strangers", type=int, default=360, help="queries without a reference")
    parser.add_argument("--seed", type=int, default=20261130)
    arguments = parser.parse_args()
    with BenchmarkFolder(arguments.source, arguments.out, arguments.seed) as folder:
        for kind in ("style_full", "style_half", "style_arbitrary", "inpainted"):
            for edited, reference, made_by in edits(kind, folder, arguments.copies):
                folder.add_copy(edited, reference, kind, made_by)
        folder.add_strangers(arguments.strangers)


if __name__ == "__main__":
    main()
