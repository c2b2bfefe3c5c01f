"""Verdict card: what a search found, ready to be shown."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from indexer.images.decode import decoded
from indexer.images.veils import DEFAULT_STRENGTH, veil_picture
from indexer.matching import Matcher
from indexer.settings import ImageLimits
from indexer.store import Catalog
from indexer.types import (
    Bank,
    BankKind,
    Decision,
    Match,
    PartialVerdict,
    ThresholdCard,
    Tier,
    Veil,
    Verdict,
)
from indexer.verification.thumbnails import make_thumbnail
from search_api.console.ruler import Ruler, rulers_of

_ENOUGH: Final = (352, 352)
"""Pixels that a query is decoded to at least: those of a thumbnail."""
_MOST_MISSES: Final = 12
_COPIES: Final = {Tier.EXACT, Tier.NEAR_DUPLICATE}
VEIL_SIDE: Final = 320


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """One verdict with what a person needs to decide on it."""

    verdict: Verdict | PartialVerdict
    best: Match | None
    """The match that is decided on, else the nearest miss."""
    rulers: list[Ruler]
    others: list[Match]
    """Further matches."""
    misses: list[Match]
    """The nearest that match nothing, closest first."""
    decisions: list[Decision]
    """What holds for these bytes."""
    banks: list[Bank]
    pictures: frozenset[int]
    """Stored images whose thumbnail is kept."""
    thresholds: tuple[float, float]
    """Log-odds from which the best is a lookalike and a near duplicate."""
    query_veil: str | None
    """Address of the veiled query; None where there is no picture."""
    query_image: int | None = None
    """The stored image that was asked about."""

    @property
    def full(self) -> Verdict | None:
        """The verdict, if it is of a picture."""
        return self.verdict if isinstance(self.verdict, Verdict) else None

    @property
    def block_banks(self) -> list[Bank]:
        """Banks that a confirmed query may join."""
        return [bank for bank in self.banks if bank.kind is BankKind.BLOCK]

    @property
    def allow_banks(self) -> list[Bank]:
        """Banks that a rejected query may join."""
        return [bank for bank in self.banks if bank.kind is BankKind.ALLOW]

    @property
    def copies(self) -> list[Match]:
        """Further matches that are copies: exact, or near duplicates."""
        return [each for each in self.others if each.tier in _COPIES]

    @property
    def lookalikes(self) -> list[Match]:
        """Further matches that are no copies."""
        return [each for each in self.others if each.tier not in _COPIES]

    @property
    def of_banks(self) -> list[Match]:
        """Entries that match, then those that come nearest, closest first."""
        best = [self.best] if self.best else []
        return [each for each in [*best, *self.others, *self.misses] if each.entry_id]

    @property
    def scores(self) -> list[float]:
        """Log-odds of all that was compared, highest first."""
        best = [self.best] if self.best else []
        found = (each.log_odds for each in [*best, *self.others, *self.misses])
        return sorted((round(each, 3) for each in found if each is not None), reverse=True)


def read_card(
    catalog: Catalog,
    matcher: Matcher,
    verdict: Verdict | PartialVerdict,
    compared: Sequence[Match],
    *,
    query_veil: str | None = None,
    query_image: int | None = None,
) -> VerdictCard:
    """Gather what belongs to a verdict.

    Parameters
    ----------
    catalog : Catalog
    matcher : Matcher
    verdict : Verdict or PartialVerdict
    compared : sequence of Match
        All that was compared, of every tier.
    query_veil : str, optional
    query_image : int, optional
    """
    misses = [each for each in compared if each.tier is Tier.NONE][:_MOST_MISSES]
    deciding = [each for each in verdict.matches if each.suppressed_by is None]
    best = next(iter([*deciding, *verdict.matches, *misses]), None)
    others = [each for each in verdict.matches if each is not best]
    misses = [each for each in misses if each is not best]
    thresholds = matcher.thresholds(catalog).for_bank(best.bank if best else None)
    shown = [each.image_id for each in (*verdict.matches, *misses, best) if each and each.image_id]
    digest = bytes.fromhex(verdict.sha256) if isinstance(verdict, Verdict) else None
    return VerdictCard(
        verdict=verdict,
        best=best,
        rulers=rulers_of(best, thresholds, misses, _card_of(catalog, best)) if best else [],
        others=others,
        misses=misses,
        decisions=catalog.decisions.for_query(digest) if digest else [],
        banks=catalog.banks.all(),
        pictures=frozenset(catalog.thumbnails.ids(shown)),
        thresholds=(thresholds.lookalike.value, thresholds.near_duplicate.value),
        query_veil=query_veil,
        query_image=query_image,
    )


def _card_of(catalog: Catalog, match: Match | None) -> ThresholdCard | None:
    if match is None or match.threshold_card is None:
        return None
    return catalog.cards.get(match.threshold_card)


def veil_query(
    data: bytes,
    limits: ImageLimits,
    veil: Veil = Veil.BLUR,
    *,
    strength: int = DEFAULT_STRENGTH,
) -> str:
    """Return an uploaded picture behind a veil, as an address that holds it itself.

    Neither the picture nor its veil is kept anywhere.
    """
    with decoded(data, limits, at_least=_ENOUGH) as picture:
        thumbnail = make_thumbnail(picture.rgb)
    veiled = veil_picture(thumbnail, veil, strength, VEIL_SIDE)
    return f"data:image/jpeg;base64,{b64encode(veiled).decode()}"
