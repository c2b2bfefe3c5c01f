"""Vector engine protocol: what every engine promises."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from indexer.engines.engine_address import EngineAddress
from indexer.errors import EngineUnavailable
from indexer.types import Embeddings, Keys

Rows = Keys
"""(n,) int64 row ids: a vector's name in an engine, made of its key and its place among the key's
vectors."""

PLACES: Final = 16
"""Bits of a row id that hold the place: 65,536 vectors of an image, and 2^47 images."""


def row_ids(keys: Keys) -> Rows:
    """Name the vectors of some keys.

    Parameters
    ----------
    keys : ndarray of shape (n,), int64
        Equal ones are adjacent, in the order of their vectors.

    Returns
    -------
    ndarray of shape (n,), int64
        The first vector of key 5 is 5 << 16, its second one more.
    """
    if not len(keys):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    lengths = np.diff(starts, append=len(keys))
    return (keys << PLACES) + np.arange(len(keys)) - np.repeat(starts, lengths)


def keys_of(rows: Rows) -> Keys:
    """Return the key of each row, (n,) int64."""
    return rows >> PLACES


@dataclass(frozen=True, slots=True)
class Collection:
    """What one engine keeps for one index and one embedding space."""

    name: str  # lower-case letters, digits and "_", 39 characters; names the log and the space
    dimension: int  # floats of a vector
    timeout: float  # seconds that a search may take


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; what it cannot is made up for outside it."""

    max_k: int  # most rows that one nomination returns
    floor: bool  # whether nominations leave out rows below a floor
    read_after_write: bool  # whether an acknowledged change is seen by the next search


class VectorEngine(Protocol):
    """Unit vectors in a database outside this process, one collection of them.

    An engine only nominates: its scores are not used, and whatever it nominates is scored on the
    vectors in the catalog. A row that is stale, wrong or resurrected is therefore harmless; one
    that is missing is not found, which `verify` reports and `repair` mends.

    Searches may come from several threads; changes come from one at a time. Every method raises
    `EngineUnavailable` where the engine cannot be reached, refuses, or does not answer in time.
    Nothing is connected to before the first call.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def ensure(self) -> bool:
        """Create the collection unless it exists; return whether it was created.

        Cosine similarity, or the inner product of unit vectors, is its metric.

        Raises
        ------
        DimensionMismatch
            The collection holds vectors of another length.
        """

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        """Store vectors under their row ids, in place of what is stored there.

        Returns once the engine has acknowledged all of them; sending them again changes nothing.

        Parameters
        ----------
        rows : ndarray of shape (n,), int64
            Each once; at most a few thousand at a time.
        vectors : ndarray of shape (n, d), float32, unit rows
        """

    def remove(self, keys: Keys) -> None:
        """Remove every row of some keys; keys that are not there are ignored.

        Parameters
        ----------
        keys : ndarray of shape (n,), int64
            Keys, not row ids: `keys_of` says which rows are theirs.
        """

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> Sequence[Rows]:
        """Return the ids of about the k nearest rows of each query, in any order.

        Fewer than k come back only where the collection, or what is above the floor, has no more.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32, unit rows
        k : int
            At least 1 and at most `capabilities.max_k`.
        floor : float, optional
            Cosine similarity below which rows may be left out.
        """

    def count(self) -> int:
        """Count the rows, as exactly as the engine can."""

    def rows(self, after: int, limit: int) -> Rows:
        """Return up to `limit` row ids above `after`, ascending; none when there are no more."""

    def drop(self) -> None:
        """Delete the collection with all its vectors, if it exists."""

    def close(self) -> None:
        """Close connections; the engine is not used afterwards."""


@contextmanager
def unavailable_when(
    failures: tuple[type[BaseException], ...], address: EngineAddress
) -> Iterator[None]:
    """Turn a client library's errors into EngineUnavailable, without credentials.

    Parameters
    ----------
    failures : tuple of exception types
        Those of the client library: refused, timed out, failed.
    address : EngineAddress
        The engine's.
    """
    try:
        yield
    except failures as error:
        said = " ".join(str(error).split())[:300]
        for secret in (address.password, *address.options.values()):
            if secret and len(secret) > 3:  # noqa: PLR2004 -- shorter ones are no secrets
                said = said.replace(secret, "***")
        raise EngineUnavailable(
            f"The vector engine {address} cannot be used now "
            f"({type(error).__name__}: {said.removesuffix('.')}). Check that it is running and "
            "that LOOKALIKE_VECTORS has its address and credentials, then try again."
        ) from error
