"""Verdict on a query: the tier that its matches reach, and those that are returned."""

from collections.abc import Sequence

from indexer.matching.judgement import TIER_RANK
from indexer.matching.query import EncodedQuery
from indexer.matching.ranking import most_alike_first
from indexer.matching.search_options import SearchOptions
from indexer.types import (
    BankKind,
    Match,
    PartialVerdict,
    Ruling,
    SearchCompleteness,
    Tier,
    Verdict,
    VerdictCluster,
)


def deciding_matches(matches: Sequence[Match]) -> list[Match]:
    """Return the matches that decide a verdict: not from an allow bank, not suppressed."""
    return [m for m in matches if m.bank_kind is not BankKind.ALLOW and m.suppressed_by is None]


def is_displaced(matches: Sequence[Match], options: SearchOptions) -> bool:
    """Return whether stronger matches may have displaced weaker ones of the wanted tiers.

    Parameters
    ----------
    matches : sequence of Match
        Of every tier.
    options : SearchOptions
    """
    if not options.tiers:
        return False
    found = [match for match in matches if match.tier is not Tier.NONE]
    weakest = max(TIER_RANK[tier] for tier in options.tiers)
    wanted = sum(match.tier in options.tiers for match in found)
    stronger = sum(m.tier not in options.tiers and TIER_RANK[m.tier] < weakest for m in found)
    return wanted < options.k <= len(found) and stronger > 0


def summarise(  # noqa: PLR0913 -- one for each thing that is said besides the matches
    name: str,
    query: EncodedQuery,
    matches: Sequence[Match],
    options: SearchOptions,
    *,
    model: str,
    watermark: int,
    completeness: SearchCompleteness,
    cluster: VerdictCluster | None,
    ruling: Ruling | None,
) -> Verdict | PartialVerdict:
    """Return the verdict on a query; a partial one on a vector or a fingerprint.

    Parameters
    ----------
    name : str
        What the verdict calls the query.
    query : EncodedQuery
    matches : sequence of Match
        Of every tier, strongest first.
    options : SearchOptions
    model : str
        Fingerprint of the embedding space.
    watermark : int
        The last change of the log that the search had seen.
    completeness : SearchCompleteness
    cluster : VerdictCluster, optional
        The one that the query belongs to.
    ruling : Ruling, optional
        What the policy says of it.
    """
    found = [match for match in matches if match.tier is not Tier.NONE]
    deciding = deciding_matches(found)
    wanted = [m for m in found if not options.tiers or m.tier in options.tiers]
    partial = PartialVerdict(
        query=name,
        tier=deciding[0].tier if deciding else Tier.NONE,
        banks=tuple(dict.fromkeys(match.bank for match in deciding if match.bank)),
        hits=tuple(match.entry_id for match in deciding if match.entry_id is not None),
        matches=tuple(wanted[: options.k]),
        model=model,
        watermark=watermark,
        completeness=completeness,
        action=ruling.action if ruling else None,
        policy=ruling.policy if ruling else None,
    )
    if query.facts is None:
        return partial
    return Verdict(
        query=name,
        tier=partial.tier,
        banks=partial.banks,
        hits=partial.hits,
        matches=partial.matches,
        probabilities=query.facts.probabilities,
        model=model,
        sha256=query.sha256.hex(),
        pdq=query.facts.pdq,
        pdq_quality=query.facts.pdq_quality,
        watermark=watermark,
        completeness=completeness,
        cluster=cluster,
        opinions=query.facts.opinions,
        is_disputed=query.facts.is_disputed,
        nearest=None if found else min(matches, key=most_alike_first, default=None),
        action=partial.action,
        policy=partial.policy,
    )
