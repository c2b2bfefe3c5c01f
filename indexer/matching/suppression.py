"""What takes a match back: allow entries, and what an analyst decided on the very same bytes.

An allow entry excuses each piece of a query by itself: a benign picture beside an unsafe one, in a
collage or an animation, must not excuse it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from indexer.matching.comparison import Comparison
from indexer.matching.fusion import closeness
from indexer.types import (
    BankKind,
    Decision,
    Entry,
    Evidence,
    ImageRecord,
    Judgement,
    Outcome,
    Part,
    Signal,
    Suppression,
    SuppressionKind,
    Tier,
)

RANK = {tier: rank for rank, tier in enumerate(Tier)}  # exact 0 ... none 3
_EXCUSING_TIERS = (Tier.EXACT, Tier.NEAR_DUPLICATE)


@dataclass(frozen=True, slots=True)
class Finding:
    """How one piece of the query compares with a candidate, judged."""

    comparison: Comparison
    judgement: Judgement

    @classmethod
    def of_signal(cls, evidence: Evidence, judgement: Judgement) -> Self:
        """Return the finding of one signal of a whole query."""
        return cls(Comparison(None, evidence, {}), judgement)

    @property
    def part(self) -> Part | None:
        """The piece of the query."""
        return self.comparison.query_part

    @property
    def strength(self) -> tuple[int, float]:
        """Sort key, strongest first: by tier, then by closeness."""
        return RANK[self.judgement.tier], -self.closeness

    @property
    def closeness(self) -> float:
        """How alike the two are, details aside; see `fusion.closeness`."""
        evidence = self.comparison.evidence
        return closeness(evidence.fused, evidence.pdq_distance)


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, held to the bounds of one bank, with a finding for each piece of the query."""

    record: ImageRecord | None  # None for a bare fingerprint
    entry: Entry | None  # None for an image that is in no bank
    findings: Sequence[Finding]

    @property
    def allows(self) -> bool:
        """Whether it excuses, where others accuse."""
        return self.entry is not None and self.entry.kind is BankKind.ALLOW


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
        """Return the decision that takes exactly this match back, whichever piece it is of."""
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
class Excuse:
    """The strongest allow entry that a piece of the query matches."""

    tier: Tier
    by: Suppression

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding of the same piece is excused: it must not be stronger."""
        return RANK[finding.judgement.tier] >= RANK[self.tier]


Excuses = Mapping[Part | None, Excuse]
"""By piece of the query."""


def suppress(
    judged: Sequence[Judged], rejections: Rejections, parts: Sequence[Part | None] = (None,)
) -> list[tuple[Finding, Suppression | None]]:
    """Decide which matches stand: the one policy, whoever asks and by whatever signals.

    - A match that an analyst rejected for the query's very bytes is suppressed.
    - An allow entry that a piece of the query matches exactly or as a near duplicate excuses what
      that piece matches no more closely; the very bytes of an allow entry excuse every piece. A
      lookalike of something benign excuses nothing.
    - An allow entry whose own match an analyst rejected excuses nothing.

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
    list of tuple of Finding and (Suppression or None)
        For each candidate the finding that speaks for it, and what suppresses it; an allow entry is
        never excused by another.
    """
    excuses = _find_excuses(judged, rejections, parts)
    ruled = []
    for each in judged:
        finding, excuse = _strongest(each.findings, {} if each.allows else excuses)
        ruled.append((finding, rejections.of_match(each) or excuse))
    return ruled


def _find_excuses(
    judged: Iterable[Judged], rejections: Rejections, parts: Sequence[Part | None]
) -> Excuses:
    """Find the pieces of the query that an allow entry excuses."""
    excusing = [
        (finding, item.entry)
        for item in judged
        if item.entry is not None and item.allows and rejections.of_match(item) is None
        for finding in item.findings
        if finding.judgement.tier in _EXCUSING_TIERS
    ]
    excuses: dict[Part | None, Excuse] = {}
    for finding, entry in sorted(excusing, key=lambda item: item[0].strength):
        by = Suppression(
            SuppressionKind.ALLOW_ENTRY, bank=entry.bank, entry_id=entry.id, decision_id=None
        )
        excuse = Excuse(finding.judgement.tier, by)
        for part in parts if excuse.tier is Tier.EXACT else [finding.part]:
            excuses.setdefault(part, excuse)
    return excuses


def _strongest(findings: Sequence[Finding], excuses: Excuses) -> tuple[Finding, Suppression | None]:
    """Choose the finding that speaks for a candidate, and what excuses it.

    A piece that is not excused goes before a stronger one that is. Details are compared between
    whole pictures: where they decide, the finding has the numbers of the most alike piece, as
    without verification, so that verifying a candidate never lowers its scores.
    """

    def excuse_of(finding: Finding) -> Excuse | None:
        excuse = excuses.get(finding.part)
        return excuse if excuse and excuse.covers(finding) else None

    standing = [
        finding
        for finding in findings
        if finding.judgement.tier is not Tier.NONE and excuse_of(finding) is None
    ]
    best = min(standing or findings, key=lambda finding: finding.strength)
    excuse = excuse_of(best)
    if best.judgement.decided_by is Signal.GEOMETRY:
        heard = [finding for finding in findings if excuse_of(finding) is None] or findings
        most_alike = max(heard, key=lambda finding: finding.closeness)
        best = replace(best, comparison=most_alike.comparison)
    return best, excuse.by if excuse else None
