"""Verification within a query: its likeliest candidates, checked detail by detail."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from indexer.matching.candidates import Candidate
from indexer.matching.comparison import Comparison
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Store
from indexer.verification import Grey


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate, and how each piece of the query compares with it."""

    candidate: Candidate
    comparisons: list[Comparison]

    @property
    def image_id(self) -> int | None:
        """The stored image; None of a bare fingerprint."""
        return self.candidate.record.id if self.candidate.record else None

    @property
    def fused(self) -> float | None:
        """The greatest fused score of any piece."""
        scores = [each.evidence.fused for each in self.comparisons]
        return max((score for score in scores if score is not None), default=None)

    @property
    def same_bytes(self) -> bool:
        """Whether there is nothing to find out."""
        return any(each.evidence.same_bytes for each in self.comparisons)

    def with_inliers(self, inliers: int) -> Self:
        """Add what the whole first frames have in common to the evidence."""
        return replace(
            self,
            comparisons=[
                each
                if each.query_part
                else replace(each, evidence=replace(each.evidence, inliers=inliers))
                for each in self.comparisons
            ],
        )


class Verifier:
    """Looks for the details of a query in the thumbnails of its likeliest candidates.

    Safe to use from several threads.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._most = settings.verify_candidates

    @timed("verify")
    def verify(self, grey: Grey, compared: Sequence[Compared]) -> list[Compared]:
        """Count the details in common with the best candidates that have a thumbnail.

        Costs a search for details of the query, and one for each candidate not met lately.

        Parameters
        ----------
        grey : ndarray of shape (h, w), uint8
            The query, as `verification.shrink` makes it.
        compared : sequence of Compared
            In any order.

        Returns
        -------
        list of Compared
            In the order given.
        """
        from indexer.verification.geometry import (  # noqa: PLC0415 -- loads OpenCV
            count_inliers,
            find_features,
            find_in_both_hands,
        )

        with self._store.reader() as catalog:
            thumbnails = catalog.thumbnails.get_many(_likeliest(compared, self._most))
        if not thumbnails:
            return list(compared)
        hands = find_in_both_hands(grey)
        inliers = {}
        for image_id, jpeg in thumbnails.items():
            features = find_features(jpeg)
            inliers[image_id] = max(count_inliers(hand, features) for hand in hands)
        return [
            each.with_inliers(inliers[each.image_id]) if each.image_id in inliers else each
            for each in compared
        ]


def _likeliest(compared: Sequence[Compared], most: int) -> list[int]:
    """Return the images of the greatest fused scores, but for those of the very bytes."""
    scored = [
        (-each.fused, each.image_id)
        for each in compared
        if each.fused is not None and each.image_id is not None and not each.same_bytes
    ]
    return [image_id for _, image_id in sorted(scored)[:most]]
