"""`bank show` and `bank add`: entries of a bank."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.cli.options import AsJson, FollowLinks, ModelReference, RowLimit, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.types import Bank, EntryRecord, Fingerprint, FingerprintKind

BankName = Annotated[str, typer.Argument(metavar="NAME", help="The bank's name.")]
_NEVER = 9999  # the year until which an entry is disabled for good


def show(
    name: BankName,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this entry id.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a bank and its entries, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike bank show known-unsafe --limit 20
    """
    with opened() as store, store.reader() as catalog:
        bank = catalog.banks.get(name)
        page = catalog.entries.page(name, after_id=after, limit=limit)
    if as_json:
        next_after = page[-1].id if len(page) == limit else None
        print_json({"bank": bank, "entries": page, "next_after": next_after})
        return
    echo(describe(bank))
    columns = ["entry", "state", "source", "labels", "what"]
    now = datetime.now(UTC)
    rows = [
        (entry.id, _state(entry, now), _origin(entry), ", ".join(entry.labels), _what(entry))
        for entry in page
    ]
    print_table(None, columns, rows)


def add(
    name: BankName,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Files, folders, or ids of stored images."),
    ] = None,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'KIND HEX'",
            help="Bare fingerprint: pdq, md5 or sha256, and hexadecimal digits; may be repeated.",
        ),
    ] = None,
    model: ModelReference = None,
    *,
    follow_links: FollowLinks = False,
    as_json: AsJson = False,
) -> None:
    """Add images or fingerprints to a bank.

    Files that are not in the index yet are added to it. Adding an entry twice changes nothing. A
    bare fingerprint stands for an image that is not at hand: it matches copies as far as its kind
    allows.

    Example: lookalike bank add known-unsafe evidence/ 42
    """
    from indexer.cli.index_add import add_sources

    if not what and not fingerprint:
        raise InputError("Name what to add: files, folders, image ids, or --fingerprint.")
    fingerprints = [_parse(text) for text in fingerprint or ()]
    settings = load(model)
    ids = [int(item) for item in what or () if item.isdecimal()]
    paths = [item for item in what or () if not item.isdecimal()]
    with opened(settings) as store:
        with store.writer() as writer:
            bank = writer.banks.get(name)
            writer.entries.add(bank.id, ids)
            for item in fingerprints:
                writer.entries.add_fingerprint(bank.id, item)
            added = writer.banks.get(name).entry_count - bank.entry_count
        if paths:
            add_sources(store, settings, paths, bank, follow_links=follow_links, as_json=as_json)
    if not paths:
        if as_json:
            print_json({"bank": bank.name, "entries": added})
        else:
            echo(f"{counted(added, 'new entry', 'new entries')} in bank {bank.name}.")


def describe(bank: Bank) -> str:
    """Say in one line what a bank is."""
    state = "" if bank.enabled else ", disabled"
    details = {
        "category": bank.category,
        "severity": bank.severity,
        "owner": bank.owner,
        "notes": bank.notes,
    }
    said = "".join(f", {name} {value}" for name, value in details.items() if value)
    entries = counted(bank.entry_count, "entry", "entries")
    return f"Bank {bank.name} ({bank.kind}{state}{said}) has {entries}."


def _parse(text: str) -> Fingerprint:
    from indexer.images.fingerprints import parse_fingerprint

    kind, _, digits = text.strip().partition(" ")
    if kind.lower() not in {*FingerprintKind}:
        raise InputError(
            f"{text!r} is not a valid fingerprint. Write its kind "
            f"({', '.join(FingerprintKind)}) and its hexadecimal digits, such as 'md5 "
            "0123456789abcdef0123456789abcdef'."
        )
    return parse_fingerprint(FingerprintKind(kind.lower()), digits.strip())


def _state(entry: EntryRecord, now: datetime) -> str:
    if entry.disabled_until is None or entry.disabled_until <= now:
        return "enabled"
    why = f" ({entry.disabled_reason})" if entry.disabled_reason else ""
    if entry.disabled_until.year == _NEVER:
        return f"disabled{why}"
    return f"disabled until {entry.disabled_until.astimezone():%Y-%m-%d %H:%M}{why}"


def _origin(entry: EntryRecord) -> str:
    """Name the list, and what it calls the entry unless that is the fingerprint itself."""
    named = [entry.source, entry.external_id]
    if entry.fingerprint and entry.external_id == entry.fingerprint.hex:
        named.pop()
    return " ".join(filter(None, named))


def _what(entry: EntryRecord) -> str:
    if entry.fingerprint is None:
        return f"image {entry.image_id}"
    return f"{entry.fingerprint.kind} {entry.fingerprint.hex}"
