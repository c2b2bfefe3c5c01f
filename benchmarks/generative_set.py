"""Make a benchmark of generative edits: styles, inpainting, an ageing GAN, image to image.

The references of a given benchmark are edited by real networks, 90 copies of each kind:

- style_full: one of nine of the 26 styles of `indexer.generation.styles`, ten copies each
- style_half: the same, blended half and half with the original
- style_arbitrary: in the style of another picture, a query of the given benchmark without reference
- inpainted: the middle ninth painted anew from its surroundings by OpenCV (Telea 2004)

On request (`--kinds`) also:

- vintage: made to look old by a CycleGAN, of a package that is no dependency (see vintage.py)
- img2img: by the tiny pipeline at strength one half, without a prompt

and 360 of the given queries that have no reference. The same seed makes the same pictures. It needs
the extra `generate`.

Example: python benchmarks/generative_set.py ../shared/bench/dev /tmp/generative
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from benchmark_folder import BenchmarkFolder, open_rgb
from indexer.generation.diffusion import DiffusionModel
from indexer.generation.edits import inpaint
from indexer.generation.sampling import Sampling
from indexer.generation.styles import STYLES, restyle, restyle_like
from indexer.generation.tiny import TINY
from vintage import make_vintage

COPIES = 90  # of each kind
EVERY = 3  # one style in so many
HALF = 0.5
KINDS = ("style_full", "style_half", "style_arbitrary", "inpainted")
FURTHER = ("vintage", "img2img")
STRANGER = "style_stranger"
LONGEST_SIDE = 512  # pixels of a styled stranger

Edited = tuple[Image.Image, str]
"""The picture, and what it was made by."""


def edit_makers(
    folder: BenchmarkFolder, styles: Sequence[int]
) -> dict[str, Callable[[Image.Image, int], Edited]]:
    """Return what makes a copy of each kind of a picture; the number chooses the style."""
    paintings = cycle(folder.strangers())
    repaint = DiffusionModel(TINY).repainter("", Sampling(), 0)

    def style(picture: Image.Image, number: int, strength: float) -> Edited:
        chosen = styles[number % len(styles)]
        made_by = f"style={STYLES[chosen]}" + (f";strength={strength}" if strength < 1 else "")
        return restyle(picture, chosen, strength), made_by

    def arbitrary(picture: Image.Image, _number: int) -> Edited:
        painting = next(paintings)
        return restyle_like(picture, open_rgb(painting)), f"style={painting.name}"

    return {
        "style_full": lambda picture, number: style(picture, number, 1.0),
        "style_half": lambda picture, number: style(picture, number, HALF),
        "style_arbitrary": arbitrary,
        "inpainted": lambda picture, _: (
            inpaint(picture, region="middle", strength=HALF),
            "middle ninth",
        ),
        "vintage": lambda picture, _: (make_vintage(picture), "vintagify 0.1.2"),
        "img2img": lambda picture, _: (repaint(picture, HALF), f"strength={HALF}"),
    }


def styled_strangers(
    folder: BenchmarkFolder, styles: Sequence[int], count: int
) -> Iterator[Edited]:
    """Yield queries without a reference, repainted in the styles that copies have."""
    for number, path in enumerate(folder.strangers()[:count]):
        picture = open_rgb(path)
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        style = styles[number % len(styles)]
        yield restyle(picture, style), f"style={STYLES[style]}"


def main() -> None:
    """Make the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the benchmark whose references are edited")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--copies", type=int, default=COPIES, help="of each kind")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=(*KINDS, *FURTHER))
    parser.add_argument("--photos", action="store_true", help="edit photos alone, by refs.csv")
    parser.add_argument("--every", type=int, default=EVERY, help="one style in so many")
    parser.add_argument("--strangers", type=int, default=360, help="queries without a reference")
    parser.add_argument(
        "--styled-strangers", type=int, default=0, help="of these, repainted at full strength"
    )
    parser.add_argument("--seed", type=int, default=20261130)
    arguments = parser.parse_args()
    styles = range(0, len(STYLES), arguments.every)
    with BenchmarkFolder(arguments.source, arguments.out, arguments.seed) as folder:
        makers = edit_makers(folder, styles)
        for kind in arguments.kinds:
            originals = folder.originals(photos=arguments.photos)
            for number, (reference, picture) in enumerate(islice(originals, arguments.copies)):
                edited, made_by = makers[kind](picture, number)
                folder.add_copy(edited, reference, kind, made_by)
        for edited, made_by in styled_strangers(folder, styles, arguments.styled_strangers):
            folder.add_copy(edited, "", STRANGER, made_by)
        folder.add_strangers(arguments.strangers)


if __name__ == "__main__":
    main()
