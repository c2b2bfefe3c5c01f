"""Body of `index work`, with progress."""

import signal

import typer

from indexer.cli.interruption import Stop, stop_at_ctrl_c
from indexer.cli.output import counted, print_json
from indexer.cli.progress import show_progress
from indexer.errors import InputError
from indexer.ingest import IngestReport, Worker, WorkReport
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import ClaimedPart, IngestPartState

TERMINATED = 128 + signal.SIGTERM
"""Exit code of a worker that was stopped, so that a service manager does not take it for done."""
_SHOWN = 20  # quarantined parts listed on a terminal


def run_worker(
    store: Store, settings: Settings, job: str | None, *, once: bool, wait: bool, as_json: bool
) -> None:
    """Work, print the report, and exit with 2 when parts are in quarantine at the end."""
    with show_progress() as reporter, stop_at_ctrl_c(signal.SIGTERM) as stop:

        def show(part: ClaimedPart, report: IngestReport) -> None:
            detail = f"{worker.report.parts:,} parts done"
            reporter(f"part {part.number} of {part.job}", report.done, part.images, detail)

        worker = Worker(store, settings, job, show)
        report = worker.run(stop, once=once, wait=wait)
    finish_work(store, job, report, stop, as_json=as_json)


def finish_work(
    store: Store, job: str | None, report: WorkReport, stop: Stop, *, as_json: bool
) -> None:
    """Print what workers did; exit by the signal that stopped them, or with 2 if parts are left."""
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if stop.signal == signal.SIGTERM:
        raise typer.Exit(TERMINATED)
    if stop.is_set():
        raise KeyboardInterrupt
    _report_quarantined(store, job)


def _report_quarantined(store: Store, job: str | None) -> None:
    """List the quarantined parts, and exit with 2 if there are any."""
    with store.reader() as catalog:
        parts = catalog.ingest_jobs.parts(job, state=IngestPartState.QUARANTINED)
    for part in parts[:_SHOWN]:
        echo(f"part {part.number} of {part.job} is in quarantine: {part.reason}", err=True)
    if parts:
        echo(
            f"{counted(len(parts), 'part is', 'parts are')} in quarantine. `lookalike index job "
            "parts JOB --state quarantined` shows them, `lookalike index job retry JOB` lets "
            "workers take them again.",
            err=True,
        )
        raise typer.Exit(InputError.exit_code)


def _print_report(report: WorkReport) -> None:
    echo(
        f"{counted(report.parts, 'part', 'parts')} done: "
        f"{counted(report.added, 'image', 'images')} added, "
        f"{counted(report.duplicates, 'further source', 'further sources')} of known images, "
        f"{report.unchanged} unchanged, {report.skipped} skipped."
    )
    for count, what in (
        (report.given_back, "given back"),
        (report.failed, "failed"),
        (report.lost, "taken by another worker after the lease had expired"),
    ):
        if count:
            echo(f"{counted(count, 'part', 'parts')} {what}.")
