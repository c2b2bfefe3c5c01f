"""Embedding space that an index is bound to, and the model that makes it."""

from indexer.errors import ClassifierMismatch, IndexNotInitialised, ModelMismatch
from indexer.images import fingerprints
from indexer.model import Encoder, load_encoder
from indexer.runtime.cpu import Cores
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.store import Store, open_store
from indexer.types import Space


def bind_space(store: Store, settings: Settings) -> Space:
    """Bind an index to the model of the settings, once; later calls check that it is the same.

    Raises
    ------
    ModelMismatch
        The index is bound to another model already.
    ClassifierMismatch
        It uses another classifier in the same space.
    """
    card = open_encoder(model_reference(store, settings), settings).card
    with store.writer() as writer:
        return writer.spaces.register(
            fingerprint=card.fingerprint,
            model=card.reference,
            architecture=card.architecture,
            dimension=card.dimension,
            labels=card.labels,
            classifier=card.classifier,
        )


def bound_space(store: Store) -> Space:
    """Return the space that the index is bound to.

    Raises
    ------
    IndexNotInitialised
        It is not bound to a model yet.
    """
    with store.reader() as catalog:
        space = catalog.spaces.active()
    if space is None:
        raise IndexNotInitialised("The index is not bound to a model yet. Run `lookalike init`.")
    return space


def load_bound_encoder(
    store: Store, settings: Settings, cores: Cores | None = None
) -> tuple[Encoder, Space]:
    """Load the model of the index and make sure that its embeddings belong there.

    `cores` is as for `load_encoder`.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch
        The settings name another model than the one the index is bound to.
    ClassifierMismatch
        They name one of the same space with another classifier.
    """
    space = bound_space(store)
    encoder = open_encoder(model_reference(store, settings), settings, cores)
    if encoder.card.fingerprint != space.fingerprint:
        card = encoder.card
        raise ModelMismatch(expected=space.fingerprint, got=card.fingerprint, model=card.reference)
    if encoder.card.classifier != space.classifier:
        card = encoder.card
        raise ClassifierMismatch(
            expected=space.classifier, got=card.classifier, model=card.reference
        )
    return encoder, space


def open_encoder(reference: str, settings: Settings, cores: Cores | None = None) -> Encoder:
    """Load a model as the settings want it; `cores` and errors are `load_encoder`'s."""
    cache = settings.resolved_model_cache
    return load_encoder(reference, settings.device, settings.runtime, cache, cores)


def decode_size(encoder: Encoder) -> tuple[int, int]:
    """Return the width and height of a picture that are enough for both the model and PDQ."""
    width, height = encoder.decode_size
    return max(width, fingerprints.DECODE_SIDE), max(height, fingerprints.DECODE_SIDE)


def find_model(settings: Settings) -> str:
    """Return what to load where no index is needed: as `model_reference`, or the shipped model."""
    if settings.model is not None:
        return settings.model
    try:
        with open_store(settings.resolved_database_url) as store:
            return model_reference(store, settings)
    except IndexNotInitialised:
        return SHIPPED_MODEL


def model_reference(store: Store, settings: Settings) -> str:
    """Return what to load: the settings' model, or the index's own, or the shipped one."""
    if settings.model is not None:
        return settings.model
    with store.reader() as catalog:
        space = catalog.spaces.active()
    return space.model if space else SHIPPED_MODEL
