"""`index job` and `index work`: ingest jobs of many workers."""

from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, ModelReference, RowLimit, RuntimeChoice, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import IngestPartState

app = Commands(help="Manage ingest jobs, which `index work` does.")

JobName = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job.")]


@app.command("list")
def list_jobs(limit: RowLimit = 100, *, as_json: AsJson = False) -> None:
    """List ingest jobs with their progress.

    Example: lookalike index job list --json
    """
    with opened() as store, store.reader() as catalog:
        jobs = catalog.ingest_jobs.page(limit=limit)
    if as_json:
        print_json(jobs)
        return
    columns = ["job", "waiting", "running", "done", "quarantined", "new images", "skipped"]
    rows = [
        (job.name, job.waiting, job.running, job.done, job.quarantined, job.added, job.skipped)
        for job in jobs
    ]
    print_table("Ingest jobs", columns, rows)
    for job in jobs:
        if job.listed_at is None:
            echo(f"{job.name} is being listed. If that broke off, run its command again.", err=True)


@app.command()
def parts(
    job: JobName,
    state: Annotated[IngestPartState | None, typer.Option(help="Only parts in this state.")] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this part id.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List the parts of an ingest job.

    Each with who has it, how far it is, and why its last attempt failed.

    Example: lookalike index job parts uploads --state quarantined
    """
    with opened() as store, store.reader() as catalog:
        found = catalog.ingest_jobs.parts(job, state=state, after_id=after, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            part.number,
            part.state.value,
            part.attempts,
            f"{part.processed:,} of {'?' if part.images is None else f'{part.images:,}'}",
            part.added,
            part.worker,
            part.reason or part.label,
        )
        for part in found
    ]
    columns = ["part", "state", "attempts", "processed", "new", "worker", "first source or reason"]
    print_table(f"Parts of {job}", columns, rows)


@app.command()
def retry(
    job: JobName,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="PART", help="Numbers of parts, as listed.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Retry quarantined parts of an ingest job.

    All of them, or the named ones. Workers that run take them; otherwise start one.

    Example: lookalike index job retry uploads 17
    """
    with opened() as store, store.writer() as writer:
        count = writer.ingest_jobs.retry(job, numbers or ())
    if as_json:
        print_json({"parts": count})
    else:
        echo(f"{counted(count, 'part waits', 'parts wait')} for workers again.")


@app.command()
def remove(job: JobName, *, as_json: AsJson = False) -> None:
    """Remove an ingest job and its parts.

    Workers stop working on it. Images that were added stay in the index.

    Example: lookalike index job remove uploads
    """
    with opened() as store, store.writer() as writer:
        removed = writer.ingest_jobs.remove(job)
    if as_json:
        print_json(removed)
    else:
        left = removed.parts - removed.done
        echo(f"Removed job {job}, {counted(left, 'part', 'parts')} of it not done.")


def work(
    job: Annotated[
        str | None, typer.Option(metavar="JOB", help="Only parts of this ingest job.")
    ] = None,
    model: ModelReference = None,
    runtime: RuntimeChoice = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End after one part.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for further jobs when all parts are done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add the parts of ingest jobs.

    Start as many workers as you like, on any machine that reaches the database and the sources. A
    worker ends when every part is done; while others have the last parts it stands by. SIGTERM and
    Ctrl-C finish what is under way and give the rest of the part back.

    Example: lookalike index work --job uploads
    """
    from indexer.cli.index_work import run_worker

    if once and wait:
        raise typer.BadParameter("--once and --wait exclude each other.")
    settings = load(model, runtime)
    with opened(settings) as store:
        run_worker(store, settings, job, once=once, wait=wait, as_json=as_json)
