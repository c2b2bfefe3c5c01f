"""Queries and results of the store that are about clusters."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from indexer.types import BankKind, Embeddings, Keys, LineageEvent, PdqBits


@dataclass(frozen=True, slots=True)
class ClusterPart:
    """The members of a cluster, as a run found it, that belong to it at least so strongly."""

    cluster_id: int
    run_id: int
    min_probability: float


@dataclass(frozen=True, slots=True)
class PartCounts:
    """How many members of a cluster an action on a part of it leaves out, and finds suppressed."""

    weak: int
    """Members that belong to it less strongly."""
    removed: int
    """Members that have left the index."""
    suppressed: int
    """Of the others, those with a standing rejection, or with an entry in an allow bank."""


@dataclass(frozen=True, slots=True)
class ScopedVectors:
    """The images in a scope, by ascending id."""

    ids: Keys
    """(n,)"""
    vectors: Embeddings
    """(n, d), of the whole first frames."""
    added_at: NDArray[np.float64]
    """(n,), when each was added, in seconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class ScopedPieces:
    """The pieces of the images in a scope: first the wholes, by image, then the parts, by image."""

    images: ScopedVectors
    """The images; their vectors are those of the wholes, in the same memory."""
    embeddings: Embeddings
    """(p, d)"""
    owners: NDArray[np.int64]
    """(p,), rows of the images."""
    pdqs: PdqBits
    """(p, 32)"""
    qualities: NDArray[np.uint8]
    """(p,), of the PDQ, 0 to 100."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Which image of a cluster run is in which cluster, by ascending image."""

    image_ids: Keys
    """(n,)"""
    cluster_ids: Keys
    """(n,); -1 for noise."""
    probabilities: NDArray[np.float64]
    """(n,), how strongly each belongs, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ClusterReach:
    """Where the clusters of a run are, and how far each reaches."""

    run_id: int
    cluster_ids: Keys
    """(m,), ascending."""
    names: tuple[str, ...]
    medoids: Embeddings
    """(m, d)"""
    radii: NDArray[np.float64]
    """(m,), cosine distance from the medoid."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The images that the map of a space was laid out by, and where each is."""

    image_ids: Keys
    """(m,), ascending; some may have left the index since."""
    places: NDArray[np.float32]
    """(m, 2)"""
    images: int
    """Images that the space had then."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MapState:
    """Numbers that change whenever what the map of a run shows does."""

    images: int
    """Images of the run that are still there."""
    bank_change: int
    """The last change of a bank or an entry."""
    action: int
    """The last action on a cluster."""
    undone: int
    """Actions that were undone."""
    classifier: str | None
    """What the images of the space were classified by; None for the network's own."""
    landmarks_at: datetime | None
    """When the map of the space was laid out; None before that."""


@dataclass(frozen=True, slots=True)
class MapPoints:
    """The images of a run that are still there, by ascending id."""

    image_ids: Keys
    """(n,)"""
    cluster_ids: Keys
    """(n,); -1 for noise."""
    added_at: NDArray[np.float64]
    """(n,), in seconds since 1970 UTC."""
    label_codes: NDArray[np.int64]
    """(n,), places of their likeliest classes in `labels`; -1 for none."""
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedMedoid:
    """The cluster that an image is in: its name, and its middle."""

    cluster_id: int
    name: str
    medoid: NDArray[np.float32]
    """(d,)"""


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """A cluster that a run found, ready to be written."""

    cluster_id: int | None
    """The identity that it continues; None for one that is new."""
    size: int
    medoid_id: int
    medoid: NDArray[np.float32]
    """(d,), the vector of that image."""
    exemplars: tuple[int, ...]
    """Images."""
    radius: float
    max_pair_distance: float
    first_seen: datetime
    last_seen: datetime
    growth_per_day: float


@dataclass(frozen=True, slots=True)
class Additions:
    """The members of a cluster that were added since some moment."""

    count: int
    first: datetime
    last: datetime

    @property
    def per_hour(self) -> float:
        """Members an hour from the first to the last; less than an hour counts as one."""
        return self.count / max((self.last - self.first) / timedelta(hours=1), 1.0)


@dataclass(frozen=True, slots=True)
class FoundMembers:
    """Which image is in which of the clusters found, ready to be written."""

    image_ids: Keys
    """(n,)"""
    labels: Keys
    """(n,), places in the list of clusters; -1 for noise."""
    probabilities: NDArray[np.float64]
    """(n,)"""
    outlier_scores: NDArray[np.float64]
    """(n,)"""

    def rows(self) -> Iterator[tuple[int, int, float, float]]:
        """Yield each image with its label, probability and outlier score."""
        columns = (self.image_ids, self.labels, self.probabilities, self.outlier_scores)
        yield from zip(*(column.tolist() for column in columns), strict=True)


@dataclass(frozen=True, slots=True)
class FoundLineage:
    """What became of a cluster, ready to be written; a new one is named by its label."""

    event: LineageEvent
    label: int | None
    cluster_id: int | None
    other_label: int | None
    other_id: int | None
    shared: int
    size_before: int
    size_after: int


@dataclass(frozen=True, slots=True)
class MemberPart:
    """Some of the images of a cluster run, by ascending id."""

    image_ids: Keys
    """(n,)"""
    cluster_ids: Keys
    """(n,); -1 for noise."""
    probabilities: NDArray[np.float64]
    """(n,), 0 to 1."""
    outlier_scores: NDArray[np.float64]
    """(n,), 0 to 1."""
    assigned: NDArray[np.bool_]
    """(n,), whether each was assigned after the run."""
    added_at: tuple[datetime, ...]
    vectors: Embeddings
    """(n, d), of the whole first frames."""
    labels: tuple[str | None, ...]
    """The most probable class of each."""


@dataclass(frozen=True, slots=True)
class BankShare:
    """How many members of a cluster a bank holds."""

    cluster_id: int
    bank: str
    kind: BankKind
    severity: str | None
    members: int


@dataclass(frozen=True, slots=True)
class EntryVectors:
    """Some of the entries of block banks, by ascending id."""

    entry_ids: Keys
    """(n,)"""
    banks: tuple[str, ...]
    image_ids: Keys
    """(n,)"""
    vectors: Embeddings
    """(n, d), of the whole first frames of their images."""
