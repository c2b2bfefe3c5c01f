"""NCMEC hash-sharing lists: XML responses of its API, version 2.

Entries are cut out of the text and parsed one by one. So memory does not grow with the file, one
damaged entry does not hide those after it, and no document type is ever read: there are no
entities to expand and nothing to fetch.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from indexer.errors import UnreadableSource
from indexer.exchange.fingerprint_kinds import UnknownKind, kind_named
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.exchange.list_rows import read_fingerprint
from indexer.exchange.list_streams import ListStream
from indexer.exchange.text_window import LONGEST_RECORD, TextWindow
from indexer.types import (
    EXTERNAL_ID_BYTES,
    Fingerprint,
    FingerprintKind,
    ListedFingerprint,
    WithdrawnFingerprint,
)

_PREFIX: Final = r"(?:[\w.-]+:)?"  # of a namespace
_ENTRY: Final = rf"<{_PREFIX}(?P<name>(?:deleted)?(?:image|video))(?=[\s/>])"
_ROOT: Final = re.compile(rf"<{_PREFIX}queryResult(?=[\s>])")
_NEXT: Final = re.compile(
    rf"{_ENTRY}|(?P<comment><!--)|(?P<end></{_PREFIX}queryResult\s*>)", re.IGNORECASE
)
_NEXT_ENTRY: Final = re.compile(_ENTRY, re.IGNORECASE)
_COMMENT_END: Final = re.compile("-->")


def read_ncmec(stream: ListStream, options: ReadOptions) -> Iterator[Item]:
    """Read entries of images; videos and other fingerprints than ours are counted as ignored.

    An entry is known by its member's id and its own: `42-image1`. It always tells all that it has:
    the kinds that are not among its fingerprints are withdrawn. Several answers may follow each
    other in one file.

    Raises
    ------
    UnreadableSource
        There is no query result in the file.
    """
    window = TextWindow(stream)
    if window.find(_ROOT) is None:
        raise UnreadableSource(
            f"The list {options.name} is not a response of NCMEC's hash sharing: "
            "<queryResult> is missing."
        )
    while window.find(_ROOT) is not None:
        yield from _result(window, options)


def _result(window: TextWindow, options: ReadOptions) -> Iterator[Item]:
    """Read one query result."""
    while (found := window.find(_NEXT)) is not None:
        if found["comment"]:
            if (end := window.find(_COMMENT_END)) is not None:
                window.go(end.end())
            continue
        if found["end"]:
            window.go(found.end())
            return
        where = options.at(window.line)
        entry = _cut_out(window, found)
        if entry is None:
            yield BadRow(where, f"the entry has no </{found['name']}>")
        else:
            yield from _items(entry, where, options)
    yield BadRow(options.at(window.line), "the list ends before </queryResult>: it was cut off")


def _cut_out(window: TextWindow, start: re.Match[str]) -> str | None:
    """Return the entry that begins at the place, and move behind it; None if it does not end."""
    end_tag = re.compile(rf"</{_PREFIX}{start['name']}\s*>")
    end = end_tag.search(window.text, start.end(), start.start() + LONGEST_RECORD)
    last = end.end() if end else start.start() + LONGEST_RECORD
    another = _NEXT_ENTRY.search(window.text, start.end(), last)
    if another is not None or end is None:
        window.go(start.end() if another is None else another.start())
        return None
    entry = window.text[start.start() : last]
    window.go(last)
    return entry


class _Entry:
    """What the XML of one entry says."""

    def __init__(self, xml: str) -> None:
        self.name = ""
        self.member = ""
        self.texts: defaultdict[str, str] = defaultdict(str)  # of its children, by tag
        self.fingerprints: dict[str, str] = {}  # by tag
        self._path: list[str] = []
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(xml, True)  # noqa: FBT003 -- expat takes it by position: there is no more

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag.rpartition(":")[2])
        match self._path:
            case [name]:
                self.name = name.lower()
            case [_, "member"]:
                self.member = attributes.get("id", "")
            case [_, "fingerprints", kind]:
                self.fingerprints[kind] = ""

    def _end(self, _tag: str) -> None:
        self._path.pop()

    def _text(self, data: str) -> None:
        match self._path:
            case [_, tag]:
                self.texts[tag] += data
            case [_, "fingerprints", kind]:
                self.fingerprints[kind] += data


def _items(xml: str, where: str, options: ReadOptions) -> Iterator[Item]:
    """Yield what one entry says."""
    try:
        entry = _Entry(xml)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        yield BadRow(where, f"the entry is no XML ({error})")
        return
    own_id = entry.texts["id"].strip()
    external_id = f"{entry.member}-{own_id}"
    if not entry.member or not own_id:
        yield BadRow(where, "the entry lacks its id or its member's")
    elif len(external_id.encode()) > EXTERNAL_ID_BYTES:
        yield BadRow(where, f"the entry's id has more than {EXTERNAL_ID_BYTES} bytes")
    elif entry.name.endswith("video"):
        yield Ignored("video")
    elif entry.name.startswith("deleted"):
        yield WithdrawnFingerprint(external_id, None)
    else:
        label = entry.texts["classification"].strip()
        yield from _listed(entry, external_id, (label,) if label else (), where, options)


def _listed(
    entry: _Entry, external_id: str, labels: tuple[str, ...], where: str, options: ReadOptions
) -> Iterator[Item]:
    """Yield the fingerprints of an image, and that it has none of the other kinds."""
    missing = set(FingerprintKind)
    for name, text in entry.fingerprints.items():
        try:
            kind = kind_named(name)
        except UnknownKind:  # a list may learn of new kinds any day
            kind = None
        if kind is None:
            yield Ignored(name.lower())
            continue
        found = read_fingerprint(text.strip(), kind, where, options)
        missing.discard(kind)
        if isinstance(found, Fingerprint):
            yield ListedFingerprint(found, external_id, labels=labels)
        else:
            yield found
    for kind in sorted(missing):
        yield WithdrawnFingerprint(external_id, kind)
