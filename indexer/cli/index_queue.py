"""Body of `index add --queue` and `index add --ray`, with progress."""

from collections.abc import Sequence

import typer

from indexer.cli.index_work import finish_work
from indexer.cli.interruption import stop_at_ctrl_c
from indexer.cli.output import counted, print_json
from indexer.cli.progress import show_progress
from indexer.errors import InputError
from indexer.ingest import JobListing, RayOptions, check_ray, work_on_ray
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.sources import list_sources
from indexer.store import Store
from indexer.types import IngestJob, IngestJobOptions


def queue_sources(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    options: IngestJobOptions,
    name: str | None,
    *,
    follow_links: bool,
    as_json: bool,
) -> None:
    """List sources as the parts of a job, print what it has, and exit with 2 if some cannot be."""
    job, skipped = _list(store, settings, sources, options, name, follow_links=follow_links)
    if as_json:
        print_json(job)
    else:
        echo(
            f"Job {job.name}: {counted(job.images, 'image', 'images')} in "
            f"{counted(job.parts, 'part', 'parts')}. `lookalike index work --job {job.name}` adds "
            "them; start as many workers as you like."
        )
    _exit_if_skipped(skipped)


def add_on_ray(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    options: IngestJobOptions,
    name: str | None,
    ray: RayOptions,
    *,
    follow_links: bool,
    as_json: bool,
) -> None:
    """List sources as a job, let workers on Ray do it, and end as `index work` does."""
    check_ray(store, ray)
    job, skipped = _list(store, settings, sources, options, name, follow_links=follow_links)
    chosen = {"model": settings.model, "runtime": settings.runtime}
    with show_progress() as reporter, stop_at_ctrl_c() as stop:

        def show() -> None:
            with store.reader() as catalog:
                now = catalog.ingest_jobs.get(job.name)
            detail = f"{now.running:,} parts with workers, {now.added:,} new images"
            reporter("parts", now.done + now.quarantined, now.parts, detail)

        report = work_on_ray(store, job.name, ray, chosen, stop=stop, on_progress=show)
    finish_work(store, job.name, report, stop, as_json=as_json)
    _exit_if_skipped(skipped + report.skipped)


def _list(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    options: IngestJobOptions,
    name: str | None,
    *,
    follow_links: bool,
) -> tuple[IngestJob, int]:
    """Return the job, and how many sources went to quarantine at once."""
    listed = list_sources(sources, settings, follow_links=follow_links)
    with show_progress() as reporter, stop_at_ctrl_c() as stop:
        listing = JobListing(
            store, settings.part_size, lambda images: reporter("listing", images, None)
        )
        job = listing.run(listed, options, name, stop)
    if job.listed_at is None:
        echo(f"Listing broke off. Run the same command with --job {job.name} again.", err=True)
        raise KeyboardInterrupt
    return job, listing.skipped


def _exit_if_skipped(skipped: int) -> None:
    if skipped:
        echo(
            f"{counted(skipped, 'file', 'files')} cannot be indexed: `lookalike index quarantine "
            "list` shows them.",
            err=True,
        )
        raise typer.Exit(InputError.exit_code)
