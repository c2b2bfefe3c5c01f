"""Choice of the engine: what the settings name, held against what the index uses."""

from collections.abc import Mapping

import structlog

from indexer.engines.base import Collection
from indexer.engines.engine_address import SETTING, EngineAddress, parse_engine_address
from indexer.engines.engine_schemes import connect_engine
from indexer.engines.engine_view import EngineView
from indexer.errors import EngineMismatch
from indexer.settings import Settings
from indexer.store import LOCAL, EmbeddingFeed, Store
from indexer.types import EnginePosition, EngineState, Space

log = structlog.get_logger(__name__)


def engine_setting(settings: Settings) -> EngineAddress | None:
    """Return the engine that the settings name; None for the view in this process.

    Raises
    ------
    SettingsError
        It is no URL.
    """
    return parse_engine_address(settings.vectors.get_secret_value()) if settings.vectors else None


def engine_states(store: Store) -> dict[str, EngineState]:
    """Return the engines that the index knows by their addresses; the local view may be one."""
    with store.reader() as catalog:
        return {position.address: position.state for position in catalog.engines.all()}


def active_address(states: Mapping[str, EngineState]) -> str:
    """Return where the gallery is searched."""
    active = (address for address, state in states.items() if state is EngineState.ACTIVE)
    return next(active, LOCAL)


def choose_engine(store: Store, settings: Settings) -> EngineAddress | None:
    """Return the engine to search; None for the view in this process.

    An index without images takes the engine that the settings name. Later they must agree with
    what `index migrate` settled. What the index used before may still be used, with a warning, so
    that programs can be restarted one by one.

    Raises
    ------
    SettingsError
        The setting is no URL.
    EngineMismatch
        The index uses another engine.
    """
    address = engine_setting(settings)
    mine = str(address or LOCAL)
    states = engine_states(store)
    state = states.get(mine)
    active = active_address(states)
    if state is EngineState.FORMER:
        log.warning("the index moved to another vector engine", engine=mine, moved_to=active)
        return address
    if mine == active:
        return address
    with store.reader() as catalog:
        is_new = not states and not catalog.images.page(after_id=0, limit=1)
    if is_new and address:
        return address
    raise EngineMismatch(
        f"The index searches its gallery {_place(active)}, but {SETTING} "
        f"{f'is {mine}' if address else 'is not set'}. {_advice(active)}, or bring the gallery "
        f"over with `lookalike index migrate --to {'URL' if address else LOCAL}`."
    )


def open_engine_view(
    store: Store,
    space: Space,
    settings: Settings,
    address: EngineAddress,
    *,
    state: EngineState = EngineState.ACTIVE,
) -> EngineView:
    """Open the view of a space's embeddings in an engine; nothing is connected to yet.

    Parameters
    ----------
    store : Store
    space : Space
    settings : Settings
    address : EngineAddress
    state : EngineState
        What the engine is used for, if the index does not know it yet.

    Raises
    ------
    SettingsError
        There is no such engine, its client library is not installed, or the address is incomplete.
    """
    collection = collection_of(store, space, settings)
    engine = connect_engine(address, collection)
    with store.reader() as catalog:
        is_known = catalog.engines.get(str(address), collection.name) is not None
    if not is_known:
        with store.writer() as writer:
            states = {position.address: position.state for position in writer.engines.all()}
            writer.engines.join(str(address), collection.name, states.get(str(address), state))
    return EngineView(
        name=f"embedding-{space.fingerprint[:16]}",
        address=str(address),
        collection=collection,
        engine=engine,
        store=store,
        feed=EmbeddingFeed(store, space.id),
    )


def leftover_collections(store: Store, space: Space, settings: Settings) -> list[EnginePosition]:
    """Return what the engine of the settings keeps of spaces that the index does not use."""
    address = str(engine_setting(settings) or LOCAL)
    used = collection_of(store, space, settings).name
    with store.reader() as catalog:
        known = catalog.engines.all()
    return [
        position
        for position in known
        if position.address == address and position.collection != used
    ]


def drop_collection(
    store: Store, settings: Settings, address: EngineAddress, position: EnginePosition
) -> None:
    """Delete a collection with all its vectors, and forget it.

    Parameters
    ----------
    store : Store
    settings : Settings
    address : EngineAddress
        That of the position, with credentials.
    position : EnginePosition

    Raises
    ------
    EngineUnavailable
        The engine cannot be reached; nothing is forgotten.
    """
    # its dimension is of no account to what is dropped
    engine = connect_engine(address, Collection(position.collection, 1, settings.vectors_timeout))
    engine.drop()
    engine.close()
    with store.writer() as writer:
        writer.engines.forget(position.address, position.collection)


def collection_of(store: Store, space: Space, settings: Settings) -> Collection:
    """Name what an engine keeps of a space of this index: two indexes never share one."""
    log_id = store.log_id.replace("-", "")
    name = f"lookalike_{log_id[:12]}_{space.fingerprint[:16]}"
    return Collection(name, space.dimension, settings.vectors_timeout)


def _place(address: str) -> str:
    return "in each process" if address == LOCAL else f"in {address}"


def _advice(active: str) -> str:
    return f"Unset {SETTING}" if active == LOCAL else f"Set {SETTING} to that engine's URL"
