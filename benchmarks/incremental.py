"""Measure what a run costs that finds little new, and what a large index costs the next image.

Measured on copies of real photos that differ by a few bytes behind their end, so that each is an
image of its own:

- unchanged: the first run over a folder, and the second run, in wall time of the whole command
- memory: greatest resident size of `index add` over the small and over the whole folder
- large index: adding 1,000 images to an empty index, and to one filled with made-up vectors

Example: python benchmarks/incremental.py ../shared/bench/dev/refs --files 10000 --filled 200000
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from commands import COMMAND, run
from indexer.evaluation.made_up_images import add_made_up
from indexer.store import open_store

ADDED = 1000


def new_index(home: Path) -> dict[str, str]:
    """Make an index and return the environment that names it."""
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    subprocess.run([COMMAND, "init"], env=environment, check=True, capture_output=True)
    return environment


def copy_photos(photos: Sequence[Path], folder: Path, count: int, mark: str) -> None:
    """Write `count` files: the photos again and again, each with a number behind its end."""
    folder.mkdir(parents=True)
    for number, photo in enumerate(islice(cycle(photos), count)):
        name = folder / f"{number:06d}{photo.suffix}"
        name.write_bytes(photo.read_bytes() + f"{mark}{number}".encode())


def fill(home: Path, count: int) -> None:
    """Write made-up images straight into the store."""
    with open_store(f"sqlite:///{home / 'lookalike.db'}") as store:
        with store.reader() as catalog:
            space = catalog.spaces.active()
        if space is None:
            raise SystemExit("The index is not bound to a model.")
        add_made_up(store, space, count)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of photos")
    parser.add_argument("--files", type=int, default=10_000, help="files of the large folder")
    parser.add_argument("--filled", type=int, default=200_000, help="images of the large index")
    arguments = parser.parse_args()
    photos = sorted(p for p in arguments.folder.iterdir() if p.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        copy_photos(photos, root / "large", arguments.files, "large")
        copy_photos(photos, root / "small", ADDED, "small")

        environment = new_index(root / "first")
        small = run(environment, "index", "add", str(root / "small"))
        environment = new_index(root / "second")
        first = run(environment, "index", "add", str(root / "large"))
        again = run(environment, "index", "add", str(root / "large"))
        print(f"{arguments.files} files, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")
        print(f"first run {first.seconds:.1f} s, second {again.seconds:.2f} s: ", end="")
        print(f"{first.seconds / again.seconds:.0f} times faster, ", end="")
        print(f"{again.report['encoded']} pictures through the model")
        print(f"peak memory over {ADDED} files {small.peak_bytes / 2**20:.0f} MiB, ", end="")
        print(f"over {arguments.files} {first.peak_bytes / 2**20:.0f} MiB: ", end="")
        print(f"{first.peak_bytes / small.peak_bytes - 1:+.1%}")

        environment = new_index(root / "third")
        start = time.perf_counter()
        fill(root / "third", arguments.filled)
        print(f"filled with {arguments.filled} made-up images in ", end="")
        print(f"{time.perf_counter() - start:.0f} s")
        full = run(environment, "index", "add", str(root / "small"))
        print(f"adding {ADDED} images: {small.report['seconds']:.1f} s to an empty index, ", end="")
        print(f"{full.report['seconds']:.1f} s to the large one: ", end="")
        print(f"{full.report['seconds'] / small.report['seconds'] - 1:+.1%}")


if __name__ == "__main__":
    main()
