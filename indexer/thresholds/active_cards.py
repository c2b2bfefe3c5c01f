"""Active threshold cards: put in force, and found."""

from collections.abc import Sequence

from indexer.errors import NotFoundError
from indexer.store import Catalog, Store
from indexer.thresholds.calibration import Calibration
from indexer.thresholds.calibration_targets import tiers_of
from indexer.types import Signal, ThresholdCard, Tier


def put_in_force(store: Store, calibrations: Sequence[Calibration]) -> list[ThresholdCard]:
    """Store the cards in one transaction; those whose place they take retire."""
    with store.writer() as writer:
        return [writer.cards.add(calibration.card) for calibration in calibrations]


def find_card(
    catalog: Catalog, signal: Signal, tier: Tier | None, bank: str | None
) -> ThresholdCard:
    """Return the card in force that decides by a signal, in the space of the index.

    Parameters
    ----------
    catalog : Catalog
    signal : Signal
    tier : Tier, optional
        The usual one of the signal by default.
    bank : str, optional
        For every bank and the gallery by default.

    Raises
    ------
    NotFoundError
        There is none: the settings hold.
    """
    space = catalog.spaces.active()
    wanted = (signal, tier or tiers_of(signal)[0], bank)
    for bound in catalog.cards.bounds(space.id if space else None):
        if (bound.signal, bound.tier, bound.bank) == wanted:
            return catalog.cards.get(bound.card_id)
    raise NotFoundError(
        f"No card for {signal}, {wanted[1]}{f', bank {bank}' if bank else ''} is in "
        "force, so the setting holds. `lookalike threshold calibrate` creates one."
    )
