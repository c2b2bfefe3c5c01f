"""Manifests and lists: pictures named by rows, each looked up where it lies."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from indexer.errors import UnreadableSource
from indexer.sources.base import INVALID_METADATA, Found, Listed, ListedImage
from indexer.sources.manifest_rows import Columns, InvalidRow, Row, row_of
from indexer.sources.manifest_tables import NumberedColumns, UnreadableRow, kind_of
from indexer.sources.names import uri_of
from indexer.sources.places import Places
from indexer.types import SkippedSource

STDIN: Final = "-"
"""Name of the list that is read from standard input."""
_AHEAD: Final = 64  # rows that are looked up before they are asked for
_LOOKUPS: Final = 16  # servers are asked for so many of them at once

_Outcome = Callable[[], Found]  # waits for what a server says of a row


@dataclass(frozen=True, slots=True)
class ManifestReader:
    """The pictures that a manifest or list names, in its order."""

    uri: str
    rows: Callable[[], Generator[NumberedColumns, None, None]]  # starts at the first one again
    places: Places
    is_at_hand: bool  # can be gone through twice at little cost

    def items(self) -> Iterator[Found]:
        pool = ThreadPoolExecutor(_LOOKUPS, "lookup")
        waiting: deque[_Outcome] = deque()
        try:
            for outcome in self._outcomes(pool):
                waiting.append(outcome)
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()()
            while waiting:
                yield waiting.popleft()()
        finally:
            pool.shutdown(cancel_futures=True)

    def listed(self) -> Iterator[Listed]:
        try:
            for number, columns in self.rows():
                row = self._row(number, columns)
                yield self._named(row) if isinstance(row, Row) else row
        except UnreadableSource as error:
            yield SkippedSource(self.uri, error.code, str(error))

    def count(self) -> int | None:
        if not self.is_at_hand:
            return None
        return sum(1 for _ in self.rows())

    def _outcomes(self, pool: ThreadPoolExecutor) -> Iterator[_Outcome]:
        try:
            for number, columns in self.rows():
                row = self._row(number, columns)
                if isinstance(row, Row) and self.places.is_remote(row.name):
                    yield pool.submit(self._look_up, row).result
                else:
                    found = self._look_up(row) if isinstance(row, Row) else row
                    yield partial(_itself, found)
        except UnreadableSource as error:
            yield partial(_itself, SkippedSource(self.uri, error.code, str(error)))

    def _row(self, number: int, columns: Columns | UnreadableRow) -> Row | SkippedSource:
        if isinstance(columns, UnreadableRow):
            return self._bad(number, columns.reason)
        try:
            return row_of(number, columns)
        except (InvalidRow, RecursionError) as error:
            return self._bad(number, str(error))

    def _named(self, row: Row) -> Listed:
        try:
            place = self.places.locate(row.name)
        except InvalidRow as error:
            return self._bad(row.number, str(error))
        uri = uri_of(place) if isinstance(place, Path) else place
        return ListedImage(uri, row.bank, row.details)

    def _look_up(self, row: Row) -> Found:
        try:
            found = self.places.find(row.name, self.uri)
        except InvalidRow as error:
            return self._bad(row.number, str(error))
        if isinstance(found, SkippedSource):
            return replace(found, message=f"{found.message} (Row {row.number} of {self.uri}.)")
        return replace(found, bank=row.bank, details=row.details)

    def _bad(self, number: int, reason: str) -> SkippedSource:
        where = f"{self.uri}:{number}"
        message = f"Row {where} cannot be used: {reason}. Correct it and add the manifest again."
        return SkippedSource(where, INVALID_METADATA, message)


def is_row(uri: str) -> bool:
    """Tell whether a skipped source's URI names a manifest's or list's row: `list.csv:17`."""
    name, _, number = uri.rpartition(":")
    return number.isdecimal() and (name == STDIN or kind_of(name) is not None)


def _itself(found: Found) -> Found:
    return found
