"""Make a benchmark of compositions: collages, edits in a row, and edits of the shape.

Of the references of a given benchmark, 54 copies of each kind:

- collage_4, collage_4_gutter, collage_6, collage_9: one cell is a reference, the others are queries
  of the given benchmark that have none; without and with white between the cells (6 and 9: half
  and half), each picture cut to a square
- edits_3, edits_4: three or four of fourteen edits in a row
- rotate_small: by 2 to 12 degrees
- crop_hard: 30 to 50 % of the area
- skew: a shear of 6 to 20 degrees
- background: laid on another picture, at 40 to 70 % of its size

and 360 of the given queries that have no reference. The edits are those of picture_edits.py; the
same seed makes the same pictures.

Example: python benchmarks/composition_set.py ../shared/bench/dev /tmp/composition
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

from PIL import Image

import picture_edits
from benchmark_folder import PLAIN, BenchmarkFolder, open_rgb
from picture_edits import Edited

COPIES = 54  # of each kind
GUTTER = 12  # pixels
SHAPES = {4: 2, 6: 3, 9: 3}  # columns by number of cells


def kinds(folder: BenchmarkFolder) -> dict[str, Callable[[Image.Image], Edited]]:
    """Return what makes a copy of each kind out of a reference."""
    random = folder.random
    strangers = cycle(folder.strangers(PLAIN))

    def collage(picture: Image.Image, cells: int, gutter: int | None) -> Edited:
        width = int(random.choice([0, GUTTER])) if gutter is None else gutter
        place = int(random.integers(cells))
        panels = [open_rgb(next(strangers)) for _ in range(cells - 1)]
        panels.insert(place, picture)
        made = picture_edits.collage(panels, SHAPES[cells], width)
        return made, f"cell={place};gutter={width}"

    def background(picture: Image.Image) -> Edited:
        return picture_edits.lay_on(picture, open_rgb(next(strangers)), random)

    return {
        "collage_4": partial(collage, cells=4, gutter=0),
        "collage_4_gutter": partial(collage, cells=4, gutter=GUTTER),
        "collage_6": partial(collage, cells=6, gutter=None),
        "collage_9": partial(collage, cells=9, gutter=None),
        "edits_3": partial(picture_edits.several, random=random, count=3),
        "edits_4": partial(picture_edits.several, random=random, count=4),
        "rotate_small": partial(picture_edits.rotate_slightly, random=random),
        "crop_hard": partial(picture_edits.crop_hard, random=random),
        "skew": partial(picture_edits.skew, random=random),
        "background": background,
    }


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
        originals = folder.originals()
        for kind, edit in kinds(folder).items():
            for _ in range(arguments.copies):
                reference, picture = next(originals)
                edited, made_by = edit(picture)
                folder.add_copy(edited, reference, kind, made_by)
        folder.add_strangers(arguments.strangers)


if __name__ == "__main__":
    main()
