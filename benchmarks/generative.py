"""Measure what hardening a bank gains on generative edits, and costs in false matches.

DEV's references are a block bank. Photos among them are edited in 26 styles at full and half
strength, and regions of them are removed. Hardening is tried with every second style at full
strength, so half of the styles are held out. Each copy is also asked of the bank without its own
photo: a stranger in the style of a copy.

Copies are made, embedded and compared by the code of `bank harden`; a query is the whole picture
alone, and nothing is verified. What is encoded is kept in a folder: a run that is cut off goes on
from there, and `--minutes` ends one early. The report is of the photos that are encoded by then.

Example: python benchmarks/generative.py /tmp/generative-work --photos 300
"""

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

import numpy as np

from benchmark_folder import open_rgb
from dev_set import DEFAULT
from generative_tables import Bank, Copies, Stored, report
from indexer.embedding_space import bind_space
from indexer.evaluation import Benchmark, load_benchmark, name_references
from indexer.generation.edits import EditKind, PictureEdit, picture_edits
from indexer.hardening.edited_copies import CopyMaker
from indexer.ingest import open_ingest
from indexer.model import load_encoder, load_traits
from indexer.settings import SHIPPED_MODEL, load_settings
from indexer.sources import walk
from indexer.store import open_store, upgrade
from indexer.types import ImageRecord, SpaceTraits

SIDE = 352  # pixels of the longer side, as `bank harden` reduces pictures
SEED = 3
UNEDITED = PictureEdit(EditKind.CLASSICAL, "none", None, lambda picture: picture)
REPORT = Path(__file__).with_name("generative.md")


def index_references(folder: Path, benchmark: Benchmark) -> dict[str, ImageRecord]:
    """Put the references into an index, and return what is stored of each, by name."""
    without = {"home": folder, "keep_thumbnails": False, "keep_features": False}
    settings = load_settings().model_copy(update=without)
    upgrade(settings.resolved_database_url)
    with open_store(settings.resolved_database_url) as store:
        bind_space(store, settings)
        found = walk([benchmark.path(name) for name in benchmark.references])
        open_ingest(store, settings).run(found)
        named = name_references(store, benchmark, settings).references
        with store.reader() as catalog:
            records = catalog.images.get_many(named, with_embedding=True)
    return {named[image_id]: record for image_id, record in records.items()}


class Encoding:
    """Edits and embeds pictures, and keeps what was made of each in a file.

    Parameters
    ----------
    folder : Path
    edits : sequence of PictureEdit
    traits : SpaceTraits
    until : float
        Moment of the monotonic clock after which nothing new is encoded.
    """

    def __init__(
        self, folder: Path, edits: Sequence[PictureEdit], traits: SpaceTraits, until: float
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        settings = load_settings()
        cache = settings.resolved_model_cache
        encoder = load_encoder(SHIPPED_MODEL, "cpu", settings.runtime, cache)
        self._folder, self._until = folder, until
        self._maker = CopyMaker(encoder, traits, settings.pdq_min_quality, edits)
        self._learn()

    def _learn(self) -> None:
        """Find the directions of the edits, once for all runs."""
        file = self._folder / "directions.npz"
        if file.exists():
            with np.load(file) as kept:
                self._maker.directions = dict(kept)
        else:
            np.savez(file, **self._maker.directions)
        self.directions = self._maker.directions

    def encode(self, path: Path) -> Copies | None:
        """Return the copies of a picture; None where it cannot be edited or time is up."""
        file = self._folder / f"{path.stem}.npz"
        if not file.exists():
            if monotonic() > self._until:
                return None
            picture = open_rgb(path)
            picture.thumbnail((SIDE, SIDE))
            Copies.of(self._maker.copies(picture)).save(file)
        return Copies.load(file)

    def encode_all(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Copies]]:
        """Yield the pictures that could be encoded, with their copies."""
        for path in paths:
            found = self.encode(path)
            if found is not None:
                yield path, found


def photos_of(source: Path, most: int) -> list[Path]:
    """Return photos of DEV's gallery in a random order, first those that DEV has copies of."""
    with (source / "refs.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "photo"]
    copied = [row for row in rows if row["role"] == "reference"]
    others = [row for row in rows if row["role"] != "reference"]
    random = Random(SEED)
    random.shuffle(copied)
    random.shuffle(others)
    return [source / row["reference_path"] for row in (copied + others)[:most]]


def main() -> None:
    """Encode what is left to encode; write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder of what is encoded")
    parser.add_argument("--source", type=Path, default=DEFAULT, help="DEV")
    parser.add_argument("--photos", type=int, default=300, help="most photos that are edited")
    parser.add_argument("--strangers", type=int, default=400, help="queries without a reference")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="encode no longer")
    parser.add_argument("--out", type=Path, default=REPORT)
    arguments = parser.parse_args()
    until = monotonic() + 60 * arguments.minutes
    traits = load_traits(SHIPPED_MODEL)
    edits = picture_edits([EditKind.STYLE, EditKind.INPAINT], [0.5, 1.0])
    benchmark = load_benchmark(arguments.source)
    unnamed = [case for case in benchmark.cases if case.reference is None]
    names = [benchmark.path(case.query) for case in unnamed[: arguments.strangers]]
    records = index_references(arguments.work / "index", benchmark)
    edited = Encoding(arguments.work / "edited", edits, traits, until)
    chosen = photos_of(arguments.source, arguments.photos)
    photos = dict(edited.encode_all(chosen))
    whole = Encoding(arguments.work / "whole", [UNEDITED], traits, until + 60)
    strangers = [copies for _, copies in whole.encode_all(names)]
    print(
        f"{len(photos)} of {len(chosen)} photos and {len(strangers)} of {len(names)} strangers "
        "are encoded."
    )
    if not photos or not strangers:
        return
    order = {benchmark.path(name): row for row, name in enumerate(records)}
    quality = load_settings().pdq_min_quality
    stored = Stored.of_records(list(records.values()), quality)
    bank = Bank(stored, len(records), traits)
    numbered = {order[path]: copies for path, copies in photos.items()}
    lines = report(bank, numbered, strangers, edited.directions)
    head = (
        "# What hardening gains on generative edits\n\n"
        f"`python benchmarks/generative.py WORK --photos {arguments.photos}` · {os.cpu_count()} "
        f"cores, no GPU, busy with other work · {datetime.now(UTC):%Y-%m-%d}\n\n"
    )
    text = head + "\n".join(lines) + "\n"
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
