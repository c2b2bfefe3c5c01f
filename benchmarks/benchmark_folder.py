"""Benchmark folder: references of a given benchmark, queries made from them, ground truth."""

import csv
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from indexer.evaluation import Benchmark, load_benchmark
from indexer.evaluation.ground_truth import TRUTH

PLAIN = frozenset({"jpeg", "resize", "hflip", "brightness", "contrast", "color_jitter"})
"""Transforms of a given benchmark that leave a picture nearly as it was."""
_COLUMNS = ("query_path", "reference_path", "transform", "params")
_QUALITY = 90  # of the JPEGs that are written
_QUERIES = "queries"


class BenchmarkFolder:
    """A new benchmark with the references of a given one; a context that closes its table.

    Parameters
    ----------
    source : Path
        The given benchmark. Its references are linked where the file system can, else copied.
    out : Path
        The folder to make.
    seed : int
        What pictures are chosen by.

    Raises
    ------
    SystemExit
        The folder is there already.
    """

    def __init__(self, source: Path, out: Path, seed: int) -> None:
        if out.exists():
            raise SystemExit(f"{out} is there already. Name a new folder, or remove it first.")
        self.given: Benchmark = load_benchmark(source)
        self.random = np.random.default_rng(seed)
        self._out = out
        (out / _QUERIES).mkdir(parents=True)
        for name in self.given.references:
            link_or_copy(self.given.path(name), out / name)
        self._file = (out / TRUTH).open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(_COLUMNS)
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def originals(self, *, photos: bool = False) -> Iterator[tuple[str, Image.Image]]:
        """Yield the references that have copies, over and over, each round in another order.

        Parameters
        ----------
        photos : bool
            All references that refs.csv calls photos instead, those without copies too.
        """
        names = sorted({case.reference for case in self.given.cases if case.reference is not None})
        if photos:
            with (self.given.root / "refs.csv").open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                names = sorted(row["reference_path"] for row in rows if row["kind"] == "photo")
        while True:
            for row in self.random.permutation(len(names)):
                yield names[row], open_rgb(self.given.path(names[row]))

    def strangers(self, transforms: Iterable[str] = ()) -> list[Path]:
        """Return the given queries without a reference, in a random order.

        Parameters
        ----------
        transforms : iterable of str
            Only those edited so, where there are any; all when empty.
        """
        cases = [case for case in self.given.cases if case.reference is None]
        wanted = set(transforms)
        chosen = [case for case in cases if case.transform in wanted] or cases
        order = self.random.permutation(len(chosen))
        return [self.given.path(chosen[row].query) for row in order]

    def add_copy(
        self, picture: Image.Image, reference: str, transform: str, parameters: str
    ) -> None:
        """Write an edited copy of a reference."""
        name = f"{_QUERIES}/{transform}-{self._written:05}.jpg"
        picture.save(self._out / name, quality=_QUALITY)
        self._add_row(name, reference, transform, parameters)

    def add_strangers(self, count: int) -> None:
        """Take over some of the given queries that have no reference."""
        for path in self.strangers()[:count]:
            name = f"{_QUERIES}/stranger-{self._written:05}{path.suffix}"
            link_or_copy(path, self._out / name)
            self._add_row(name, "", "none", path.name)

    def _add_row(self, query: str, reference: str, transform: str, parameters: str) -> None:
        self._rows.writerow((query, reference, transform, parameters))
        self._written += 1


def open_rgb(path: Path) -> Image.Image:
    """Read a picture as RGB."""
    with Image.open(path) as picture:
        return picture.convert("RGB")


def link_or_copy(path: Path, to: Path) -> None:
    """Put a file elsewhere, without a copy where the file system can."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
