"""Repaint pictures by style transfer, as further copies for `lookalike model fit-fusion`.

Each of some pictures of a folder is repainted, one in five in the style of another picture and the
others in one of the 26 styles of `indexer.generation.styles`, and stored so and blended half and
half with the original. `copies.csv` names each copy with its original. The same seed makes the same
pictures. It needs the extra `generate`.

Example: python benchmarks/styled_copies.py photos/ styled/
"""

import argparse
import csv
import os
from pathlib import Path
from random import Random

from PIL import Image

from benchmark_folder import open_rgb
from generative_set import HALF
from indexer.generation.styles import STYLES, restyle, restyle_like
from indexer.model.training.features import find_pictures

PICTURES = 300
ARBITRARY = 0.2  # share of the pictures that take the style of another picture
LONGEST_SIDE = 256  # pixels of what is made
QUALITY = 90  # of the JPEGs that are written


def main() -> None:
    """Make the copies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of pictures")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="how many are repainted")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"{arguments.out} exists already: name a folder that does not")
    random = Random(arguments.seed)
    paths = find_pictures(arguments.photos)
    arguments.out.mkdir(parents=True)
    with (arguments.out / "copies.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("query_path", "reference_path"))
        chosen = random.sample(paths, min(arguments.pictures, len(paths)))
        for number, path in enumerate(chosen):
            picture = open_rgb(path)
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            if random.random() < ARBITRARY:
                painted = restyle_like(picture, open_rgb(random.choice(paths)))
            else:
                painted = restyle(picture, random.randrange(len(STYLES)))
            original = os.path.relpath(path, arguments.out)
            half = Image.blend(picture.resize(painted.size), painted, HALF)
            for kind, copy in (("full", painted), ("half", half)):
                name = f"{kind}-{number:05}.jpg"
                copy.save(arguments.out / name, quality=QUALITY)
                rows.writerow((name, original))


if __name__ == "__main__":
    main()
