"""Status of an index: contents, lag of its views, disk use."""

from indexer.settings import Settings
from indexer.store import LOCAL, Store
from indexer.types import EnginePosition, EngineState, EngineStatus, Status, ViewStatus
from indexer.vector_views import view_names
from indexer.vectors.snapshot_inventory import ViewFiles, read_inventory


def read_status(store: Store, settings: Settings) -> Status:
    """Look at an index without loading any of its views.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    """
    with store.reader() as catalog:
        space = catalog.spaces.active()
        counts = catalog.gauges.counts()
        banks = catalog.banks.all()
        engines = catalog.engines.all()
    found = {files.name: files for files in read_inventory(settings.views_folder)}
    names: tuple[str, ...] = view_names(space, settings) if space else ()
    if space and any(
        engine.state is EngineState.ACTIVE and engine.address != LOCAL for engine in engines
    ):
        names = names[1:]  # the embeddings are elsewhere
    return Status(
        home=settings.home.absolute(),
        database=store.location,
        database_bytes=store.maintenance.size(),
        views_bytes=sum(files.byte_size for files in found.values()),
        space=space,
        counts=counts,
        banks=tuple(banks),
        views=tuple(
            _view_status(name, found.get(name), store.log_id, counts.changes) for name in names
        ),
        engines=tuple(_engine_status(engine, counts.changes) for engine in engines),
    )


def _engine_status(position: EnginePosition, head: int) -> EngineStatus:
    return EngineStatus(
        address=position.address,
        collection=position.collection,
        state=position.state,
        watermark=position.watermark,
        lag=max(0, head - position.watermark),
        vectors=position.vectors,
        recall=position.recall,
    )


def _view_status(name: str, files: ViewFiles | None, log_id: str, head: int) -> ViewStatus:
    snapshots = files.snapshots if files else ()
    usable = [s for s in snapshots if s.log_id == log_id and s.watermark <= head]
    watermark = usable[0].watermark if usable else 0
    return ViewStatus(
        name=name,
        watermark=watermark,
        lag=head - watermark,
        vectors=usable[0].vectors if usable else 0,
        snapshots=len(snapshots),
        written_at=usable[0].written_at if usable else None,
        byte_size=files.byte_size if files else 0,
        codes=usable[0].codes if usable else None,
        memory_bytes=usable[0].memory_bytes if usable else 0,
        mapped_bytes=usable[0].mapped_bytes if usable else 0,
        recall=usable[0].recall if usable else None,
        has_refused_lists=bool(usable) and usable[0].has_refused_lists,
    )
