"""Verdict evidence: what a policy may refer to, taken from all matches of a query."""

from collections.abc import Callable, Sequence

from indexer.matching.judgement import TIER_RANK
from indexer.matching.verdict import deciding_matches
from indexer.types import (
    BankKind,
    Match,
    MatchEvidence,
    Reason,
    Severity,
    Tier,
    VerdictEvidence,
)

_COPIES = (Tier.EXACT, Tier.NEAR_DUPLICATE)


def evidence_of(
    matches: Sequence[Match],
    *,
    probabilities: dict[str, float],
    is_flat: bool,
    is_clustered: bool,
    is_disputed: bool,
    severity_of: Callable[[str | None], Severity | None],
) -> VerdictEvidence:
    """Return what a policy may refer to.

    Parameters
    ----------
    matches : sequence of Match
        Of every tier, strongest first.
    probabilities : dict
        By class; empty for a vector or a fingerprint.
    is_flat : bool
        Whether the query is too flat to be compared by PDQ.
    is_clustered : bool
        Whether the query belongs to a cluster.
    is_disputed : bool
        Whether some classifiers call the query unsafe and others do not.
    severity_of : callable
        Returns how grave it is to match a bank.
    """
    found = [match for match in matches if match.tier is not Tier.NONE]
    strongest: dict[tuple[Tier, str | None], float | None] = {}
    for match in deciding_matches(found):
        place = match.tier, match.bank
        odds = [each for each in (strongest.get(place), match.log_odds) if each is not None]
        strongest[place] = max(map(float, odds), default=None)
    reasons = {
        Reason.ALLOWED: any(_allows(match) for match in found),
        Reason.SUPPRESSED: any(match.suppressed_by is not None for match in found),
        Reason.TEMPLATE: any(match.template is not None for match in matches),
        Reason.FLAT: is_flat,
        Reason.CLUSTERED: is_clustered,
        Reason.DISPUTED: is_disputed,
    }
    return VerdictEvidence(
        probabilities,
        tuple(
            MatchEvidence(tier, bank, severity_of(bank), odds)
            for (tier, bank), odds in sorted(strongest.items(), key=_strongest_first)
        ),
        frozenset(reason for reason, holds in reasons.items() if holds),
    )


def _allows(match: Match) -> bool:
    """Tell whether a match is of the whole picture, with an entry that excuses it."""
    return (
        match.bank_kind is BankKind.ALLOW
        and match.tier in _COPIES
        and match.query_part is None
        and match.suppressed_by is None
    )


def _strongest_first(
    item: tuple[tuple[Tier, str | None], float | None],
) -> tuple[int, bool, float, str]:
    (tier, bank), odds = item
    return TIER_RANK[tier], bank is None, -(odds or 0.0), bank or ""
