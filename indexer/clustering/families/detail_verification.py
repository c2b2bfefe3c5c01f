"""Verification of pairs of stored images by their local features."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.piece_table import Rows
from indexer.store import Store
from indexer.stored_features import read_features
from indexer.types import LEAST_VERIFIED, Fusion, Keys
from indexer.verification.geometry import compare_hands
from indexer.verification.local_features import Features, mirror_features

_STEP: Final = 64  # images whose pairs are verified at a time: the features of all are in memory

_FEW: Final = 5
"""Inliers below which pictures are taken for different ones. On the development benchmark that
undoes 28 of 241 wrong links and 3 of 1,656 right ones."""
_MANY: Final = 50  # features of either image from which so few speak against a copy
_SHARE: Final = 0.03
"""Inliers, as a share of the features of the image with fewer, below which there is no link."""
_UNLIKE: Final = 110
"""PDQ distance of wholes from which details at the same places are those of a ground that both
share: of a stranger's eight orientations the nearest is at 117 +- 5. On the development benchmark
this and the share undo 20 of 60 wrong pairs, and part no copy from its original."""
_MEASURED: Final = 256  # bits of a PDQ: a greater distance was not measured

_Task = tuple[Features, list[Features]]


@dataclass(frozen=True, slots=True)
class VerifiedPairs:
    """Pairs whose evidence includes the details that were compared."""

    pairs: ImagePairs
    in_place: NDArray[np.bool_]  # (m,), whether details lie at the same place of both images
    refuted: NDArray[np.bool_]  # (m,), whether details show that they are no link


class DetailVerifier:
    """Compares the local features of pairs that are not decided yet.

    Parameters
    ----------
    store : Store
    ids : ndarray of shape (n,), int64
        Of the images, ascending.
    fusion : Fusion
    most : int
        Pairs of an image that are verified, the likeliest first; a pair counts where it is among
        those of either image.
    threads : int
        Cores that are used.
    """

    def __init__(self, store: Store, ids: Keys, fusion: Fusion, most: int, threads: int) -> None:
        self._store = store
        self._ids = ids
        self._fusion = fusion
        self._most = most
        self._threads = threads

    @cached_property
    def can_verify(self) -> NDArray[np.bool_]:
        """Which images have local features, or a thumbnail to find them in, (n,)."""
        ids = self._ids.tolist()
        with self._store.reader() as catalog:
            kept = catalog.local_features.ids(ids) | catalog.thumbnails.ids(ids)
        return np.isin(self._ids, np.fromiter(kept, np.int64, len(kept)))

    def verify(
        self, pairs: ImagePairs, max_bits: float, on_progress: Callable[[int], None]
    ) -> VerifiedPairs:
        """Add what verification says to the pairs whose images have local features.

        Where hardly any of many features agree, only the evidence of a near duplicate is left.
        Refuted are pairs of which only a small share of the features agree, and those whose details
        agree at the same places though the wholes differ as those of strangers do: such images
        share a ground around other content. They may still tell of a frame.

        Parameters
        ----------
        pairs : ImagePairs
        max_bits : float
            PDQ distance up to which a pair is decided anyway.
        on_progress : callable
            Called with the number of pairs that are done since the last call; what it raises ends
            it.
        """
        chosen = self._undecided(pairs, max_bits)
        chosen = chosen[np.lexsort((pairs.right[chosen], pairs.left[chosen]))]
        inliers = np.full(len(pairs), -1, np.int64)
        few, refuted = np.zeros((2, len(pairs)), np.bool_)
        in_place = np.zeros(len(pairs), np.bool_)
        groups = [[*rows] for _, rows in groupby(chosen.tolist(), lambda row: pairs.left[row])]
        with ThreadPoolExecutor(self._threads) as pool:
            for start in range(0, len(groups), _STEP):
                rows, tasks = self._tasks(pairs, groups[start : start + _STEP])
                for own, found in zip(rows, pool.map(_verify, tasks), strict=True):
                    inliers[own], in_place[own], few[own], refuted[own] = zip(*found, strict=True)
                on_progress(sum(map(len, groups[start : start + _STEP])))
        details = np.where(inliers < 0, np.float32(0), self._fusion.details(inliers))
        details[few & (pairs.log_odds + details < self._fusion.near_duplicate)] = -np.inf
        refuted |= in_place & (pairs.whole_bits >= _UNLIKE) & (pairs.whole_bits <= _MEASURED)
        return VerifiedPairs(
            replace(
                pairs,
                log_odds=pairs.log_odds + details,
                left_whole=pairs.left_whole + details,
                right_whole=pairs.right_whole + details,
            ),
            in_place,
            refuted,
        )

    def _undecided(self, pairs: ImagePairs, max_bits: float) -> Rows:
        """Return the pairs that are among the likeliest of an image, and not decided yet."""
        rows = np.flatnonzero(
            (pairs.log_odds >= LEAST_VERIFIED)
            & (pairs.log_odds < self._fusion.near_duplicate)
            & (pairs.bits > max_bits)
            & self.can_verify[pairs.left]
            & self.can_verify[pairs.right]
        )
        images = np.concatenate([pairs.left[rows], pairs.right[rows]])
        both = np.concatenate([rows, rows])
        order = np.lexsort((both, -pairs.log_odds[both], images))
        first = np.searchsorted(images[order], images[order], side="left")
        likeliest = np.arange(len(order)) - first < self._most
        return np.unique(both[order[likeliest]])

    def _tasks(
        self, pairs: ImagePairs, groups: Sequence[list[int]]
    ) -> tuple[list[list[int]], list[_Task]]:
        """Read the features of some groups of pairs that share their left image."""
        rows = [row for group in groups for row in group]
        wanted = np.unique(self._ids[[pairs.left[rows], pairs.right[rows]]]).tolist()
        with self._store.reader() as catalog:
            features = read_features(catalog, wanted)
        kept, tasks = [], []
        for group in groups:
            left = features.get(int(self._ids[pairs.left[group[0]]]))
            others = [int(self._ids[pairs.right[row]]) for row in group]
            if left is not None and (here := [i for i in others if i in features]):
                kept.append([row for row, i in zip(group, others, strict=True) if i in features])
                tasks.append((left, [features[i] for i in here]))
        return kept, tasks


def _verify(task: _Task) -> list[tuple[int, bool, bool, bool]]:
    """Compare an image with others: inliers, whether in place, too few, or too small a share."""
    image, others = task
    hands = image, mirror_features(image)
    found = []
    for other in others:
        inliers, in_place = compare_hands(hands, other)
        features = min(len(image.points), len(other.points))
        few = inliers < _FEW and features >= _MANY
        found.append((inliers, in_place, few, inliers < _SHARE * features))
    return found
