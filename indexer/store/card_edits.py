"""Remembering threshold cards."""

from dataclasses import asdict

from sqlalchemy import update

from indexer.store.card_queries import IN_FORCE
from indexer.store.edits import Edits
from indexer.store.models import ThresholdCardRow
from indexer.types import NewCard, ThresholdCard


class CardEdits(Edits):
    """What writes threshold cards; `Writer` has the rest."""

    def add_card(self, new: NewCard) -> ThresholdCard:
        """Put a card in force; the earlier one of the same space, signal, tier and bank retires.

        Raises
        ------
        NotFoundError
            There is no such bank or space.
        """
        if new.space_id is not None:
            self.space_by_id(new.space_id)  # raises when there is none
        bank_id = None if new.bank is None else self.bank_id(new.bank)
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
        self._audit("threshold.set", "threshold_card", card.id, **said, value=card.value)
        return card
