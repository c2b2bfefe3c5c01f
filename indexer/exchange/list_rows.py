"""Rows of a list, once their values are told apart by column."""

import re
from collections.abc import Iterator
from typing import Final

from indexer.errors import EmptyFingerprint, InvalidFingerprint
from indexer.exchange.cells import (
    Columns,
    UnusableRow,
    flag_in,
    identifier_in,
    labels_in,
    number_in,
    text_in,
)
from indexer.exchange.fingerprint_kinds import UnknownKind, kind_named
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.images.fingerprints import parse_fingerprint
from indexer.types import Fingerprint, FingerprintKind, ListedFingerprint, WithdrawnFingerprint

VALUES: Final = ("fingerprint", "hash", "value", "signal_str", "indicator", "hash_value")
OF_ONE_KIND: Final = ("pdq", "md5", "sha256", "sha1", "sha512", "pdna", "photodna")
_KINDS: Final = ("type", "kind", "signal_type", "hash_type", "fingerprint_type", "indicator_type")
_IDS: Final = ("external_id", "id", "entry_id", "indicator_id", "descriptor_id")
_SOURCES: Final = ("source",)
_LABELS: Final = ("labels", "label", "tags")
_NOTES: Final = ("notes", "note", "description", "comment")
_QUALITIES: Final = ("quality", "pdq_quality")
_REMOVED: Final = ("removed", "deleted", "withdrawn")
_MD5_DIGITS: Final = 32
_QUOTED: Final = 80  # characters of a text that messages repeat
_KIND_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{1,39}")
_DIGITS: Final = re.compile(r"[0-9a-fA-F]{16,}")
_SHORTEST_VALUE: Final = 16  # characters
_UNCLEAR: Final = re.compile(r"[0-9a-fA-F]{64}")


def items_of(columns: Columns, where: str, options: ReadOptions) -> Iterator[Item]:
    """Yield what a row lists: a fingerprint, or one for each column that is named for a kind.

    Parameters
    ----------
    columns : mapping of str to any
        Columns of names that we do not know are passed over.
    where : str
        File and line.
    options : ReadOptions
    """
    try:
        found = list(_fingerprints(columns, where, options))
        external_id = identifier_in(columns, _IDS)
        removed = flag_in(columns, _REMOVED)
        if removed and external_id and not found:
            name = text_in(columns, _KINDS)
            kind = read_kind(name) if name else None
            if isinstance(kind, Ignored):
                yield kind
            else:
                yield WithdrawnFingerprint(external_id, kind, _source(columns, options))
            return
        items = [
            _item(item, external_id or item.hex, columns, options, removed=removed)
            if isinstance(item, Fingerprint)
            else item
            for item in found
        ]
    except (UnusableRow, UnknownKind) as error:
        yield BadRow(where, str(error))
    else:
        yield from items or [BadRow(where, "no column holds a fingerprint")]


def read_fingerprint(
    text: str, kind: FingerprintKind | None, where: str, options: ReadOptions
) -> Fingerprint | BadRow:
    """Read a fingerprint; one of no kind is of the kind in the options, or what its length tells.

    MD5 is told by its 32 digits. 64 digits are not guessed at: they may be a PDQ or a SHA-256, and
    a list taken for the other kind would never match anything.
    """
    kind = kind or options.kind or (FingerprintKind.MD5 if len(text) == _MD5_DIGITS else None)
    if kind is None:
        unclear = "64 digits may be a PDQ or a SHA-256: say which with --type"
        none = f"{text[:_QUOTED]!r} is no fingerprint"
        return BadRow(where, unclear if _UNCLEAR.fullmatch(text) else none)
    try:
        return parse_fingerprint(kind, text)
    except EmptyFingerprint as error:
        return BadRow(where, str(error).removesuffix("."), unread=False)
    except InvalidFingerprint as error:
        return BadRow(where, str(error).removesuffix("."))


def read_kind(name: str, value: str | None = None) -> FingerprintKind | Ignored:
    """Return the kind that a list names; a kind that we do not match by is passed over.

    Lists learn of new kinds any day, so one that we never heard of is passed over, too, if its name
    and the fingerprint beside it, where there is one, look like it.

    Raises
    ------
    UnknownKind
        They do not.
    """
    try:
        return kind_named(name) or Ignored(name.strip().lower())
    except UnknownKind:
        is_name = _KIND_NAME.fullmatch(name.strip()) and not _DIGITS.fullmatch(name.strip())
        if not is_name or (value is not None and len(value) < _SHORTEST_VALUE):
            raise
        return Ignored(name.strip().lower(), unheard_of=True)


def _fingerprints(
    columns: Columns, where: str, options: ReadOptions
) -> Iterator[Fingerprint | BadRow | Ignored]:
    """Yield the fingerprints of a row, and what is there in place of one."""
    for name in OF_ONE_KIND:
        if text := text_in(columns, [name]):
            yield _read(text, name, columns, where, options)
    if text := text_in(columns, VALUES):
        yield _read(text, text_in(columns, _KINDS), columns, where, options)


def _read(
    text: str, name: str | None, columns: Columns, where: str, options: ReadOptions
) -> Fingerprint | BadRow | Ignored:
    """Read one fingerprint of the kind that the list calls `name`."""
    kind = read_kind(name, text) if name else None
    if isinstance(kind, Ignored):
        return kind
    found = read_fingerprint(text, kind, where, options)
    if isinstance(found, Fingerprint) and found.kind is FingerprintKind.PDQ:
        quality = number_in(columns, _QUALITIES)
        if quality is not None and quality < options.min_quality:
            reason = f"its PDQ quality is {quality:g}, below {options.min_quality}"
            return BadRow(where, reason, unread=False)
    return found


def _item(
    fingerprint: Fingerprint,
    external_id: str,
    columns: Columns,
    options: ReadOptions,
    *,
    removed: bool,
) -> ListedFingerprint | WithdrawnFingerprint:
    if removed:
        return WithdrawnFingerprint(external_id, fingerprint.kind, _source(columns, options))
    return ListedFingerprint(
        fingerprint,
        external_id,
        source=_source(columns, options),
        labels=labels_in(columns, _LABELS),
        notes=text_in(columns, _NOTES),
    )


def _source(columns: Columns, options: ReadOptions) -> str | None:
    return options.source or identifier_in(columns, _SOURCES)
