"""The shipped classifier on benign images: false positives, drawings, stability, a second model.

    python benchmarks/classifier.py FOLDER ... --scores scores.jsonl --out benchmarks/classifier.md

Each folder is a stratum, a folder in it an origin (benchmarks/classifier_sets.py makes such). None
of the images may be explicit. What was measured is kept in the file of scores, and a second run
goes on from there; the report has counts, and names of files, and no image.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from classifier_tables import Changes, Scored, write_report
from indexer.errors import LookalikeError
from indexer.images.decode import decode
from indexer.model import Encoder, load_encoder
from indexer.opinions import Opinions, load_opinions
from indexer.settings import Settings
from indexer.types import Rgb
from training_sets import SUFFIXES

SAMPLE = 20  # images of a stratum that are changed
SECOND = "open_nsfw"
QUALITY, DEGREES, KEPT = 40, 5, 0.9
_LEAST_SKIN = 0.3  # of an image's pixels


def recompress(picture: Image.Image) -> Image.Image:
    """Write as a JPEG of quality 40 and read again."""
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return Image.open(buffer).convert("RGB")


def turn(picture: Image.Image, degrees: int) -> Image.Image:
    """Turn about the middle, on white."""
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def crop(picture: Image.Image) -> Image.Image:
    """Keep the middle nine tenths of either side."""
    width, height = picture.size
    aside, above = round(width * (1 - KEPT) / 2), round(height * (1 - KEPT) / 2)
    return picture.crop((aside, above, width - aside, height - above))


def caption(picture: Image.Image) -> Image.Image:
    """Write a line on a white bar below, an eighth of the height."""
    height = picture.height
    bar = max(12, height // 8)
    taller = ImageOps.expand(picture, (0, 0, 0, bar), "white")
    font = ImageFont.load_default(bar * 0.6)
    ImageDraw.Draw(taller).text((bar // 4, height + bar // 5), "look at this", "black", font)
    return taller


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    f"JPEG of quality {QUALITY}": recompress,
    "half the size": lambda picture: picture.reduce(2),
    "mirror": ImageOps.mirror,
    f"turn by {DEGREES}°": lambda picture: turn(picture, DEGREES),
    f"turn by -{DEGREES}°": lambda picture: turn(picture, -DEGREES),
    "grey": lambda picture: ImageOps.grayscale(picture).convert("RGB"),
    "crop of 10 % of width and height": crop,
    "caption": caption,
}


@dataclass(frozen=True, slots=True)
class Found:
    """One image file of a stratum."""

    stratum: str
    origin: str
    path: Path

    @property
    def key(self) -> str:
        """What names it in the file of scores."""
        return f"{self.stratum}/{self.origin}/{self.path.name}"


def find(folders: Iterable[Path]) -> list[Found]:
    """List the images of all strata, mixed so that a run cut short has some of each."""
    found = [
        Found(folder.name, path.relative_to(folder).parts[0], path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and len(path.relative_to(folder).parts) > 1
    ]
    Random(0).shuffle(found)
    return found


def is_skin_coloured(rgb: Rgb) -> bool:
    """Return whether 30 % of the pixels have a colour of skin by the rule of Kovač et al. 2003."""
    small = Image.fromarray(rgb).resize((64, 64), Image.Resampling.BOX)
    pixels = np.asarray(small, np.int16)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    skin = (red > 95) & (green > 40) & (blue > 20)  # noqa: PLR2004 -- the rule's constants
    skin &= (np.ptp(pixels, axis=2) > 15) & (red - green > 15) & (red > blue)  # noqa: PLR2004
    return bool(skin.mean() >= _LEAST_SKIN)


def ask(found: Found, encoder: Encoder, opinions: Opinions, settings: Settings) -> Scored:
    """Ask both models about an image as `classify` does."""
    enough = opinions.decode_size(encoder.decode_size)
    data = found.path.read_bytes()
    rgb = decode(data, settings.image_limits, at_least=enough).rgb
    own = named(encoder, rgb)
    told = opinions.ask(rgb)
    return Scored(
        stratum=found.stratum,
        origin=found.origin,
        name=found.path.name.rsplit(".", 2)[0],
        skin=is_skin_coloured(rgb),
        own=own,
        second=told[0].unsafe or 0.0,
        disputed=opinions.disagree(own, told),
    )


def named(encoder: Encoder, rgb: Rgb) -> dict[str, float]:
    """Return the probabilities of an image by class."""
    values = encoder.encode([rgb]).probabilities[0].tolist()
    return {label: round(p, 6) for label, p in zip(encoder.card.labels, values, strict=True)}


def load(settings: Settings) -> Encoder:
    """Load the shipped model."""
    cache = settings.resolved_model_cache
    return load_encoder("shipped", settings.device, settings.runtime, cache)


def measure(given: argparse.Namespace, settings: Settings) -> list[Scored]:
    """Ask about all images that the file of scores lacks."""
    encoder = load(settings)
    opinions = load_opinions(settings)
    known = read(given.scores)
    found = find(given.folders)
    with given.scores.open("a") as file:
        for number, each in enumerate(found):
            if each.key in known:
                continue
            try:
                known[each.key] = ask(each, encoder, opinions, settings)
            except LookalikeError as error:
                print(f"{each.key}: {error}")
                continue
            file.write(json.dumps({"key": each.key, **asdict(known[each.key])}) + "\n")
            if number % 100 == 0:
                print(f"{number} of {len(found)}", flush=True)
                file.flush()
    return [known[each.key] for each in found if each.key in known]


def read(path: Path) -> dict[str, Scored]:
    """Read a file of scores; one that does not exist has none."""
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {row.pop("key"): Scored(**row) for row in rows}


def change(given: argparse.Namespace, settings: Settings) -> list[Changes]:
    """Ask about changed images, some of each stratum."""
    encoder = load(settings)
    by_stratum: dict[str, list[Found]] = {}
    for each in find(given.folders):
        by_stratum.setdefault(each.stratum, []).append(each)
    chosen = [each for images in by_stratum.values() for each in images[:SAMPLE]]
    pictures = [
        Image.fromarray(decode(each.path.read_bytes(), settings.image_limits).rgb)
        for each in chosen
    ]
    before = [named(encoder, np.array(picture)) for picture in pictures]
    told = []
    for name, edit in CHANGES.items():
        after = [named(encoder, np.array(edit(picture))) for picture in pictures]
        told.append(Changes(name, before, after))
        print(name, flush=True)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    own_settings = Settings(opinions=SECOND)
    scored = measure(options, own_settings)
    write_report(options.out, scored, change(options, own_settings))
