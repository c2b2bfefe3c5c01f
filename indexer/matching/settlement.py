"""Settlement: whether a verdict stands already, so that a picture need not be looked at further."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final

from indexer.matching.comparison import Compared
from indexer.matching.judgement import Judged
from indexer.matching.verdict import deciding_matches
from indexer.thresholds import ThresholdResolver
from indexer.types import Entry, Fusion, Match, Tier, cost_of

_ROUNDING: Final = 1e-3  # nats


def is_settled(matches: Sequence[Match], *, alone: bool) -> bool:
    """Return whether what was compared of a picture says all that a verdict needs.

    It does if it is a copy of an entry that accuses: exactly, or as a near duplicate. A copy of a
    gallery image settles it only where no bank is searched, since a known picture may hold another.

    Parameters
    ----------
    matches : sequence of Match
        Of every tier, strongest first.
    alone : bool
        Whether the gallery alone is searched.
    """
    return any(
        match.tier in (Tier.EXACT, Tier.NEAR_DUPLICATE) and (alone or match.bank is not None)
        for match in deciding_matches(matches)
    )


def may_be_settled(judged: Iterable[Judged]) -> bool:
    """Return whether a verdict may stand once templates are discounted and matches suppressed.

    Where nothing was verified, both only take evidence away. Of a verified candidate a discount
    also drops what verification found against it.

    Parameters
    ----------
    judged : iterable of Judged
        Not verified, and before templates are discounted.
    """
    return any(
        finding.judgement.tier in (Tier.EXACT, Tier.NEAR_DUPLICATE)
        for each in judged
        for finding in each.findings
    )


def candidates_that_may_settle(
    compared: Sequence[Compared],
    thresholds: ThresholdResolver,
    comparisons: Callable[[Entry | None], int],
    fusion: Fusion,
) -> frozenset[int]:
    """Return the images that the most inliers there can be would make near duplicates.

    Parameters
    ----------
    compared : sequence of Compared
        Not verified yet.
    thresholds : ThresholdResolver
    comparisons : callable
        Of how many comparisons an entry, or None for an image of the gallery, is one.
    fusion : Fusion
    """
    bounds = cache(thresholds.for_bank)
    most = fusion.details.most + _ROUNDING
    return frozenset(
        each.image_id
        for each in compared
        if each.image_id is not None
        and (log_odds := each.log_odds) is not None
        and any(
            log_odds + most - cost_of(comparisons(entry))
            >= bounds(entry.bank if entry else None).near_duplicate.value
            for entry in each.candidate.entries
        )
    )
