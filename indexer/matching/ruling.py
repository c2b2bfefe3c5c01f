"""From the matches of a query to what they amount to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.matching.evidence import accusing, most_alike_first
from indexer.matching.options import SearchOptions
from indexer.matching.suppression import RANK
from indexer.types import Match, Tier

_WIDER: Final = 4  # times as many are compared when unwanted tiers take the place of wanted ones
_WIDEST: Final = 4096  # nearest by each signal that are compared for a choice of tiers


@dataclass(frozen=True, slots=True)
class Ruling:
    """The tier that a query reaches, and the matches that are returned."""

    tier: Tier
    banks: tuple[str, ...]
    hits: tuple[int, ...]
    matches: tuple[Match, ...]
    nearest: Match | None  # of tier none; only where there is no match


def rule(
    judge: Callable[[int], Sequence[Match]],
    options: SearchOptions,
    left_out: int | None = None,
) -> Ruling:
    """Decide on the matches of a query.

    A choice of tiers holds before the k are cut: while matches of stronger tiers may have taken the
    place of wanted ones, more are compared.

    Parameters
    ----------
    judge : callable
        Gives what is found among the k nearest by each signal, of every tier, strongest first.
    options : SearchOptions
    left_out : int, optional
        A stored image that is no match: the one that asks.
    """
    k = options.k
    while True:
        found = judge(k)
        others = [m for m in found if left_out is None or m.image_id != left_out]
        matches = [match for match in others if match.tier is not Tier.NONE]
        wanted = [m for m in matches if not options.tiers or m.tier in options.tiers]
        if len(wanted) >= options.k or k >= _WIDEST or not _displaced(matches, options):
            break
        k = min(k * _WIDER, _WIDEST)
    deciding = accusing(matches)
    return Ruling(
        tier=deciding[0].tier if deciding else Tier.NONE,
        banks=tuple(dict.fromkeys(match.bank for match in deciding if match.bank)),
        hits=tuple(match.entry_id for match in deciding if match.entry_id is not None),
        matches=tuple(wanted[: options.k]),
        nearest=None if matches else min(others, key=most_alike_first, default=None),
    )


def _displaced(matches: Sequence[Match], options: SearchOptions) -> bool:
    """Tell whether matches that are not wanted may have left no room for weaker ones that are."""
    if not options.tiers:
        return False
    weakest = max(RANK[tier] for tier in options.tiers)
    unwanted = sum(m.tier not in options.tiers and RANK[m.tier] < weakest for m in matches)
    return unwanted > 0 and len(matches) >= options.k
