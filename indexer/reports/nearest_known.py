"""Nearest block-bank entries of the medoids of a run."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from indexer.reports.report_tree import NearEntry
from indexer.store import ClusterReach, EntryVectors
from indexer.thresholds import ThresholdResolver
from indexer.types import Evidence, count_comparisons

_KEPT: Final = 3  # entries of each cluster
_STEP: Final = 1024  # medoids compared at a time


def nearest_entries(
    reach: ClusterReach, entries: Iterable[EntryVectors], thresholds: ThresholdResolver
) -> dict[int, tuple[NearEntry, ...]]:
    """Find each cluster's nearest entries, by cluster id, nearest first.

    Every medoid is compared with every entry, a block of both at a time. They are judged by their
    embeddings alone.
    """
    compared = 0
    best: list[list[tuple[float, int, str, int]]] = [[] for _ in reach.cluster_ids]
    for part in entries:
        compared += len(part.vectors)
        for start in range(0, len(reach.cluster_ids), _STEP):
            cosines = reach.medoids[start : start + _STEP] @ part.vectors.T
            kept = np.argsort(-cosines, axis=1, kind="stable")[:, :_KEPT]
            for row, columns in enumerate(kept):
                found = best[start + row]
                found.extend(
                    (
                        float(np.clip(cosines[row, column], -1, 1)),
                        int(part.entry_ids[column]),
                        part.banks[column],
                        int(part.image_ids[column]),
                    )
                    for column in columns
                )
                found.sort(key=lambda each: (-each[0], each[1]))
                del found[_KEPT:]
    return {
        int(cluster_id): tuple(_judged(each, thresholds, compared) for each in found)
        for cluster_id, found in zip(reach.cluster_ids, best, strict=True)
    }


def _judged(
    found: tuple[float, int, str, int], thresholds: ThresholdResolver, compared: int
) -> NearEntry:
    similarity, entry_id, bank, image_id = found
    evidence = Evidence.by_embedding(similarity, thresholds.fusion)
    judgement = thresholds.for_bank(bank).judge(evidence.among(count_comparisons(compared)))
    return NearEntry(entry_id, bank, image_id, similarity, judgement.tier)
