"""Removal of embedding spaces that the index is not bound to."""

from collections.abc import Collection, Sequence
from typing import Final

from indexer.embedding_space import bound_space
from indexer.errors import InputError, NotFoundError, SpaceInUse
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import DroppedSpaces, SpaceSummary
from indexer.vector_views import embedding_view, find_leftovers
from indexer.vectors.snapshot_inventory import read_inventory
from indexer.vectors.view_folder import remove_view

_FEWEST_DIGITS: Final = 4  # of a fingerprint


def find_space(spaces: Sequence[SpaceSummary], named: str) -> SpaceSummary:
    """Return the space that an id, or the first digits of a fingerprint (at least 4), name.

    Raises
    ------
    NotFoundError
        There is no such space.
    InputError
        Several fingerprints begin so.
    """
    by_id = [space for space in spaces if str(space.id) == named]
    prefix = named.lower()
    long_enough = len(prefix) >= _FEWEST_DIGITS
    found = by_id or [
        space for space in spaces if long_enough and space.fingerprint.startswith(prefix)
    ]
    if not found:
        raise NotFoundError(
            f"There is no embedding space {named}. `lookalike space list` shows ids and "
            f"fingerprints; name an id, or at least {_FEWEST_DIGITS} digits of a fingerprint."
        )
    if len(found) > 1:
        raise InputError(
            f"{len(found)} embedding spaces begin with {named}. Name the id: `lookalike space "
            "list` shows it."
        )
    return found[0]


def plan_removal(spaces: Sequence[SpaceSummary], named: str) -> list[SpaceSummary]:
    """Return the spaces that go with one: itself, and the semantic one that no other space uses.

    Raises
    ------
    SpaceInUse
        The index uses it.
    NotFoundError, InputError
        As `find_space`.
    """
    space = find_space(spaces, named)
    if space.active:
        raise SpaceInUse(space.fingerprint)
    shared = {
        other.semantic_space_id
        for other in spaces
        if other.id != space.id and (other.active or other.vectors)
    }
    own = space.semantic_space_id
    return [space, *(each for each in spaces if each.id == own and own not in shared)]


def drop_space(
    store: Store, settings: Settings, named: str, *, dry_run: bool = False
) -> DroppedSpaces:
    """Delete all embeddings of a space that the index does not use, and its view.

    Programs that still search it answer SpaceReplaced from then on.

    Parameters
    ----------
    store : Store
    settings : Settings
    named : str
        Its id, or the first digits of its fingerprint, at least 4.
    dry_run : bool
        Only return what would be deleted.

    Raises
    ------
    SpaceInUse
        The index uses it.
    NotFoundError, InputError
        No space, or several, are named so.
    SnapshotNotWritten
        The view cannot be removed; the embeddings are gone.
    """
    with store.reader() as catalog:
        spaces = plan_removal(catalog.gauges.spaces(), named)
    if not dry_run:
        _drop(store, [space.id for space in spaces])
        views = {embedding_view(space.fingerprint) for space in spaces}
        for files in read_inventory(settings.views_folder):
            if files.name in views:
                remove_view(files.folder)
    return DroppedSpaces(
        spaces=[space.fingerprint for space in spaces],
        vectors=sum(space.vectors for space in spaces),
        vector_bytes=sum(space.vector_bytes for space in spaces),
        dry_run=dry_run,
    )


def drop_other_spaces(store: Store, settings: Settings) -> int:
    """Delete all embeddings of other spaces than the index's; return of how many images.

    Their views go with them. Programs that still search one of these spaces answer SpaceReplaced
    from then on.
    """
    with store.reader() as catalog:
        spaces = catalog.gauges.spaces()
    filled = [space for space in spaces if space.vectors or space.activated_at]
    dropped = _drop(store, [space.id for space in filled if not space.active])
    for files in find_leftovers(bound_space(store), settings):
        remove_view(files.folder)
    return dropped


def _drop(store: Store, space_ids: Collection[int]) -> int:
    """Delete the embeddings of spaces; return of how many images."""
    with store.writer() as writer:
        writer.spaces.retire(space_ids)
    with store.writer() as writer:
        dropped = writer.embeddings.empty(space_ids)
    last = 0
    while True:
        with store.writer() as writer:
            ids = writer.embeddings.drop(space_ids, after_id=last)
        if not ids:
            break
        last, dropped = ids[-1], dropped + len(ids)
    return dropped
