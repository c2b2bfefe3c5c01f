"""Adding files to the index, with progress: the body of `index add` and `bank add`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from indexer.cli.output import print_json
from indexer.errors import InputError
from indexer.ingest import IngestReport, open_ingest
from indexer.settings import Settings
from indexer.sources import walk
from indexer.store import Store
from indexer.types import Bank, BankKind

_SHOWN = 20  # skipped files listed on a terminal; `index quarantine list` has them all


def open_or_create_bank(store: Store, name: str) -> Bank:
    """Return the bank; make it a block bank, and say so, when there is none of this name."""
    with store.writer() as writer:
        for bank in writer.banks():
            if bank.name == name:
                return bank
        typer.echo(f"Creating block bank {name}.", err=True)
        return writer.create_bank(name, BankKind.BLOCK)


def add_sources(
    store: Store, settings: Settings, paths: Sequence[str], bank: Bank | None, *, as_json: bool
) -> None:
    """Index files and folders, print the report, and exit with 2 when some were skipped."""
    roots = [Path(path) for path in paths]
    ingest = open_ingest(store, settings)
    with _progress(roots) as on_progress:
        report = ingest.run(walk(roots), bank_id=bank.id if bank else None, on_progress=on_progress)
    if as_json:
        print_json(report)
    else:
        _print_report(report, bank)
    if report.skipped:
        raise typer.Exit(InputError.exit_code)


@contextmanager
def _progress(roots: Sequence[Path]) -> Iterator[Callable[[IngestReport], None]]:
    """Show files done, rate and time left on a terminal's stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("indexing", total=None)

        def count() -> None:
            progress.update(task, total=sum(1 for _ in walk(roots)))

        if not progress.disable:
            # counted beside the work, so that indexing starts at once
            Thread(target=count, name="count", daemon=True).start()
        yield lambda report: progress.update(
            task, completed=report.done, description=f"indexing ({report.added} new)"
        )


def _print_report(report: IngestReport, bank: Bank | None) -> None:
    """Say what was done, and what was not and why."""
    typer.echo(
        f"{report.added} images added, {report.duplicates} further sources of known images, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped."
    )
    if bank:
        typer.echo(f"{report.entries} new entries in {bank.kind} bank {bank.name}.")
    for item in report.skipped[:_SHOWN]:
        typer.echo(f"skipped {item.uri}: {item.message} ({item.code})", err=True)
    if len(report.skipped) > _SHOWN:
        more = len(report.skipped) - _SHOWN
        typer.echo(f"... and {more} more: `lookalike index quarantine list` shows them.", err=True)
