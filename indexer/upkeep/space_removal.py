"""Removal of embedding spaces that the index is not bound to."""

from indexer.embedding_space import bound_space
from indexer.settings import Settings
from indexer.store import Store
from indexer.vector_views import find_leftovers
from indexer.vectors.snapshots import remove_view


def drop_other_spaces(store: Store, settings: Settings) -> int:
    """Delete all embeddings of other spaces than the index's; return of how many images.

    Their views go with them. Programs that still search one of these spaces answer SpaceReplaced
    from then on.
    """
    with store.writer() as writer:
        writer.spaces.retire()
    last = dropped = 0
    while True:
        with store.writer() as writer:
            ids = writer.embeddings.drop(after_id=last)
        if not ids:
            break
        last, dropped = ids[-1], dropped + len(ids)
    for files in find_leftovers(bound_space(store), settings):
        remove_view(files.folder)
    return dropped
