"""Body of `bank import` and `bank export`: progress and reports."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from indexer.cli.interruption import stop_at_ctrl_c
from indexer.cli.output import print_json
from indexer.cli.progress import show_progress
from indexer.errors import InputError, ListNotWritten
from indexer.exchange import (
    BadRow,
    ExportReport,
    ImportOptions,
    ImportReport,
    Observer,
    import_lists,
)
from indexer.runtime.private_files import private
from indexer.runtime.terminal import echo, printable
from indexer.store import Store

_SHOWN = 20  # refused rows on a terminal; --json has more of them, --rejects has all


def take_in(
    store: Store,
    bank: str,
    files: Sequence[str],
    options: ImportOptions,
    rejects: Path | None,
    *,
    as_json: bool,
) -> None:
    """Import lists, print the report, and exit with 2 when rows were refused."""
    with (
        _noting(rejects) as on_refused,
        show_progress() as progress,
        stop_at_ctrl_c() as stop,
    ):
        observer = Observer(
            on_refused, lambda so_far: progress("importing", so_far.listed, None), stop
        )
        report = import_lists(store, bank, files, options, observer)
    if as_json:
        print_json(report)
    else:
        _print_import(report, full=options.full)
    if report.interrupted:
        raise KeyboardInterrupt
    if report.refused_count:
        raise typer.Exit(InputError.exit_code)


@contextmanager
def _noting(path: Path | None) -> Iterator[Callable[[BadRow], None]]:
    """Give what notes refused rows: in a file, a line each, if there is to be one."""
    if path is None:
        yield lambda _: None
        return
    try:
        with open(path, "w", encoding="utf-8", opener=private) as file:

            def note(row: BadRow) -> None:
                file.write(f"{printable(row.where)}\t{printable(row.reason)}\n")

            yield note
    except OSError as error:
        raise ListNotWritten(
            f"Invalid rows cannot be written to {path} ({error.strerror}). Name another file."
        ) from error


def _print_import(report: ImportReport, *, full: bool) -> None:
    """Say what was done, and what was not and why."""
    would = "Would be changed" if report.dry_run else "Changed"
    echo(
        f"{would} in bank {report.bank}: {report.added} entries added, {report.updated} "
        f"updated, {report.revived} restored, {report.removed} removed; "
        f"{report.unchanged} unchanged, {report.refused_count} rows refused."
    )
    if report.kept_removed:
        echo(f"{report.kept_removed} stay removed because a person removed them.")
    if full and report.incomplete:
        echo("Nothing was withdrawn: some rows are invalid or of an unknown kind.")
    if report.ignored:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(report.ignored.items()))
        echo(f"Skipped kinds: {counts}.")
    for row in report.refused[:_SHOWN]:
        echo(f"refused {row.where}: {row.reason}", err=True)
    if report.refused_count > _SHOWN:
        echo(f"... and {report.refused_count - _SHOWN} more: see --rejects.", err=True)


def print_export(report: ExportReport) -> None:
    """Say what was written, on stderr: the list itself may be on stdout."""
    echo(
        f"{report.fingerprints} fingerprints of {report.entries} entries of bank {report.bank}.",
        err=True,
    )
    if report.disabled:
        echo(f"{report.disabled} entries are disabled and were not exported.", err=True)
