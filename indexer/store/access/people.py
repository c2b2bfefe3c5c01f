"""People: their settings of the console, and the views that they saved."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, func, select

from indexer.errors import InputError
from indexer.store.edits import Edits
from indexer.store.models import PersonalSettingsRow, SavedViewRow
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.types import SavedView

MOST_VIEWS: Final = 200
"""Views of one person."""


class People(Queries):
    """What people have of their own, within one transaction."""

    def settings(self, person: str) -> dict[str, Any]:
        """Return a person's settings, those that differ from the usual ones."""
        statement = select(PersonalSettingsRow.settings).where(PersonalSettingsRow.person == person)
        return self._connection.scalar(statement) or {}

    def views(self, person: str, *, after_id: int = 0, limit: int = 100) -> list[SavedView]:
        """Return a page of a person's views, oldest first.

        Parameters
        ----------
        person : str
        after_id : int
            Last id of the page before.
        limit : int
            Most views of a page.
        """
        table = SavedViewRow
        statement = select(table.__table__).where(
            table.person == person, table.id > min(after_id, MAX_ID)
        )
        rows = self._connection.execute(statement.order_by(table.id).limit(limit))
        return [from_row(SavedView, row) for row in rows]


class PeopleEdits(People, Edits):
    """What people have of their own, within a writing transaction."""

    def set_settings(self, person: str, settings: Mapping[str, Any]) -> None:
        """Keep a person's settings in place of those before."""
        self._replace(PersonalSettingsRow, {"person": person}, {"settings": dict(settings)})

    def save_view(self, person: str, name: str, screen: str, query: str) -> SavedView:
        """Save a view, in place of the person's one of the same name and screen.

        Raises
        ------
        InputError
            The person has too many.
        """
        table = SavedViewRow
        mine = table.person == person
        same = (mine, table.name == name, table.screen == screen)
        self._connection.execute(delete(table).where(*same))
        count = select(func.count()).select_from(table).where(mine)
        if self._connection.execute(count).scalar_one() >= MOST_VIEWS:
            raise InputError(
                f"You have {MOST_VIEWS} saved views, the most there can be. Delete some: "
                "`GET /v1/me/views` lists them."
            )
        row = {"person": person, "name": name, "screen": screen, "query": query}
        view_id = self._insert_one(table, {**row, "created_at": self._now})
        return SavedView(view_id, name, screen, query, self._now)

    def delete_view(self, person: str, view_id: int) -> bool:
        """Delete a person's view; return whether there was one."""
        table = SavedViewRow
        gone = delete(table).where(table.person == person, table.id == view_id)
        return self._connection.execute(gone).rowcount > 0
