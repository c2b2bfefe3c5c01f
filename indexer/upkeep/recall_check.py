"""Recall check: stored images asked approximately and exactly."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from indexer.embedding_space import model_reference
from indexer.model import load_traits
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds import choose_thresholds, gallery_bound
from indexer.types import Completeness, Space
from indexer.vector_views import Views
from indexer.vectors import LogView
from indexer.vectors.recall import RecallSample, disturbed, measure_recall

_CHUNK: Final = 256  # queries asked at once


@dataclass(frozen=True, slots=True)
class CheckedRecall:
    """Recall of one view of the gallery, measured on stored images."""

    view: str
    claimed: Completeness
    """What the view says of its searches."""
    measured: Completeness
    """What was found of the 10 true nearest."""
    above: int
    """True nearest that are lookalikes by this signal alone."""
    missed_above: int
    """Those of them that were missed."""
    is_enough: bool
    """Whether the recall reaches the target; of a proven search, whether nothing was missed."""


def check_recall(
    store: Store, space: Space, settings: Settings, views: Views, *, sample: int, seed: int = 0
) -> tuple[CheckedRecall, ...]:
    """Measure the recall of each view of the gallery that holds anything.

    The queries are stored vectors, changed a little: see `disturbed`.

    Parameters
    ----------
    store : Store
    space : Space
    settings : Settings
    views : Views
        Caught up with the log.
    sample : int
        Stored images; all where there are fewer.
    seed : int
        Which images, and how they are changed.

    Raises
    ------
    InvalidModel
        What comes with the model of the index is damaged or missing.
    """
    fusion = load_traits(model_reference(store, settings)).fusion
    with store.reader() as catalog:
        thresholds = choose_thresholds(
            settings, catalog.cards.bounds(space.id), space_id=space.id, fusion=fusion
        )
    checked = []
    for view in (views.embeddings, views.pdqs):
        index = view.index
        bound = gallery_bound(thresholds, index.metric, len(index))
        claimed = index.completeness
        counted = _measure(view, bound, sample, np.random.default_rng(seed))
        if not counted.queries:
            continue
        enough = counted.recall >= settings.recall_target
        if claimed.is_proven:
            enough = counted.found == counted.nearest
        checked.append(
            CheckedRecall(
                view=view.name,
                claimed=claimed,
                measured=counted.completeness,
                above=counted.above,
                missed_above=counted.missed_above,
                is_enough=enough,
            )
        )
    return tuple(checked)


def _measure(view: LogView, bound: float, sample: int, random: np.random.Generator) -> RecallSample:
    index = view.index
    keys = np.unique(index.keys())
    keys = np.sort(random.choice(keys, min(sample, len(keys)), replace=False))
    counted = RecallSample()
    for start in range(0, len(keys), _CHUNK):
        held, vectors = index.reconstruct(keys[start : start + _CHUNK])
        _, first = np.unique(held, return_index=True)
        queries = disturbed(vectors[first], random)
        exactly = partial(index.search, exact=True)
        counted += measure_recall(index.search, exactly, queries, bound=bound)
    return counted
