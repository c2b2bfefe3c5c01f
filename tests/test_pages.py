import pytest

from indexer.errors import InputError
from search_api.pagination import MAX_ID, id_after, page_of


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_one_after_another_are_the_list(limit: int) -> None:
    rows = [2, 3, 5, 8, 13, 21]
    seen: list[int] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        after = id_after(cursor)
        page = page_of([row for row in rows if row > after][: limit + 1], limit, key=int)
        assert 0 < len(page.items) <= limit
        seen += page.items
        cursor, pages = page.next_cursor, pages + 1

    assert seen == rows
    assert pages == len(rows) // limit


def test_a_list_of_nothing_is_one_empty_page() -> None:
    page = page_of([], 10, key=int)

    assert (page.items, page.next_cursor) == ([], None)


@pytest.mark.parametrize("cursor", ["", "-1", "1.0", " 1", "first", "١", str(MAX_ID + 1), "9" * 64])  # noqa: RUF001 -- a digit, but none of ours
def test_a_cursor_that_we_never_gave_is_refused(cursor: str) -> None:
    with pytest.raises(InputError, match="next_cursor"):
        id_after(cursor)
