"""Threshold cards."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, or_, select, update

from indexer.store.banks.banks import Banks
from indexer.store.edits import Edits
from indexer.store.images.spaces import Spaces
from indexer.store.models import BankRow, SpaceRow, ThresholdCardRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import CardBound, Histogram, NewCard, RateUnit, Signal, ThresholdCard, Tier

_OF_LIVING_BANK = or_(ThresholdCardRow.bank_id.is_(None), BankRow.removed_at.is_(None))
IN_FORCE = ThresholdCardRow.retired_at.is_(None)
_BOUNDS = (
    select(
        ThresholdCardRow.id,
        ThresholdCardRow.signal,
        ThresholdCardRow.tier,
        ThresholdCardRow.space_id,
        BankRow.name,
        ThresholdCardRow.value,
    )
    .outerjoin(BankRow, BankRow.id == ThresholdCardRow.bank_id)
    .where(IN_FORCE, _OF_LIVING_BANK)
    .where(
        or_(
            ThresholdCardRow.space_id.is_(None),
            ThresholdCardRow.space_id == bindparam("space_id"),
        )
    )
    .order_by(ThresholdCardRow.id)
)


class Cards(Queries):
    """The threshold cards within one transaction."""

    def bounds(self, space_id: int | None) -> list[CardBound]:
        """Return the bounds in force: those of a space, and those of PDQ, which belongs to none.

        Parameters
        ----------
        space_id : int or None
            None gives those of PDQ alone.
        """
        found = self._connection.execute(_BOUNDS, {"space_id": space_id})
        return [
            CardBound(card_id, Signal(signal), Tier(tier), of_space, bank, value)
            for card_id, signal, tier, of_space, bank, value in found
        ]

    def page(
        self, *, retired: bool = False, before_id: int | None = None, limit: int | None = None
    ) -> list[ThresholdCard]:
        """Return the cards of every space, newest first; with `retired`, earlier ones as well.

        Parameters
        ----------
        retired : bool
        before_id : int, optional
            Last id of the page before.
        limit : int, optional
            Most cards of a page; all by default.
        """
        conditions = [] if retired else [and_(IN_FORCE, _OF_LIVING_BANK)]
        if before_id is not None:
            conditions.append(ThresholdCardRow.id < before_id)
        return self._cards_where(*conditions, limit=limit)

    def get(self, card_id: int) -> ThresholdCard:
        """Return a card, in force or not.

        Raises
        ------
        NotFoundError
            There is no such card.
        """
        return require(
            self._cards_where(ThresholdCardRow.id == min(card_id, MAX_ID)),
            f"There is no threshold card {card_id}. `lookalike threshold list` shows them.",
        )

    def _cards_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[ThresholdCard]:
        """Return the cards that satisfy all conditions, newest first."""
        statement = (
            select(
                ThresholdCardRow.__table__,
                BankRow.name.label("bank"),
                SpaceRow.fingerprint.label("space"),
            )
            .outerjoin(BankRow, BankRow.id == ThresholdCardRow.bank_id)
            .outerjoin(SpaceRow, SpaceRow.id == ThresholdCardRow.space_id)
            .where(*conditions)
            .order_by(ThresholdCardRow.id.desc())
            .limit(limit)
        )
        return [_card(row) for row in self._connection.execute(statement)]


class CardEdits(Cards, Edits):
    """The threshold cards within a writing transaction."""

    def add(self, new: NewCard) -> ThresholdCard:
        """Put a card in force; the earlier one of the same space, signal, tier and bank retires.

        Raises
        ------
        NotFoundError
            There is no such bank or space.
        """
        if new.space_id is not None:
            Spaces(self._connection).get(new.space_id)  # raises when there is none
        bank_id = None if new.bank is None else Banks(self._connection).id_of(new.bank)
        of_same = (
            ThresholdCardRow.signal == new.signal.value,
            ThresholdCardRow.tier == new.tier.value,
            ThresholdCardRow.space_id.is_not_distinct_from(new.space_id),
            ThresholdCardRow.bank_id.is_not_distinct_from(bank_id),
            IN_FORCE,
        )
        self._connection.execute(
            update(ThresholdCardRow).where(*of_same).values(retired_at=self._now)
        )
        columns = {name: value for name, value in asdict(new).items() if name != "bank"}
        self._insert(
            ThresholdCardRow,
            [columns | {"bank_id": bank_id, "created_at": self._now}],
        )
        card = self._cards_where(*of_same)[0]
        said = {"signal": new.signal.value, "tier": new.tier.value, "bank": new.bank}
        self._audit.record("threshold.set", "threshold_card", card.id, **said, value=card.value)
        return card


def _card(row: Row[Any]) -> ThresholdCard:
    counted = {name: tuple(row.histogram[name]) for name in ("comparisons", "uploads")}
    return from_row(
        ThresholdCard,
        row,
        signal=Signal(row.signal),
        tier=Tier(row.tier),
        unit=RateUnit(row.unit),
        histogram=Histogram(low=row.histogram["low"], width=row.histogram["width"], **counted),
    )
