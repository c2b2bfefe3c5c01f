"""Files of a view's lists in a snapshot: the codebook, and how it is searched."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from indexer.errors import SnapshotMismatch
from indexer.vectors.base import FileKeeper, Sink
from indexer.vectors.inverted_lists.codebook import Codebook
from indexer.vectors.inverted_lists.search_plan import ListSettings
from indexer.vectors.inverted_lists.view_lists import ViewLists
from indexer.vectors.stated_recall import LISTS, REFUSAL, parse_recall


def keep_lists(files: FileKeeper, lists: ViewLists) -> None:
    """Write what the lists of all segments have in common into a snapshot."""
    files.keep(_codebook_file(lists.codebook.id), lists.codebook.write)
    said = {
        "codebook": lists.codebook.id,
        "trained_on": lists.codebook.trained_on,
        "binary": lists.binary,
        **asdict(lists.settings),
        "recall": lists.completeness.recall,
        "interval": lists.completeness.interval,
        "queries": lists.completeness.queries,
    }
    files.write(LISTS, partial(_write, said))


def read_lists(folder: Path, dimension: int) -> ViewLists | None:
    """Read what `keep_lists` wrote; None if the snapshot has no lists.

    Raises
    ------
    SnapshotMismatch
        A file does not hold that.
    OSError
        A file could not be read.
    """
    path = folder / LISTS
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_bytes())
        codebook = Codebook.read(
            folder / _codebook_file(said["codebook"]),
            said["codebook"],
            said["trained_on"],
            dimension,
        )
        settings = ListSettings(said["probes"], said["shortlist"], said["neighbours"])
        return ViewLists(codebook, said["binary"], settings, parse_recall(said))
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotMismatch(f"{path} does not describe lists: {error!r}.") from error


def keep_refusal(files: FileKeeper, vectors: int, target: float) -> None:
    """Write into a snapshot that lists of so many vectors did not reach a recall."""
    files.write(REFUSAL, partial(_write, {"vectors": vectors, "target": target}))


def read_refusal(folder: Path, target: float) -> int:
    """Return how many vectors there were when lists were refused; 0 if they never were.

    What did not reach a higher recall than the target may do now.

    Raises
    ------
    SnapshotMismatch
        The file does not hold that.
    OSError
        The file could not be read.
    """
    path = folder / REFUSAL
    if not path.exists():
        return 0
    try:
        said = json.loads(path.read_bytes())
        return int(said["vectors"]) if said["target"] <= target else 0
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotMismatch(f"{path} does not say when lists were refused.") from error


def _write(said: dict[str, Any], sink: Sink) -> None:
    sink.write(json.dumps(said, indent=1).encode())


def _codebook_file(codebook: str) -> str:
    return f"codebook-{codebook}.faiss"
