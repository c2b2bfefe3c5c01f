"""Candidate judge: compares what was retrieved with a query, verifies, judges and suppresses."""

from collections.abc import Callable, Collection, Sequence
from math import inf
from typing import NamedTuple

from indexer.matching.comparison import Compared, compare
from indexer.matching.geometric_verification import GeometricVerifier
from indexer.matching.judgement import Judged, judge
from indexer.matching.piece_verification import verify_pieces
from indexer.matching.query import ComparedMatches, EncodedQuery
from indexer.matching.ranking import rank
from indexer.matching.retrieval import CandidateSet
from indexer.matching.settlement import (
    candidates_that_may_settle,
    is_settled,
    may_be_settled,
)
from indexer.matching.suppression import suppress
from indexer.matching.template_discount import TemplateDiscount
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Entry, Fusion, cost_of


class _Weighed(NamedTuple):
    """Candidates, verified or not, and their judgement before templates are discounted."""

    compared: Sequence[Compared]
    judged: list[Judged]


class CandidateJudge:
    """Judges the candidates of queries; safe to use from several threads.

    Parameters
    ----------
    store : Store
    settings : Settings
    fusion : Fusion
        Weighs the evidence.
    """

    def __init__(self, store: Store, settings: Settings, fusion: Fusion) -> None:
        self._fusion = fusion
        self._min_quality = settings.pdq_min_quality
        self._verifier = GeometricVerifier(store, settings, fusion)
        self._template_discount = TemplateDiscount(store, settings, fusion)

    @timed("judge")
    def compare(self, query: EncodedQuery, found: CandidateSet) -> list[Compared]:
        """Compare the pieces of a query with those of its candidates; see `comparison.compare`."""
        return compare(query, found.candidates, self._min_quality, self._fusion)

    def settle(
        self,
        query: EncodedQuery,
        found: CandidateSet,
        compared: Sequence[Compared],
        verified: Collection[int] = (),
    ) -> ComparedMatches | None:
        """Judge a query, with some images verified; None where its verdict is not settled.

        Parameters
        ----------
        query : EncodedQuery
        found : CandidateSet
        compared : sequence of Compared
            The candidates.
        verified : collection of int
            Ids of the images to verify.
        """
        weighed = self._weigh(query, found, compared, verified)
        if not verified and not may_be_settled(weighed.judged):
            return None
        concluded = self._conclude(query, found, weighed)
        return concluded if is_settled(concluded.matches, alone=not found.entry_vectors) else None

    def settle_by_details(
        self, query: EncodedQuery, found: CandidateSet, compared: Sequence[Compared]
    ) -> ComparedMatches | None:
        """Settle a query by verifying the images that it may make near duplicates, if any."""
        decisive = candidates_that_may_settle(
            compared, found.thresholds, _counter(query, found), self._fusion
        )
        return self.settle(query, found, compared, decisive) if decisive else None

    def judge(self, query: EncodedQuery, found: CandidateSet) -> ComparedMatches:
        """Compare the candidates, verify the likeliest, judge and suppress."""
        return self.judge_compared(query, found, self.compare(query, found))

    def judge_compared(
        self, query: EncodedQuery, found: CandidateSet, compared: Sequence[Compared]
    ) -> ComparedMatches:
        """Verify the likeliest of compared candidates, judge and suppress."""
        return self._conclude(query, found, self._weigh(query, found, compared))

    @timed("judge")
    def _weigh(
        self,
        query: EncodedQuery,
        found: CandidateSet,
        compared: Sequence[Compared],
        verified: Collection[int] | None = None,
    ) -> _Weighed:
        """Verify and judge.

        Verified are the likeliest of all candidates, or of the images that `verified` names.
        """

        def weigh(each: Compared) -> float:
            named = verified is None or each.image_id in verified
            return _log_odds(each, comparisons) if named else -inf

        comparisons = _counter(query, found)
        if verified is None or verified:
            compared = verify_pieces(self._verifier, query, compared, weigh)
        return _Weighed(compared, judge(compared, found.thresholds, comparisons))

    @timed("judge")
    def _conclude(
        self, query: EncodedQuery, found: CandidateSet, weighed: _Weighed
    ) -> ComparedMatches:
        """Discount templates, suppress and rank; a stored image does not match itself."""
        compared, judged = weighed
        matching = {each.record.id for each in judged if each.record and each.matches}
        discounted = self._template_discount.apply(
            query, [each for each in compared if each.image_id in matching and not each.same_bytes]
        )
        if discounted:
            ids = {each.image_id for each in discounted}
            judged = [each for each in judged if each.record is None or each.record.id not in ids]
            judged += judge(discounted, found.thresholds, _counter(query, found))
        matches = rank(suppress(judged, found.rejections, query.pieces.parts))
        own = query.record.id if query.record else None
        others = [match for match in matches if own is None or match.image_id != own]
        return ComparedMatches(others, found.completeness)


def _counter(query: EncodedQuery, found: CandidateSet) -> Callable[[Entry | None], int]:
    """Return of how many comparisons an entry, or None for an image of the gallery, is one."""
    return lambda entry: query.comparisons(found.searched(entry))


def _log_odds(compared: Compared, comparisons: Callable[[Entry | None], int]) -> float:
    """Return the log-odds of a candidate by the kindest count of the comparisons."""
    if compared.log_odds is None:
        return -inf
    return compared.log_odds - min(cost_of(comparisons(e)) for e in compared.candidate.entries)
