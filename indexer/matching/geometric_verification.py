"""Geometric verification: local features of the likeliest candidates."""

from collections.abc import Callable, Sequence

from indexer.matching.comparison import Compared
from indexer.matching.query_pixels import QueryPixels
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Store
from indexer.stored_features import read_features
from indexer.types import LEAST_VERIFIED, Fusion


class GeometricVerifier:
    """Matches local features of a query and of its likeliest candidates.

    Safe to use from several threads.
    """

    def __init__(self, store: Store, settings: Settings, fusion: Fusion) -> None:
        self._store = store
        self._fusion = fusion
        self._most = settings.verify_candidates

    @timed("verify")
    def verify(
        self,
        pixels: QueryPixels,
        compared: Sequence[Compared],
        log_odds: Callable[[Compared], float],
    ) -> list[Compared]:
        """Count the inliers of the best candidates that have some.

        What has the very bytes, or is next to certainly a stranger, is left as it is.

        Parameters
        ----------
        pixels : QueryPixels
            The query's.
        compared : sequence of Compared
            In any order.
        log_odds : callable
            The log-odds of a candidate, with the comparisons counted.

        Returns
        -------
        list of Compared
            In the order given.
        """
        likeliest = self._likeliest([(log_odds(each), each) for each in compared])
        if unverified := pixels.unverified(likeliest):
            with self._store.reader() as catalog:
                stored = read_features(catalog, unverified)
            for image_id, features in stored.items():
                pixels.verify(image_id, features)
        return [
            each.with_inliers(found.inliers, self._fusion, in_place=found.in_place)
            if each.image_id in likeliest and (found := pixels.agreement(each.image_id))
            else each
            for each in compared
        ]

    def _likeliest(self, weighed: Sequence[tuple[float, Compared]]) -> list[int]:
        """Return the images of the greatest log-odds, without those of the very bytes."""
        likely = [
            (-log_odds, each.image_id)
            for log_odds, each in weighed
            if each.image_id is not None and not each.same_bytes and log_odds >= LEAST_VERIFIED
        ]
        return [image_id for _, image_id in sorted(likely)[: self._most]]
