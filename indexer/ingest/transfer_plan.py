"""Transfer plan: what it would take to bring an index over to another model."""

from dataclasses import dataclass
from typing import Final

from indexer.embedding_space import bound_space, model_reference, open_encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import UPLOAD

_PAGE: Final = 10_000  # images looked at together


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """What a transfer would do, by what the catalog knows; no file is opened for it."""

    model: str
    """Reference of the model."""
    space: str
    """Its space, 64 hex digits."""
    active: bool
    """Whether the index is bound to it already."""
    images: int
    """Active images."""
    ready: int
    """Of them: complete in that space already, semantic embedding included."""
    with_source: int
    """Of the rest: images of which a source is known."""
    thumbnail_only: int
    """Of the rest: images with only a thumbnail."""
    without: int
    """Of the rest: images with neither, which can only stay behind."""


def plan_transfer(store: Store, settings: Settings) -> TransferPlan:
    """Count what a transfer to the settings' model would do; nothing is written.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    InvalidModel
        The settings name no usable model.
    """
    active = bound_space(store)
    card = open_encoder(model_reference(store, settings), settings).card
    with store.reader() as catalog:
        ids = catalog.images.ids().tolist()
        space = catalog.spaces.find(card.fingerprint)
        lacking = catalog.embeddings.lacking(space.id) if space else ids
        semantic = catalog.spaces.find(card.semantic.fingerprint) if card.semantic else None
        if card.semantic:
            also = catalog.embeddings.lacking_semantics(semantic.id) if semantic else ids
            lacking = sorted({*lacking, *also})
        with_source = thumbnail_only = 0
        for start in range(0, len(lacking), _PAGE):
            for picture in catalog.embeddings.pictures(lacking[start : start + _PAGE]):
                if any(not uri.startswith(UPLOAD) for uri in picture.sources):
                    with_source += 1
                else:
                    thumbnail_only += picture.has_thumbnail
    return TransferPlan(
        model=card.reference,
        space=card.fingerprint,
        active=card.fingerprint == active.fingerprint,
        images=len(ids),
        ready=len(ids) - len(lacking),
        with_source=with_source,
        thumbnail_only=thumbnail_only,
        without=len(lacking) - with_source - thumbnail_only,
    )
