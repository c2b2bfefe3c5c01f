"""What allow entries excuse: each piece of a query by itself.

A benign picture beside an unsafe one, in a collage or an animation, must not excuse it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from indexer.matching.comparison import Comparison
from indexer.types import BankKind, Entry, ImageRecord, Judgement, Part, Suppression, Tier

RANK = {tier: rank for rank, tier in enumerate(Tier)}  # exact 0 ... none 3
_EXCUSING_TIERS = (Tier.EXACT, Tier.NEAR_DUPLICATE)


@dataclass(frozen=True, slots=True)
class Finding:
    """How one piece of the query compares with a stored image, judged."""

    comparison: Comparison
    judgement: Judgement

    @property
    def part(self) -> Part | None:
        """The piece of the query."""
        return self.comparison.query_part

    @property
    def strength(self) -> tuple[int, float]:
        """Sort key, strongest first: by tier, then by similarity."""
        return RANK[self.judgement.tier], -self.comparison.evidence.similarity


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored image with the findings of every piece of the query, and the entries that count."""

    record: ImageRecord
    entries: Sequence[Entry]
    findings: Sequence[Finding]


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


def find_excuses(judged: Iterable[Judged]) -> Excuses:
    """Find the pieces of the query that match an allow entry exactly or as a near duplicate.

    A mere lookalike of something benign excuses nothing. The very bytes of an allow entry excuse
    every piece.
    """
    excusing = [
        (finding, entry, image.findings)
        for image in judged
        for entry in image.entries
        if entry.kind is BankKind.ALLOW
        for finding in image.findings
        if finding.judgement.tier in _EXCUSING_TIERS
    ]
    excuses: dict[Part | None, Excuse] = {}
    for finding, entry, every in sorted(excusing, key=lambda item: item[0].strength):
        excuse = Excuse(finding.judgement.tier, Suppression(entry.bank, entry.id))
        for excused in every if excuse.tier is Tier.EXACT else [finding]:
            excuses.setdefault(excused.part, excuse)
    return excuses


def strongest(findings: Sequence[Finding], excuses: Excuses) -> tuple[Finding, Suppression | None]:
    """Choose the finding that speaks for a stored image, and what excuses it.

    A piece that is not excused goes before a stronger one that is.
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
    return best, excuse.by if excuse else None
