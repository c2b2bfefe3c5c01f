"""`bank import` and `bank export`: lists of fingerprints."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.bank_entries import BankName
from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import print_json
from indexer.errors import InputError
from indexer.types import FingerprintKind, ListFormat

_STDIO = "-"


def import_lists(
    name: BankName,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Lists, plain or gzip; `-` for stdin."),
    ],
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the lists' source, such as ncmec."),
    ] = None,
    list_format: Annotated[
        ListFormat | None,
        typer.Option("--format", help="Format of the lists; by default from their names."),
    ] = None,
    kind: Annotated[
        FingerprintKind | None,
        typer.Option("--type", help="Kind of fingerprints where the list does not say."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write invalid rows to."),
    ] = None,
    *,
    full: Annotated[
        bool,
        typer.Option("--full", help="The lists are complete: withdraw entries no longer in them."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import fingerprint lists into a bank.

    Importing a list again changes nothing. Invalid rows are reported with their line number, the
    rest are imported, and the exit code is 2. Entries that a person removed stay removed.

    Example: lookalike bank import known-unsafe hashes.csv --source partner
    """
    from indexer.cli.bank_import import take_in
    from indexer.exchange import ImportOptions

    settings = load()
    options = ImportOptions(
        settings.pdq_min_quality, list_format, kind, source, full=full, dry_run=dry_run
    )
    with opened(settings) as store:
        take_in(store, name, files, options, rejects, as_json=as_json)


def export(
    name: BankName,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="File to write; `-` for stdout.")
    ] = _STDIO,
    list_format: Annotated[
        ListFormat | None,
        typer.Option("--format", help="Format; by default from FILE's name, or text."),
    ] = None,
    kinds: Annotated[
        list[FingerprintKind] | None,
        typer.Option("--type", help="Only fingerprints of this kind; may be repeated."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Export a bank as a fingerprint list.

    It includes the fingerprints of the bank's images, and leaves out disabled entries. Importing
    the list gives the same fingerprints.

    Example: lookalike bank export known-unsafe hashes.jsonl.gz --type pdq
    """
    from indexer.cli.bank_import import print_export
    from indexer.exchange import export_bank, format_of

    if as_json and file == _STDIO:
        raise InputError("The list itself goes to stdout: name a FILE for it, or leave out --json.")
    settings = load()
    chosen = list_format or (ListFormat.TEXT if file == _STDIO else format_of(file))
    with opened(settings) as store:
        report = export_bank(
            store, name, file, chosen, kinds=kinds or (), min_quality=settings.pdq_min_quality
        )
    if as_json:
        print_json(report)
    else:
        print_export(report)
