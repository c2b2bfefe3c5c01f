"""Geometric verification: re-ranking of the likeliest candidates by local features."""

from collections.abc import Sequence

from indexer.matching.comparison import Compared
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Fusion
from indexer.verification import Grey


class GeometricVerifier:
    """Matches local features of a query and of its likeliest candidates' thumbnails.

    Safe to use from several threads.
    """

    def __init__(self, store: Store, settings: Settings, fusion: Fusion) -> None:
        self._store = store
        self._fusion = fusion
        self._most = settings.verify_candidates

    @timed("verify")
    def verify(self, grey: Grey, compared: Sequence[Compared]) -> list[Compared]:
        """Count the inliers of the best candidates that have a thumbnail.

        Detects features in the query, and in each candidate that was not met lately.

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
        from indexer.verification.geometry import (
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
            each.with_inliers(inliers[each.image_id], self._fusion)
            if each.image_id in inliers
            else each
            for each in compared
        ]


def _likeliest(compared: Sequence[Compared], most: int) -> list[int]:
    """Return the images of the greatest log-odds, but for those of the very bytes."""
    scored = [
        (-each.log_odds, each.image_id)
        for each in compared
        if each.log_odds is not None and each.image_id is not None and not each.same_bytes
    ]
    return [image_id for _, image_id in sorted(scored)[:most]]
