"""Cluster lineage: which cluster of a run continues which one of the run before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.store import FoundLineage
from indexer.types import LineageEvent

_MOST: Final = 0.5  # share of a cluster's members that makes another one its heir or its origin


def trace(
    before: Mapping[int, int], image_ids: Sequence[int], labels: NDArray[np.int64]
) -> list[FoundLineage]:
    """Match the clusters of a run to those of the run before, by the images that they share.

    Pairs of an old and a new cluster are taken by how many images they share, most first. The first
    pair of each gives the new cluster the identity of the old one, if what they share is at least
    half of one of them (of its images that both runs looked at). Then

    - a new cluster with an identity is *grown* if it has more members, else *continued*;
    - one without is *split* off the old cluster that half of it comes from, else *new*;
    - an old one that gave its identity to none has *merged* into the new cluster that half of it
      went to, else it is *gone*.

    Parameters
    ----------
    before : mapping of int to int
        Cluster of each image in the run before, -1 for noise.
    image_ids : sequence of int
        The images of the new run.
    labels : ndarray of shape (n,), int64
        Their clusters, -1 for noise.

    Returns
    -------
    list of FoundLineage
        One for each new cluster, by label, then one for each old cluster that is left, by id.
    """
    overlap = _Overlap.of(before, image_ids, labels)
    sizes_before = _counts(np.fromiter(before.values(), np.int64, len(before)))
    sizes_after = _counts(labels)
    origins, parents, successors = overlap.origins(), overlap.parents(), overlap.successors()
    kept = set(origins.values())
    descents = []
    for label, size in sizes_after.items():
        old = origins.get(label, parents.get(label))
        number = overlap.shared[old, label] if old is not None else 0
        was = sizes_before[old] if old is not None else 0
        if label in origins:
            event = LineageEvent.GROWN if size > was else LineageEvent.CONTINUED
            descents.append(FoundLineage(event, label, old, None, None, number, was, size))
        else:
            event = LineageEvent.NEW if old is None else LineageEvent.SPLIT
            descents.append(FoundLineage(event, label, None, None, old, number, was, size))
    for old, size in sizes_before.items():
        if old not in kept:
            into = successors.get(old)
            number = overlap.shared[old, into] if into is not None else 0
            event = LineageEvent.GONE if into is None else LineageEvent.MERGED
            descents.append(FoundLineage(event, None, old, into, None, number, size, 0))
    return descents


@dataclass(frozen=True, slots=True)
class _Overlap:
    """How many images old and new clusters share, of those that both runs looked at."""

    shared: dict[tuple[int, int], int]  # by old cluster and new one; most first
    of_old: Counter[int]  # images of an old cluster that the new run looked at
    of_new: Counter[int]  # images of a new cluster that the old run looked at

    @classmethod
    def of(
        cls, before: Mapping[int, int], image_ids: Sequence[int], labels: NDArray[np.int64]
    ) -> "_Overlap":
        pairs = Counter(
            (before[image_id], label)
            for image_id, label in zip(image_ids, labels.tolist(), strict=True)
            if image_id in before
        )
        of_old, of_new = Counter[int](), Counter[int]()
        for (old, label), number in pairs.items():
            of_old[old] += number
            of_new[label] += number
        clusters = (pair for pair in pairs if min(pair) >= 0)
        order = sorted(clusters, key=lambda pair: (-pairs[pair], *pair))
        return cls({pair: pairs[pair] for pair in order}, of_old, of_new)

    def origins(self) -> dict[int, int]:
        """Return the old cluster whose identity each new one takes over."""
        heirs: dict[int, int] = {}
        origins: dict[int, int] = {}
        for (old, label), number in self.shared.items():
            enough = number >= _MOST * min(self.of_old[old], self.of_new[label])
            if enough and old not in heirs and label not in origins:
                heirs[old], origins[label] = label, old
        return origins

    def parents(self) -> dict[int, int]:
        """Return the old cluster that half of a new one comes from, where there is one."""
        parents: dict[int, int] = {}
        for (old, label), number in self.shared.items():
            if number >= _MOST * self.of_new[label]:
                parents.setdefault(label, old)
        return parents

    def successors(self) -> dict[int, int]:
        """Return the new cluster that half of an old one went to, where there is one."""
        successors: dict[int, int] = {}
        for (old, label), number in self.shared.items():
            if number >= _MOST * self.of_old[old]:
                successors.setdefault(old, label)
        return successors


def _counts(labels: NDArray[np.int64]) -> dict[int, int]:
    """Count the members of each cluster, noise left out, by ascending label."""
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
