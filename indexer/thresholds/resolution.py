"""Threshold resolution by bank: the request's, a card's, the settings' or the model's."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from indexer.errors import CardMismatch, InputError
from indexer.settings import Settings
from indexer.thresholds.bounds import FROM_MODEL, FROM_REQUEST, FROM_SETTINGS, Threshold, Thresholds
from indexer.types import COMMON_FUSION, CardBound, Fusion, Signal, Tier

_Key = tuple[Signal, Tier, str | None]  # None: every bank and the gallery


@dataclass(frozen=True, slots=True)
class ThresholdResolver:
    """The bounds of one request, bank by bank; make it with `choose_thresholds`."""

    settings: Settings
    cards: dict[_Key, CardBound]
    requested: float | None
    fusion: Fusion  # of the space

    def for_bank(self, bank: str | None) -> Thresholds:
        """Return the bounds for the entries of a bank; for the gallery when it is None.

        Of each bound the first that there is: the request's, that of a card of this bank, that of
        a card for every bank, the settings', the model's. A near duplicate is a lookalike as well,
        so its bound never lies below the lookalike's.
        """
        settings = self.settings
        near_duplicate = self._find(
            Signal.FUSED,
            Tier.NEAR_DUPLICATE,
            bank,
            _default(settings.near_duplicate_log_odds, self.fusion.near_duplicate),
        )
        lookalike = self._find(
            Signal.FUSED,
            Tier.LOOKALIKE,
            bank,
            _default(settings.lookalike_log_odds, self.fusion.lookalike),
        )
        if self.requested is not None:
            lookalike = Threshold(self.requested, FROM_REQUEST)
        return Thresholds(
            pdq=self._find(
                Signal.PDQ,
                Tier.NEAR_DUPLICATE,
                bank,
                Threshold(float(settings.pdq_max_distance), FROM_SETTINGS),
            ),
            near_duplicate=max(near_duplicate, lookalike, key=_value),
            lookalike=lookalike,
        )

    def _find(self, signal: Signal, tier: Tier, bank: str | None, default: Threshold) -> Threshold:
        card = self.cards.get((signal, tier, bank)) or self.cards.get((signal, tier, None))
        if card is None:
            return default
        return Threshold(card.value, f"card {card.card_id}", card.card_id)


def choose_thresholds(
    settings: Settings,
    cards: Iterable[CardBound] = (),
    *,
    space_id: int | None = None,
    requested: float | None = None,
    fusion: Fusion = COMMON_FUSION,
) -> ThresholdResolver:
    """Gather what decides on the bounds of one request.

    Parameters
    ----------
    settings : Settings
    cards : iterable of CardBound
        Those in force, as `Cards.bounds` gives them.
    space_id : int, optional
        The space that the similarities are measured in; needed when there are cards of one.
    requested : float, optional
        Log-odds in nats from which a match is a lookalike, given with the request.
    fusion : Fusion
        That of the space, with the bounds for what the settings leave open.

    Raises
    ------
    InputError
        `requested` is not finite.
    CardMismatch
        A card was calibrated for another embedding space.
    """
    if requested is not None and not isfinite(requested):
        raise InputError(f"The least log-odds must be a finite number, got {requested}.")
    chosen: dict[_Key, CardBound] = {}
    for card in cards:
        if card.space_id not in (None, space_id):
            raise CardMismatch(card_id=card.card_id, expected=space_id, got=card.space_id)
        chosen[card.signal, card.tier, card.bank] = card
    return ThresholdResolver(settings, chosen, requested, fusion)


def _default(setting: float | None, suggested: float) -> Threshold:
    if setting is None:
        return Threshold(suggested, FROM_MODEL)
    return Threshold(setting, FROM_SETTINGS)


def _value(threshold: Threshold) -> float:
    return threshold.value
