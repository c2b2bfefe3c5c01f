"""Plain-text lists: one fingerprint per line, optionally after its kind."""

from collections.abc import Iterator
from typing import Final

from indexer.exchange.fingerprint_kinds import UnknownKind
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.exchange.list_rows import read_fingerprint, read_kind
from indexer.exchange.list_streams import ListStream
from indexer.types import Fingerprint, ListedFingerprint

_COMMENT: Final = "#"


def read_text(stream: ListStream, options: ReadOptions) -> Iterator[Item]:
    """Read `HEX` or `KIND HEX` from each line; empty lines and `#` comments are passed over."""
    for number, line in stream.lines():
        if line is None:
            yield BadRow(options.at(number), "the line is too long")
        elif (words := line.split()) and not words[0].startswith(_COMMENT):
            yield _item(words, options.at(number), options)


def _item(words: list[str], where: str, options: ReadOptions) -> Item:
    match words:
        case [text]:
            kind = None
        case [name, text]:
            try:
                named = read_kind(name, text)
            except UnknownKind as error:
                return BadRow(where, str(error))
            if isinstance(named, Ignored):
                return named
            kind = named
        case _:
            return BadRow(where, "the line is neither `HEX` nor `KIND HEX`")
    found = read_fingerprint(text, kind, where, options)
    return ListedFingerprint(found, found.hex) if isinstance(found, Fingerprint) else found
