"""Migration of the gallery between vector engines and the view in each process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from indexer.embedding_space import bound_space
from indexer.engines import parse_engine_address
from indexer.engines.engine_choice import (
    active_address,
    drop_collection,
    engine_states,
    open_engine_view,
)
from indexer.engines.engine_view import EngineView
from indexer.errors import EngineMismatch, EngineUnavailable, NotFoundError
from indexer.settings import Settings
from indexer.store import LOCAL, Store
from indexer.types import Completeness, EngineState, Space
from indexer.vector_views import embedding_view, open_local_embeddings
from indexer.vectors import LogView
from indexer.vectors.recall import NEIGHBOURS, disturbed, measure_recall, require_recall
from indexer.vectors.view_folder import remove_view

QUERIES: Final = 500
"""Queries by which recall is measured: if all find everything, its lower end is 0.992."""
_OUTAGE: Final = 60.0  # seconds without an answer after which a migration gives up

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is to do."""


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What a migration would do."""

    source: str
    """Where the gallery is searched now: a URL without credentials, or local."""
    target: str
    """Where it is to be searched."""
    vectors: int
    """Vectors of the gallery."""
    bytes: int
    """What they take as float32."""
    acknowledged: int
    """The last change that the target holds, from a migration that was cut off."""
    changes: int
    """The last change of the log."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did."""

    source: str
    """Where the gallery was searched."""
    target: str
    """Where it is searched now."""
    watermark: int
    """The last change that the target held when it was chosen."""
    vectors: int
    """Vectors in the target."""
    completeness: Completeness | None
    """How complete a search of the target is, as measured; None of an empty gallery."""


def plan_migration(store: Store, to: str) -> MigrationPlan:
    """Say what a migration would do; connects to no engine.

    Raises
    ------
    SettingsError
        `to` is neither `local` nor an engine's URL.
    IndexNotInitialised
        The index is not bound to a model yet.
    """
    target = _name(to)
    space = bound_space(store)
    source = active_address(engine_states(store))
    with store.reader() as catalog:
        counts = catalog.gauges.counts()
        known = [each for each in catalog.engines.all() if each.address == target]
    vectors = counts.embeddings_by_space.get(space.fingerprint, 0)
    return MigrationPlan(
        source=source,
        target=target,
        vectors=vectors,
        bytes=4 * space.dimension * vectors,
        acknowledged=max((each.watermark for each in known), default=0),
        changes=counts.changes,
    )


def migrate(store: Store, settings: Settings, to: str, on_progress: OnProgress) -> Migration:
    """Fill another engine beside the one that is searched, and have it searched from then on.

    Programs that run go on with the one before, which they keep in step; those that are started
    with the new setting use the new one. Safe to interrupt and to run again: it goes on from what
    the target has acknowledged.

    Parameters
    ----------
    store : Store
    settings : Settings
    to : str
        The URL of an engine, or `local` for the view in each process.
    on_progress : callable

    Raises
    ------
    SettingsError
        There is no such engine, or its client library is not installed.
    EngineUnavailable
        The target could not be used for a minute.
    RecallTooLow
        It finds too few of the true nearest; the one before is still searched.
    """
    target, source = _name(to), active_address(engine_states(store))
    space = bound_space(store)
    view = _open(store, space, settings, to)
    try:
        _catch_up(view, on_progress)
        completeness = _measure(view, on_progress)
        if completeness is not None:
            require_recall(target, completeness, settings.recall_target)
            if isinstance(view, EngineView):
                view.note_recall(completeness)
        _catch_up(view, on_progress)
        view.snapshot()
        if source != target:
            _activate(store, space, source=source, target=target)
        return Migration(source, target, view.watermark, len(view.index), completeness)
    finally:
        if isinstance(view, EngineView):
            view.close()


def drop_engine(store: Store, settings: Settings, which: str) -> int:
    """Delete what an engine that is not searched any more holds; return how many collections.

    Parameters
    ----------
    store : Store
    settings : Settings
    which : str
        The URL of an engine, or `local` for the snapshots of the view in each process.

    Raises
    ------
    EngineMismatch
        The gallery is searched in it.
    NotFoundError
        The index does not know it.
    EngineUnavailable
        It cannot be reached; nothing of it is forgotten.
    """
    name = _name(which)
    with store.reader() as catalog:
        known = catalog.engines.all()
    if name == active_address(engine_states(store)):
        raise EngineMismatch(
            f"The gallery is searched in {name}. Bring it elsewhere first: `lookalike index "
            "migrate --to URL`."
        )
    mine = [each for each in known if each.address == name]
    if not mine:
        listed = ", ".join(sorted({each.address for each in known})) or "none"
        raise NotFoundError(f"The index has no vector engine {name}. It knows: {listed}.")
    for position in mine:
        if name != LOCAL:
            drop_collection(store, settings, parse_engine_address(which), position)
            continue
        if (folder := settings.views_folder / position.collection).is_dir():
            remove_view(folder)
        with store.writer() as writer:
            writer.engines.forget(position.address, position.collection)
    return len(mine)


def _name(url: str) -> str:
    return LOCAL if url == LOCAL else str(parse_engine_address(url))


def _open(store: Store, space: Space, settings: Settings, to: str) -> LogView:
    if to == LOCAL:
        return open_local_embeddings(store, space, settings)
    address = parse_engine_address(to)
    return open_engine_view(store, space, settings, address, state=EngineState.JOINING)


def _catch_up(view: LogView, on_progress: OnProgress) -> None:
    """Bring a view up to what is committed now, trying again for a minute where the engine is down.

    What is committed meanwhile is left to the programs that will use it: under load that never
    ends.
    """
    head = view.feed.head()
    while True:
        if isinstance(view, EngineView):
            attempts = Retrying(
                retry=retry_if_exception_type(EngineUnavailable),
                stop=stop_after_delay(_OUTAGE),
                wait=wait_exponential(0.2, max=5),
                reraise=True,
            )
            attempts(view.advance)
        else:
            view.catch_up()
        on_progress("sending", view.watermark, max(view.watermark, head))
        if view.watermark >= head:
            return


def _measure(view: LogView, on_progress: OnProgress) -> Completeness | None:
    """Ask a view what exhaustive search answers; return None where it holds nothing.

    The gallery may grow meanwhile: the view is brought up to what the exhaustive search has seen.
    What is newer can displace a true neighbour only by being nearer, which is no miss.
    """
    on_progress("measuring recall", 0, QUERIES)
    random = np.random.default_rng(0)
    keys = np.unique(view.feed.all_keys().keys)
    if not len(keys):
        return None
    asked = random.choice(keys, min(QUERIES, len(keys)), replace=False)
    vectors = view.feed.look_up(np.sort(asked)).vectors
    queries = disturbed(vectors[random.integers(0, len(vectors), QUERIES)], random)
    true = view.index.search(queries, NEIGHBOURS, exact=True)
    _catch_up(view, on_progress)
    return measure_recall(view.index.search, lambda *_: true, queries, NEIGHBOURS).completeness


def _activate(store: Store, space: Space, *, source: str, target: str) -> None:
    view = embedding_view(space.fingerprint)
    with store.writer() as writer:
        for name, state in ((source, EngineState.ACTIVE), (target, EngineState.JOINING)):
            if name == LOCAL:
                writer.engines.join(LOCAL, view, state)
        writer.engines.activate(target)
