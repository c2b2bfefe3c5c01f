"""Newest run: the cluster run that is meant where none is named."""

from indexer.embedding_space import bound_space
from indexer.errors import NotFoundError
from indexer.store import Store
from indexer.types import ClusterRun


def newest_or(store: Store, run_id: int | None) -> ClusterRun:
    """Return the run that is named, or the newest one that is done.

    Raises
    ------
    NotFoundError
        There is no such run, or none is done.
    """
    space = bound_space(store)
    with store.reader() as catalog:
        if run_id is not None:
            return catalog.cluster_runs.get(run_id)
        run = catalog.cluster_runs.newest(space.id)
    if run is None:
        raise NotFoundError("There is no finished cluster run yet. Run `lookalike cluster run`.")
    return run
