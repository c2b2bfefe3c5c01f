"""Review of a flagged entry, by a person or by the setting."""

from contextlib import suppress

from indexer.errors import NotFoundError
from indexer.store import Store, Writer
from indexer.types import DisabledReason, Flood, FloodState


def quarantine(store: Store, flood_id: int) -> Flood:
    """Disable the entry of a flag until the flag is dismissed or the entry enabled by hand.

    Raises
    ------
    NotFoundError
        There is no such flag.
    """
    with store.writer() as writer:
        return isolate(writer, writer.floods.get(flood_id))


def isolate(writer: Writer, flood: Flood) -> Flood:
    """Disable the entry of a flag, within a transaction."""
    writer.entries.disable([flood.entry_id], reason=DisabledReason.FLOOD)
    return writer.floods.resolve(flood.id, FloodState.QUARANTINED)


def dismiss(store: Store, flood_id: int) -> Flood:
    """Say that a flag meant nothing; an entry that was quarantined for it is enabled again.

    Raises
    ------
    NotFoundError
        There is no such flag.
    """
    with store.writer() as writer:
        return release(writer, writer.floods.get(flood_id), FloodState.DISMISSED)


def release(writer: Writer, flood: Flood, state: FloodState) -> Flood:
    """Enable the entry of a flag if that was disabled for it, within a transaction."""
    with suppress(NotFoundError):  # the entry was removed meanwhile
        if writer.entries.get(flood.entry_id).disabled_reason is DisabledReason.FLOOD:
            writer.entries.enable([flood.entry_id])
    return writer.floods.resolve(flood.id, state)
