"""Body of `index add` and `bank add`, with progress."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

import typer
from rich.filesize import decimal

from indexer.cli.interruption import stop_at_ctrl_c
from indexer.cli.output import counted, print_json
from indexer.cli.progress import show_progress
from indexer.errors import InputError
from indexer.ingest import (
    IngestOptions,
    IngestReport,
    find_or_create_bank,
    open_ingest,
)
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.sources import Found, count_sources, open_sources
from indexer.store import Store
from indexer.types import Bank

_COUNT_AFTER: Final = 5.0  # seconds; sources are not counted for a run that is sooner done
_SHOWN = 20  # skipped sources listed on a terminal; `index quarantine list` has them all


def open_or_create_bank(store: Store, name: str) -> Bank:
    """Return the bank; make it a block bank, and say so, when there is none of this name."""
    bank, is_new = find_or_create_bank(store, name)
    if is_new:
        echo(f"Creating block bank {name}.", err=True)
    return bank


def add_sources(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    bank: Bank | None,
    options: IngestOptions | None = None,
    *,
    follow_links: bool = False,
    as_json: bool,
) -> None:
    """Index sources, print the report, and exit with 2 when some were skipped."""
    found = open_sources(
        sources, settings, follow_links=follow_links
    )  # first: a wrong name is told before the model loads
    add_found(
        store,
        settings,
        found,
        bank,
        options,
        count=lambda: count_sources(sources, settings, follow_links=follow_links),
        as_json=as_json,
    )


def add_found(
    store: Store,
    settings: Settings,
    found: Iterable[Found],
    bank: Bank | None,
    options: IngestOptions | None = None,
    *,
    count: Callable[[], int | None],
    as_json: bool,
) -> None:
    """Index what sources gave; `count` says how many there are, and is called in a thread."""
    with _progress(count) as on_progress, stop_at_ctrl_c() as stop:
        report = open_ingest(store, settings).run(
            found,
            options or IngestOptions(),
            bank_id=bank.id if bank else None,
            on_progress=on_progress,
            stop=stop,
        )
    if as_json:
        print_json(report)
    else:
        _print_report(report, bank)
    if report.interrupted:
        raise KeyboardInterrupt
    if report.skipped_count:
        raise typer.Exit(InputError.exit_code)


@contextmanager
def _progress(count: Callable[[], int | None]) -> Iterator[Callable[[IngestReport], None]]:
    """Give what to show a run's report with, beside how many sources there are."""
    ended = Event()
    totals: list[int | None] = []

    def find_total() -> None:
        if not ended.wait(0 if reporter.on_terminal else _COUNT_AFTER):
            with suppress(InputError):  # the run itself says what is wrong
                totals.append(count())

    def show(report: IngestReport) -> None:
        detail = f"{report.added:,} new, {report.skipped_count:,} in quarantine"
        reporter("indexing", report.done, totals[-1] if totals else None, detail)

    with show_progress() as reporter:
        # counted beside the work, so that indexing starts at once
        Thread(target=find_total, name="count", daemon=True).start()
        try:
            yield show
        finally:
            ended.set()


def _print_report(report: IngestReport, bank: Bank | None) -> None:
    """Say what was done, and what was not and why."""
    echo(
        f"{counted(report.added, 'image', 'images')} added, "
        f"{counted(report.duplicates, 'further source', 'further sources')} of known images, "
        f"{report.unchanged} unchanged, {report.skipped_count} skipped."
    )
    for line in _further_lines(report, bank):
        echo(line)
    for item in report.skipped[:_SHOWN]:
        echo(f"skipped {item.uri}: {item.message} ({item.code})", err=True)
    if report.skipped_count > _SHOWN:
        more = report.skipped_count - _SHOWN
        echo(f"... and {more} more: `lookalike index quarantine list` shows them.", err=True)


def _further_lines(report: IngestReport, bank: Bank | None) -> Iterator[str]:
    """Yield what is worth a line of its own in this run."""
    if report.changed:
        yield f"{report.changed} sources held another image before."
    if report.links_not_followed:
        yield (
            f"{report.links_not_followed} links lead out of their folder and were not followed; "
            "--follow-links does."
        )
    yield from _gained_lines(report)
    entries = counted(report.entries, "new entry", "new entries")
    if bank:
        yield f"{entries} in {bank.kind} bank {bank.name}."
    elif report.entries:
        yield f"{entries} in the banks that the sources name."
    if report.pruned:
        orphans = f"{report.removed} of them removed" if report.removed else "kept in the index"
        yield (
            f"{report.pruned} sources are gone and were closed; {report.orphaned} images have none "
            f"left, {orphans}."
        )
    if report.encoded:
        yield (
            f"{decimal(report.bytes)} in {report.seconds:.1f} s, "
            f"{report.images_per_second:.1f} images a second."
        )


def _gained_lines(report: IngestReport) -> Iterator[str]:
    """Yield what images have now besides themselves."""
    if report.parts:
        yield f"{report.parts} parts (frames, tiles, crops) are matched on their own."
    if report.completed:
        yield f"{report.completed} known images gained what they lacked."
