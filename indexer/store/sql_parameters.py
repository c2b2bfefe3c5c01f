"""Bound parameters that both databases take."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import TypeVar

MAX_ID = 2**63 - 1  # of a BIGINT
_MOST = 10_000  # parameters of one statement: SQLite takes 32,766, Postgres 65,535
_ItemT = TypeVar("_ItemT")


def chunks(items: Iterable[_ItemT]) -> Iterator[list[_ItemT]]:
    """Yield lists short enough for one IN."""
    iterator = iter(items)
    while chunk := list(islice(iterator, _MOST)):
        yield chunk


def possible_ids(ids: Iterable[int]) -> list[int]:
    """Return the numbers that can be ids, sorted, each once; others cannot even be bound."""
    return sorted({int(number) for number in ids if 0 < number <= MAX_ID})


def uri_digest(uri: str) -> bytes:
    """Return the 32 bytes by which a URI of any length is looked up."""
    return sha256(uri.encode("utf-8", "surrogatepass")).digest()
