"""Consistency of database, views and snapshots."""

from dataclasses import dataclass
from sys import maxsize

from indexer.errors import LookalikeError, UnavailableError
from indexer.settings import Settings
from indexer.store import Store
from indexer.upkeep.recall_check import CheckedRecall, check_recall
from indexer.vector_views import open_views
from indexer.vectors import LogView

SAMPLE = 1000
"""Images whose vectors are compared unless all are."""


@dataclass(frozen=True, slots=True)
class CheckedView:
    """A view that was compared with the log."""

    name: str
    watermark: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what is wrong."""

    problems: tuple[str, ...]
    """A sentence for each; empty when all is well."""
    images: int
    """Active images."""
    changes: int
    """Number of the last change of the log."""
    compared: int
    """Images whose vectors were compared bit by bit."""
    views: tuple[CheckedView, ...]
    """None where the index is bound to no model."""
    recall: tuple[CheckedRecall, ...] = ()
    """Of each view of the gallery, if it was to be measured."""


def verify(
    store: Store, settings: Settings, *, sample: int | None = SAMPLE, recall: int | None = None
) -> Verification:
    """Compare tables with each other, views with the log, and snapshots with their checksums.

    Changes nothing. Views are opened as any program would: from their snapshots, then the log.

    Parameters
    ----------
    store : Store
    settings : Settings
    sample : int or None
        Images whose vectors are compared; None compares those of all.
    recall : int, optional
        Stored images that are asked to measure recall; it is not measured by default.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    InvalidModel
        Recall is measured, and what comes with the model of the index is damaged or missing.
    """
    with store.reader() as catalog:
        space = catalog.spaces.active()
        counts = catalog.gauges.counts()
        problems = catalog.repair.problems(maxsize if sample is None else sample)
    views = open_views(store, space, settings) if space else None
    for view in views or ():
        problems += [*view.check_snapshots(), *_check_index(view, sample)]
    measured: tuple[CheckedRecall, ...] = ()
    if space and views and recall:
        measured = check_recall(store, space, settings, views, sample=recall)
    return Verification(
        problems=tuple(problems),
        images=counts.images,
        changes=counts.changes,
        compared=counts.images if sample is None else min(sample, counts.images),
        views=tuple(CheckedView(v.name, v.watermark, len(v.index)) for v in views or ()),
        recall=measured,
    )


def _check_index(view: LogView, sample: int | None) -> list[str]:
    """Return a sentence for each way in which a view differs from the log."""
    try:
        return view.check_index(sample=sample)
    except UnavailableError:
        raise
    except LookalikeError as error:  # such as vectors that no index takes
        return [f"The view {view.name} cannot follow the log: {error}"]
