"""Made-up images: random vectors and fingerprints, written straight into the store."""

from collections.abc import Callable
from typing import Final

import numpy as np

from indexer.store import Arrival, Store
from indexer.types import Embeddings, NewImage, Pdq, SourceStamp, Space

_BATCH: Final = 5_000
_SEED: Final = 20261123
_OF_REAL: Final = 0.95
"""Length that two real vectors, mixed, have in a made-up one; noise makes up the rest."""


def add_made_up(  # noqa: PLR0913 -- which images, and where
    store: Store,
    space: Space,
    count: int,
    bank_id: int | None = None,
    *,
    first: int = 0,
    background: Embeddings | None = None,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Write made-up images: strangers to every real one.

    Fingerprints are random bits of quality 100: those of two real pictures that have nothing to do
    with each other differ by 128 bits of 256, as random ones do.

    Parameters
    ----------
    store : Store
    space : Space
    count : int
    bank_id : int, optional
        The bank that they become entries of.
    first : int
        Number of the first one; those of one number are not the same image when they are written by
        separate calls that start elsewhere.
    background : ndarray of shape (m, d), float32, unit rows, optional
        Real pictures that the vectors are drawn like, see `draw_like`. Without it they are uniform
        on the sphere, and farther from real ones than other real ones are.
    on_progress : callable
        Called with the number of images written.
    """
    random = np.random.default_rng([_SEED, first] if first else _SEED)
    for start in range(first, first + count, _BATCH):
        size = min(_BATCH, first + count - start)
        vectors = (
            _unit(random.standard_normal((size, space.dimension), np.float32))
            if background is None
            else draw_like(background, size, random)
        )
        _write(store, space, vectors, random, start, bank_id)
        on_progress(start + size - first)


def add_made_up_with(store: Store, space: Space, vectors: Embeddings) -> None:
    """Write made-up images of given embeddings into the gallery, in their order.

    Parameters
    ----------
    store : Store
    space : Space
    vectors : ndarray of shape (n, d), float32, unit rows
    """
    random = np.random.default_rng(_SEED)
    for start in range(0, len(vectors), _BATCH):
        _write(store, space, vectors[start : start + _BATCH], random, start, None)


def _write(
    store: Store,
    space: Space,
    vectors: Embeddings,
    random: np.random.Generator,
    first: int,
    bank_id: int | None,
) -> None:
    """Write images with random fingerprints in one transaction, numbered from `first`."""
    probabilities = np.full(len(space.labels), 1 / len(space.labels), np.float32)
    items = [
        (
            NewImage(
                sha256=random.bytes(32),
                md5=random.bytes(16),
                pdq=Pdq(random.bytes(32), 100),
                width=640,
                height=480,
                format="JPEG",
                frame_count=1,
                byte_size=1,
                embedding=vector,
                probabilities=probabilities,
                classifier=space.classifier,
            ),
            Arrival(SourceStamp(f"made-up/{row}", 1, "1"), bank_id=bank_id),
        )
        for row, vector in enumerate(vectors, first)
    ]
    with store.writer() as writer:
        writer.images.add(items, space.id)


def draw_like(background: Embeddings, count: int, random: np.random.Generator) -> Embeddings:
    """Draw vectors that lie among others as real pictures of no common origin do.

    Each is a mixture of two real ones, mostly nearer to one of them (shares of a Beta distribution
    with both parameters 1/2), and a little noise of the mean and covariance of all. Noise alone
    has the right spread and no pair as close as two pictures of one kind are: one comparison in
    10,000 with unrelated queries of the DEV benchmark reaches a cosine of 0.32, with such mixtures
    0.46, with the benchmark's own distractors 0.51.

    Parameters
    ----------
    background : ndarray of shape (m, d), float32, unit rows
    count : int
    random : Generator

    Returns
    -------
    ndarray of shape (count, d), float32, unit rows
    """
    mean = background.mean(axis=0)
    centred = background - mean
    # a sum of centred rows with random weights has their covariance
    weights = random.standard_normal((count, len(background)), np.float32)
    noise = _unit(mean + weights @ centred / np.sqrt(len(background)))
    one, other = random.integers(len(background), size=(2, count))
    share = random.beta(0.5, 0.5, size=(count, 1))
    between = _unit(share * background[one] + (1 - share) * background[other])
    return _unit(_OF_REAL * between + np.sqrt(1 - _OF_REAL**2) * noise)


def _unit(vectors: Embeddings) -> Embeddings:
    lengths: Embeddings = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)
