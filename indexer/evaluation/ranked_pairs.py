"""Ranked pairs of a benchmark, by all signals together and by each alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.evaluation.retrieval_metrics import Pair
from indexer.matching.judgement import TIER_RANK
from indexer.matching.verdict import deciding_matches
from indexer.types import Contribution, Match, Signal, Tier

SIGNALS: Final = (Signal.GEOMETRY, Signal.FUSED, Signal.EMBEDDING, Signal.PDQ)
"""What pairs are ranked by: all together with verification, all together, and each alone."""


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A stored image that a query was compared with."""

    query: str
    reference: str
    evidence: tuple[Contribution, ...]  # none where nothing was weighed
    similarity: float | None  # cosine
    pdq_distance: int | None  # bits
    inliers: int | None = None  # None where verification did not look
    tier: Tier = Tier.NONE  # by the bounds in force
    decided_by: Signal | None = None

    def score(self, signal: Signal) -> float | None:
        """Return how alike the two are by a signal, higher is more; None where it says nothing."""
        match signal:
            case Signal.GEOMETRY if self.evidence:
                return sum(each.log_odds for each in self.evidence)
            case Signal.FUSED if self.evidence:
                return sum(c.log_odds for c in self.evidence if c.signal != Signal.GEOMETRY)
            case Signal.EMBEDDING:
                return self.similarity
            case Signal.PDQ:
                return None if self.pdq_distance is None else -float(self.pdq_distance)
            case _:
                return None


def candidates(
    query: str, matches: Iterable[Match], references: Mapping[int, str]
) -> list[RankedCandidate]:
    """Turn matches into candidates: one for each stored image, by its name in the benchmark.

    Parameters
    ----------
    query : str
    matches : iterable of Match
        An image that is an entry of several banks comes once for each; the strongest tier counts.
        Matches that are suppressed, or of an allow bank, are of tier none: they accuse nobody.
    references : mapping of int to str
        Names by image id. Other images are named by their ids: they are strangers.
    """
    found: dict[int, RankedCandidate] = {}
    for match in matches:
        if match.image_id is None:
            continue
        deciding = bool(deciding_matches([match]))
        candidate = RankedCandidate(
            query,
            references.get(match.image_id, f"image {match.image_id}"),
            match.evidence,
            match.similarity,
            match.pdq_distance,
            match.inliers,
            match.tier if deciding else Tier.NONE,
            match.decided_by,
        )
        known = found.setdefault(match.image_id, candidate)
        if TIER_RANK[candidate.tier] < TIER_RANK[known.tier]:
            found[match.image_id] = candidate
    return list(found.values())


def rank(candidates: Iterable[RankedCandidate], signal: Signal, k: int) -> list[RankedCandidate]:
    """Return the k best of a query by a signal, best first; what it says nothing of is left out."""
    scored = [(score, c) for c in candidates if (score := c.score(signal)) is not None]
    return [candidate for _, candidate in sorted(scored, key=lambda item: -item[0])[:k]]


def pairs(candidates: Sequence[Sequence[RankedCandidate]], signal: Signal, k: int) -> list[Pair]:
    """Return the k best pairs of each query by a signal.

    Parameters
    ----------
    candidates : sequence of sequence of RankedCandidate
        Of each query.
    signal : Signal
        One of `SIGNALS`.
    k : int
    """
    return [
        Pair(candidate.query, candidate.reference, score)
        for of_query in candidates
        for candidate in rank(of_query, signal, k)
        if (score := candidate.score(signal)) is not None
    ]
