"""Lists a page at a time, in one shape everywhere."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from indexer.errors import InputError

ItemT = TypeVar("ItemT")
MAX_ID = 2**63 - 1  # BIGINT

Cursor = Annotated[
    str | None,
    Query(max_length=64, description="`next_cursor` of the page before; the first page if unset."),
]
PageLimit = Annotated[int, Query(ge=1, le=1000, description="Most items of a page.")]


class Page(BaseModel, Generic[ItemT]):
    """A part of a list."""

    # described this way because pydantic cannot read the docstrings of a generic's attributes
    items: list[ItemT] = Field(description="In the order of the list.")
    next_cursor: str | None = Field(
        description="Ask with this for the page that follows; null when there is none."
    )


def id_after(cursor: str | None) -> int:
    """Return the id that a page starts behind; 0 for the first page.

    Raises
    ------
    InputError
        The cursor is not one that we gave.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) <= MAX_ID):
        raise InputError(
            f"{cursor!r} is no cursor of this list. Use `next_cursor` of the page before, as it is."
        )
    return int(cursor)


def page_of(rows: Sequence[ItemT], limit: int, key: Callable[[ItemT], int]) -> Page[ItemT]:
    """Make a page of rows that were read with `limit + 1`, so that the last page is known.

    Parameters
    ----------
    rows : sequence
        In the order of their ids, at most ``limit + 1``.
    limit : int
        Most items of the page.
    key : callable
        Gives the id of a row.
    """
    more = len(rows) > limit
    items = list(rows[:limit])
    return Page(items=items, next_cursor=str(key(items[-1])) if more else None)
