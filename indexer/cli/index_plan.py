"""Body of `index add --plan`: estimate of a run."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.filesize import decimal

from indexer.cli.output import print_json, print_table, shorten_path
from indexer.cli.progress import show_progress
from indexer.ingest import Estimate, IngestOptions, Plan, PlannedSource, PlannedSources, Planner
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.sources import open_sources
from indexer.store import Store

_MEANING = {
    "new": "to add",
    "changed": "held another image before",
    "incomplete": "indexed, but without what is asked for",
    "duplicates": "new places of known bytes",
    "unchanged": "indexed; nothing to do",
    "unreadable": "to quarantine",
    "links": "lead out of the folder; --follow-links follows them",
    "gone": "known, but there no more; --prune closes them",
}


def print_plan(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    options: IngestOptions,
    *,
    follow_links: bool,
    as_json: bool,
) -> None:
    """Find out what adding would do, and say it."""
    found = open_sources(sources, settings, follow_links=follow_links)
    planner = Planner(
        store,
        settings,
        tiled=options.tiled,
        thumbnails=options.thumbnails,
        features=options.features,
    )
    with show_progress() as progress:
        plan = planner.plan(found, on_progress=lambda done: progress("planning", done, None))
    if as_json:
        print_json(plan)
        return
    print_table("Plan", ["what", "sources", "meaning", "example"], _rows(plan))
    echo(
        f"{decimal(plan.bytes_read)} were read and hashed for this; the model was not "
        "run, and nothing was written."
    )
    echo(_cost(plan.estimate, plan.bytes))


def _rows(plan: Plan) -> Iterator[Sequence[object]]:
    """Yield a row for each kind of source, and one for each further example."""
    for name, meaning in _MEANING.items():
        planned: PlannedSources = getattr(plan, name)
        examples = [_describe(example) for example in planned.examples]
        yield name, planned.count, meaning, examples[0] if examples else None
        for example in examples[1:]:
            yield None, None, None, example


def _describe(example: PlannedSource) -> str:
    detail = f": {example.detail}" if example.detail else ""
    return f"{shorten_path(example.uri)}{detail}"


def _cost(estimate: Estimate, size: int) -> str:
    """Say what it would cost, in a sentence."""
    if estimate.seconds is None:
        return "There is nothing to run the model over."
    basis = "the last run" if estimate.basis == "last_run" else "a short measurement"
    parts = estimate.vectors - estimate.images
    return (
        f"The model would see {estimate.images} pictures ({decimal(size)})"
        + (f" and about {parts} parts of them" if parts else "")
        + f": about {timedelta(seconds=round(estimate.seconds))} by {basis}, "
        f"{decimal(estimate.database_bytes)} in the database and {decimal(estimate.view_bytes)} in "
        "the views."
    )
