"""Links: pairs of stored images that match, by the evidence of the matcher."""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from indexer.clustering.families.candidate_pairs import CandidateFinder, PiecePairs
from indexer.clustering.families.detail_verification import DetailVerifier
from indexer.clustering.families.frame_exclusion import FrameExclusion
from indexer.clustering.families.link_bounds import LinkBounds
from indexer.clustering.families.pair_evidence import ImagePairs, PairEvidence
from indexer.clustering.families.piece_table import PieceTable, Rows
from indexer.settings import Settings
from indexer.store import ScopedPieces, Store
from indexer.types import LEAST_VERIFIED, Space, SpaceTraits

_SAME: Final = 16
"""PDQ distance of wholes up to which no frame is looked for: screenshots of one application that
show other photos differ by 25 bits and more."""


class Steps(Protocol):
    """Makes what tells the progress of one stage, and ends a run that was stopped."""

    def __call__(self, stage: str, of: int) -> Callable[[int], None]:
        """Begin a stage over so many; call what it returns with the number that are done."""


class LinkFinder:
    """Finds the links among the images of one scope; each pair of them is judged once.

    Parameters
    ----------
    store : Store
    settings : Settings
    space : Space
    traits : SpaceTraits
    bounds : LinkBounds
    scoped : ScopedPieces
    seed : int
        Of the samples from which cells are learnt, where there are too many pieces to compare all.
    steps : Steps
        Tells the progress of a stage; what it raises ends the search.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- what links depend on
        self,
        store: Store,
        settings: Settings,
        space: Space,
        traits: SpaceTraits,
        bounds: LinkBounds,
        scoped: ScopedPieces,
        seed: int,
        steps: Steps,
    ) -> None:
        ids = scoped.images.ids
        self._bounds = bounds
        self._steps = steps
        self._verifier: Final = DetailVerifier(
            store, ids, traits.fusion, settings.verify_candidates, settings.worker_threads
        )
        self._exclusion: Final = FrameExclusion(
            store, scoped, space, traits.fusion, settings, verified=bounds.verified
        )
        self.table: Final = PieceTable(scoped, settings.pdq_min_quality, traits)
        self._candidates: Final = CandidateFinder(
            self.table, traits.fusion, seed=seed, threads=settings.worker_threads
        )
        self._evidence: Final = PairEvidence(self.table, traits.fusion)
        self._judged: Rows = np.zeros(0, np.int64)

    def all(self) -> ImagePairs:
        """Return the links among all images."""
        on_progress = self._steps("comparing", len(self.table))
        return self._of_pieces(self._candidates.among_all(on_progress))

    def between(self, left: Rows, right: Rows) -> ImagePairs:
        """Return the links among some pairs of images that were not judged before.

        Parameters
        ----------
        left, right : ndarray of shape (m,), int64
            Rows of images, in any order; an image and itself are passed over.
        """
        low, high = np.minimum(left, right), np.maximum(left, right)
        keys = np.unique((low * self.table.images + high)[low < high])
        return self._judge(keys // self.table.images, keys % self.table.images)

    def of(self, images: Rows) -> ImagePairs:
        """Return the links of some images, few, with all.

        Parameters
        ----------
        images : ndarray of shape (m,), int64
            Rows of images.
        """
        pieces = np.flatnonzero(np.isin(self.table.owners, images))
        on_progress = self._steps("comparing", len(pieces))
        return self._of_pieces(self._candidates.of(pieces, on_progress))

    def _of_pieces(self, candidates: PiecePairs) -> ImagePairs:
        bounds = self._bounds
        least = np.full(self.table.images, bounds.min_log_odds, np.float32)
        if bounds.verified:
            least[self._verifier.can_verify] = min(LEAST_VERIFIED, bounds.min_log_odds)
        return self._judge(*self._evidence.likely(candidates, least, bounds.max_pdq_distance))

    def _judge(self, left: Rows, right: Rows) -> ImagePairs:
        bounds = self._bounds
        left, right = self._unjudged(left, right)
        pairs = self._evidence.compare(left, right)
        in_place = np.zeros(len(pairs), np.bool_)
        if bounds.verified:
            on_progress = self._steps("verifying", len(pairs))
            verified = self._verifier.verify(pairs, bounds.max_pdq_distance, on_progress)
            pairs, in_place = verified.pairs, verified.in_place
        near = pairs.bits <= bounds.max_pdq_distance
        linked = near | (pairs.log_odds >= bounds.min_log_odds)
        settled = pairs.whole_bits <= _SAME
        unsure = np.flatnonzero(linked & ~settled)
        on_progress = self._steps("templates", len(unsure))
        framed = self._exclusion.framed(pairs.at(unsure), in_place[unsure], on_progress)
        linked[unsure[framed]] = False
        return pairs.at(linked)

    def _unjudged(self, left: Rows, right: Rows) -> tuple[Rows, Rows]:
        """Leave out pairs that were judged before, and keep the others in mind."""
        keys = left * self.table.images + right
        new = ~np.isin(keys, self._judged)
        self._judged = np.concatenate([self._judged, keys[new]])
        return left[new], right[new]
