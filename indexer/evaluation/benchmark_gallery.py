"""Index that a benchmark is searched in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from indexer.embedding_space import bind_space
from indexer.errors import InputError
from indexer.evaluation.ground_truth import Benchmark
from indexer.images import fingerprints
from indexer.ingest import IngestReport, find_or_create_bank, open_ingest
from indexer.settings import Settings
from indexer.sources import read, walk
from indexer.store import Store, open_store, upgrade

REFERENCES: Final = "references"
"""Block bank of the references, since uploads are mostly asked about to find what is known."""


@dataclass(frozen=True, slots=True)
class Named:
    """A benchmark as an index sees it."""

    benchmark: Benchmark  # a reference that is there under several names has one of them
    references: dict[int, str]  # by image id
    missing: tuple[str, ...]  # references that the index does not hold


@contextmanager
def temporary_index(
    benchmark: Benchmark,
    settings: Settings,
    on_progress: Callable[[IngestReport], None] = lambda _report: None,
) -> Iterator[tuple[Store, Settings]]:
    """Index the references as a block bank, into a folder that goes away afterwards.

    Gives the store and the settings that name it; they differ from those given in the home folder
    and the database alone.

    Raises
    ------
    UnreadableSource
        A reference is missing.
    """
    found = walk([benchmark.path(name) for name in benchmark.references])
    with TemporaryDirectory(prefix="lookalike-evaluate-") as home:
        inside = settings.model_copy(update={"home": Path(home), "database_url": None})
        upgrade(inside.resolved_database_url)
        with open_store(inside.resolved_database_url) as store:
            bind_space(store, inside)
            bank, _ = find_or_create_bank(store, REFERENCES)
            open_ingest(store, inside).run(found, bank_id=bank.id, on_progress=on_progress)
            yield store, inside


def name_references(store: Store, benchmark: Benchmark, settings: Settings) -> Named:
    """Find the references in an index by their bytes, wherever it has them from.

    Raises
    ------
    UnreadableSource, ImageTooLarge
        A reference cannot be read.
    InputError
        The index holds none of the references that the ground truth names.
    """
    digests = {
        name: fingerprints.sha256(read(benchmark.path(name), settings.max_image_bytes))
        for name in benchmark.references
    }
    with store.reader() as catalog:
        ids = catalog.images.ids_by_sha256(digests.values())
    names: dict[bytes, str] = {}
    for name, digest in digests.items():
        names.setdefault(digest, name)
    cases = [
        replace(case, reference=names[digests[case.reference]]) if case.reference else case
        for case in benchmark.cases
    ]
    if not any(case.reference and digests[case.reference] in ids for case in cases):
        raise InputError(
            "The index holds none of the images of the ground truth. Add them with "
            "`lookalike index add`, or omit --against."
        )
    return Named(
        replace(benchmark, cases=tuple(cases)),
        {image_id: names[digest] for digest, image_id in ids.items()},
        tuple(name for name, digest in digests.items() if digest not in ids),
    )
