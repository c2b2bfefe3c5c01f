"""Links: pairs of stored images that match, by the evidence of the matcher."""

from collections.abc import Callable
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from indexer.clustering.families.candidate_pairs import CandidateFinder, PiecePairs
from indexer.clustering.families.detail_verification import DetailVerifier
from indexer.clustering.families.frame_exclusion import FrameExclusion
from indexer.clustering.families.link_bounds import LinkBounds
from indexer.clustering.families.pair_evidence import ImagePairs, PairEvidence
from indexer.clustering.families.piece_index import PieceIndex, Reach
from indexer.clustering.families.piece_table import PieceTable, Rows
from indexer.settings import Settings
from indexer.store import ScopedPieces, Store
from indexer.types import LEAST_VERIFIED, LogOdds, Space, SpaceTraits, distinct

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
    stored : int, optional
        Pieces in the scope, where `scoped` has only some of them.
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
        stored: int | None = None,
    ) -> None:
        ids, threads = scoped.images.ids, settings.worker_threads
        self._bounds = bounds
        self._steps = steps
        self._verifier: Final = DetailVerifier(
            store, ids, traits.fusion, settings.verify_candidates, threads
        )
        self._exclusion: Final = FrameExclusion(
            store, scoped, space, traits.fusion, settings, verified=bounds.verified
        )
        self.table: Final = PieceTable(scoped, settings.pdq_min_quality, traits, threads)
        self._fusion: Final = traits.fusion
        self._stored: Final = stored or len(self.table)
        self._candidates: Final = CandidateFinder(
            ids, self.table, traits.fusion, seed=seed, threads=threads
        )
        self._evidence: Final = PairEvidence(self.table, traits.fusion, stored, threads=threads)
        nobody = np.zeros(0, np.int64)
        self._near = PiecePairs(nobody, nobody, np.zeros(0, np.float32))  # candidates, of many
        self._judged: Rows = np.zeros(0, np.int64)  # keys of pairs, ascending

    @property
    def index(self) -> PieceIndex | None:
        """Of all pieces, where they are many and `all` has looked for links among them."""
        return self._candidates.index

    @property
    def _reach(self) -> Reach:
        """How near pieces must be for their images to be linked, where they are many."""
        least = float(self._least.min(initial=self._bounds.min_log_odds))
        return Reach.of(self._fusion, least, self._bounds.max_pdq_distance, self._stored)

    @cached_property
    def _least(self) -> LogOdds:
        """The log-odds from which a pair may be a link, of each image; of two the greater holds."""
        bounds = self._bounds
        least = np.full(self.table.images, bounds.min_log_odds, np.float32)
        if bounds.verified:
            least[self._verifier.can_verify] = min(LEAST_VERIFIED, bounds.min_log_odds)
        return least

    def all(self) -> ImagePairs:
        """Return the links among all images."""
        on_progress = self._steps("comparing", len(self.table))
        candidates = self._candidates.among_all(self._reach, on_progress)
        if self.index:
            self._near = candidates
        return self._of_pieces(candidates)

    def with_hubs(self, hubs: Rows) -> ImagePairs:
        """Return the links of images with the hubs of those that they are near to.

        Of the thousands of copies in a large family the few that are found near an image need not
        be those that it matches. Few images are all compared, and need no second look.

        Parameters
        ----------
        hubs : ndarray of shape (n,), int64
            The row of the hub of each image.
        """
        owners, (ours, theirs, _) = self.table.owners, self._near
        left, right = owners[ours], owners[theirs]
        return self.between(
            np.concatenate([left, hubs[left]]), np.concatenate([hubs[right], right])
        )

    def make_index(self) -> PieceIndex:
        """Index all pieces."""
        on_progress = self._steps("comparing", len(self.table))
        return self._candidates.make_index(self._reach, on_progress)

    def between(self, left: Rows, right: Rows) -> ImagePairs:
        """Return the links among some pairs of images that were not judged before.

        Parameters
        ----------
        left, right : ndarray of shape (m,), int64
            Rows of images, in any order; an image and itself are passed over.
        """
        low, high = np.minimum(left, right), np.maximum(left, right)
        keys = distinct((low * self.table.images + high)[low < high])
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
        max_bits = self._bounds.max_pdq_distance
        return self._judge(*self._evidence.likely(candidates, self._least, max_bits))

    def _judge(self, left: Rows, right: Rows) -> ImagePairs:
        bounds = self._bounds
        left, right = self._unjudged(left, right)
        pairs = self._evidence.compare(left, right)
        in_place, refuted = np.zeros((2, len(pairs)), np.bool_)
        if bounds.verified:
            on_progress = self._steps("verifying", len(pairs))
            verified = self._verifier.verify(pairs, bounds.max_pdq_distance, on_progress)
            pairs, in_place, refuted = verified.pairs, verified.in_place, verified.refuted
        near = pairs.bits <= bounds.max_pdq_distance
        linked = near | (pairs.log_odds >= bounds.min_log_odds)
        settled = pairs.whole_bits <= _SAME
        unsure = np.flatnonzero(linked & ~settled)
        on_progress = self._steps("templates", len(unsure))
        framed = self._exclusion.framed(pairs.at(unsure), in_place[unsure], on_progress)
        linked[unsure[framed]] = False
        return pairs.at(linked & ~refuted)

    def _unjudged(self, left: Rows, right: Rows) -> tuple[Rows, Rows]:
        """Leave out pairs that were judged before, and keep the others in mind."""
        keys = left * self.table.images + right
        places = np.searchsorted(self._judged, keys)
        known = np.append(self._judged, -1)[places] == keys
        self._judged = np.sort(np.concatenate([self._judged, keys[~known]]))
        return left[~known], right[~known]
