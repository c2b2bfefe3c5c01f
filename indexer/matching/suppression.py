"""Match suppression: allow entries, and what an analyst decided on the very same bytes.

An allow entry suppresses by piece of the query: a benign picture beside an unsafe one, in a collage
or an animation, must not suppress the matches of the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from indexer.matching.judgement import TIER_RANK, Finding, Judged
from indexer.types import (
    Decision,
    Outcome,
    Part,
    Suppression,
    SuppressionKind,
    Tier,
)

_SUPPRESSING_TIERS: Final = (Tier.EXACT, Tier.NEAR_DUPLICATE)


@dataclass(frozen=True, slots=True)
class Rejections:
    """The matches that analysts rejected for the very bytes of the query."""

    by_entry: Mapping[int, Decision]
    by_image: Mapping[int, Decision]  # of the gallery, where no bank's entry was the match

    @classmethod
    def of(cls, decisions: Iterable[Decision]) -> Self:
        """Keep the rejections among the decisions that stand."""
        rejected = [decision for decision in decisions if decision.outcome is Outcome.REJECTED]
        return cls(
            {d.entry_id: d for d in rejected if d.entry_id is not None},
            {d.image_id: d for d in rejected if d.image_id is not None},
        )

    def of_match(self, judged: Judged) -> Suppression | None:
        """Return the decision that rejects exactly this match, whichever piece it is of."""
        entry, record = judged.entry, judged.record
        if entry is not None:
            decision = self.by_entry.get(entry.id)
        else:
            decision = self.by_image.get(record.id) if record else None
        if decision is None:
            return None
        return Suppression(
            SuppressionKind.DECISION,
            bank=entry.bank if entry else None,
            entry_id=entry.id if entry else None,
            decision_id=decision.id,
        )


@dataclass(frozen=True, slots=True)
class AllowMatch:
    """The strongest match of a piece of the query with an allow entry."""

    tier: Tier
    suppression: Suppression

    def covers(self, finding: Finding) -> bool:
        """Return whether it suppresses a finding of the same piece, which must not be stronger."""
        return TIER_RANK[finding.judgement.tier] >= TIER_RANK[self.tier]


AllowMatches = Mapping[Part | None, AllowMatch]
"""By piece of the query."""


def suppress(
    judged: Sequence[Judged], rejections: Rejections, parts: Sequence[Part | None] = (None,)
) -> list[tuple[Judged, Finding, Suppression | None]]:
    """Decide which matches are suppressed: the one policy of every search and lookup.

    - A match that an analyst rejected for the query's very bytes is suppressed.
    - An allow entry that a piece of the query matches exactly or as a near duplicate suppresses
      what that piece matches no more closely; the very bytes of an allow entry do so for every
      piece. A lookalike of an allow entry suppresses nothing.
    - An allow entry whose own match an analyst rejected suppresses nothing.

    Parameters
    ----------
    judged : sequence of Judged
        All that the query matches, the entries of allow banks included.
    rejections : Rejections
        Of the query's bytes.
    parts : sequence of Part or None
        The pieces of the query; None is the whole first frame.

    Returns
    -------
    list of (Judged, Finding, Suppression or None)
        Each candidate with the finding that decides it, and what suppresses that; an allow entry is
        never suppressed by another.
    """
    allowed = _find_allow_matches(judged, rejections, parts)
    ruled = []
    for each in judged:
        finding, suppression = _decisive(each.findings, {} if each.allows else allowed)
        ruled.append((each, finding, rejections.of_match(each) or suppression))
    return ruled


def _find_allow_matches(
    judged: Iterable[Judged], rejections: Rejections, parts: Sequence[Part | None]
) -> AllowMatches:
    """Find the strongest allow entry of each piece of the query."""
    matching = [
        (finding, item.entry)
        for item in judged
        if item.entry is not None and item.allows and rejections.of_match(item) is None
        for finding in item.findings
        if finding.judgement.tier in _SUPPRESSING_TIERS
    ]
    found: dict[Part | None, AllowMatch] = {}
    for finding, entry in sorted(matching, key=lambda item: item[0].strength):
        suppression = Suppression(
            SuppressionKind.ALLOW_ENTRY, bank=entry.bank, entry_id=entry.id, decision_id=None
        )
        allow = AllowMatch(finding.judgement.tier, suppression)
        for part in parts if allow.tier is Tier.EXACT else [finding.part]:
            found.setdefault(part, allow)
    return found


def _decisive(
    findings: Sequence[Finding], allowed: AllowMatches
) -> tuple[Finding, Suppression | None]:
    """Choose the finding that decides a candidate, and what suppresses it.

    A piece that is not suppressed goes before a stronger one that is.
    """

    def suppression_of(finding: Finding) -> Suppression | None:
        allow = allowed.get(finding.part)
        return allow.suppression if allow and allow.covers(finding) else None

    standing = [
        finding
        for finding in findings
        if finding.judgement.tier is not Tier.NONE and suppression_of(finding) is None
    ]
    best = min(standing or findings, key=lambda finding: finding.strength)
    return best, suppression_of(best)
