"""`bank disable`, `bank enable` and `bank remove`: state of banks and entries."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.cli.bank_entries import BankName
from indexer.cli.confirmation import confirm
from indexer.cli.options import AsJson, opened
from indexer.cli.output import print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.types import EntryRecord

_Entries = Annotated[
    list[int] | None,
    typer.Argument(metavar="ENTRY", help="Ids of entries; by default the whole bank."),
]


def disable(
    name: BankName,
    entry: _Entries = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Enable again then: in 36h, 7d or 2w, or on 2027-01-31.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Disable a bank or some of its entries.

    Disabled entries stay in the bank, but match nothing from the next query on. Without --until
    they stay disabled until they are enabled again.

    Example: lookalike bank disable known-unsafe 7 8 --until 2w
    """
    from indexer.cli.time_arguments import parse_later
    from indexer.store import FOR_GOOD

    if until and not entry:
        raise InputError("--until applies to entries only: name entries.")
    moment = parse_later(until, datetime.now(UTC)) if until else FOR_GOOD
    with opened() as store, store.writer() as writer:
        if entry:
            writer.entries.disable(_ids_of(writer.entries.of_bank(name, entry)), moment)
        else:
            writer.banks.edit(name, enabled=False)
    _print_change(name, entry, "disabled", as_json=as_json)


def enable(name: BankName, entry: _Entries = None, *, as_json: AsJson = False) -> None:
    """Enable a bank or some of its entries.

    Entries that were disabled individually stay disabled when their bank is enabled.

    Example: lookalike bank enable known-unsafe
    """
    with opened() as store, store.writer() as writer:
        if entry:
            writer.entries.enable(_ids_of(writer.entries.of_bank(name, entry)))
        else:
            writer.banks.edit(name, enabled=True)
    _print_change(name, entry, "enabled", as_json=as_json)


def remove(
    name: BankName,
    entry: _Entries = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove a whole bank without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a bank or some of its entries.

    The images stay in the index. Entries that came from a list are remembered as removed: importing
    the list again does not restore them. Removing the whole bank forgets this.

    Example: lookalike bank remove known-unsafe 7 8 --dry-run
    """
    with opened() as store:
        with store.reader() as catalog:
            bank = catalog.banks.get(name)
            ids = _ids_of(catalog.entries.of_bank(name, entry or ()))
        if not entry and not yes and not dry_run:
            confirm(f"Remove bank {name} with {bank.entry_count} entries?")
        if not dry_run:
            with store.writer() as writer:
                count = writer.entries.remove(ids) if entry else writer.banks.remove(name)
        else:
            count = len(ids) if entry else bank.entry_count
    if as_json:
        whole = {"bank": name, "whole_bank": not entry, "entries": count, "dry_run": dry_run}
        print_json(whole)
        return
    would = "would be " if dry_run else ""
    of_bank = f"{count} entries of bank {name}"
    echo(f"{of_bank} {would}removed." if entry else f"Bank {name} {would}removed, {of_bank}.")


def _ids_of(entries: Sequence[EntryRecord]) -> list[int]:
    return [entry.id for entry in entries]


def _print_change(name: str, ids: Sequence[int] | None, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"bank": name, "whole_bank": not ids, "entries": ids or [], "state": state})
    elif ids:
        echo(f"{len(ids)} entries of bank {name} are {state}.")
    else:
        echo(f"Bank {name} is {state}.")
