"""Pagination by cursor, in one shape for every list."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from indexer.errors import InputError
from search_api.schemas import MAX_ID, Page

ItemT = TypeVar("ItemT")
__all__ = ["MAX_ID", "Cursor", "Page", "PageLimit", "id_after", "page_of"]

Cursor = Annotated[
    str | None,
    Query(
        max_length=64, description="`next_cursor` of the previous page; by default the first page."
    ),
]
PageLimit = Annotated[int, Query(ge=1, le=1000, description="Maximum items per page.")]


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
            f"{cursor!r} is not a valid cursor of this list. Use `next_cursor` of the "
            "previous page unchanged."
        )
    return int(cursor)


def page_of(rows: Sequence[ItemT], limit: int, key: Callable[[ItemT], int | str]) -> Page[ItemT]:
    """Make a page of rows that were read with `limit + 1`, so that the last page is known.

    Parameters
    ----------
    rows : sequence
        In the order of their keys, at most ``limit + 1``.
    limit : int
        Most items of the page.
    key : callable
        Gives the id of a row, or what else the next page starts behind.
    """
    more = len(rows) > limit
    items = list(rows[:limit])
    return Page(items=items, next_cursor=str(key(items[-1])) if more else None)
