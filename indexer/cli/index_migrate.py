"""`index migrate`: the gallery into a vector engine, and back."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import print_facts, print_json
from indexer.runtime.terminal import echo

if TYPE_CHECKING:
    from indexer.types import Completeness


def migrate(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL|local", help="Engine to search from now on; local: in each process."
        ),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(metavar="URL|local", help="Engine of before, to delete what it holds."),
    ] = None,
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="With --to: only say what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move the gallery into an engine, or back.

    The engine is filled beside the one that is searched, while servers run. Once it holds all and
    finds what an exhaustive search finds (LOOKALIKE_RECALL_TARGET), the index belongs to it: set
    LOOKALIKE_VECTORS to its URL and restart every program, one by one. Those that run meanwhile
    keep to the engine of before. When all are restarted, --drop deletes what that holds. Safe to
    interrupt and to run again.

    Example: lookalike index migrate --to qdrant://localhost:6333 --plan
    """
    from indexer.upkeep.engine_migration import plan_migration

    if (to is None) == (drop is None):
        raise typer.BadParameter("Give either --to or --drop.")
    if plan and drop:
        raise typer.BadParameter("--plan requires --to.")
    if drop is not None:
        _drop(drop, as_json=as_json)
    elif to is not None and plan:
        settings = load()
        with opened(settings) as store:
            planned = plan_migration(store, to)
        if as_json:
            print_json(planned)
            return
        rows = [
            ("from", planned.source),
            ("to", planned.target),
            ("vectors", f"{planned.vectors:,} ({decimal(planned.bytes)} as float32)"),
            ("changes sent", f"{planned.acknowledged:,} of {planned.changes:,}"),
        ]
        print_facts("Plan", rows)
    elif to is not None:
        _migrate(to, as_json=as_json)


def _migrate(to: str, *, as_json: bool) -> None:
    from indexer.cli.progress import show_progress
    from indexer.store import LOCAL
    from indexer.upkeep.engine_migration import migrate as migrate_gallery

    settings = load()
    with opened(settings) as store, show_progress() as reporter:
        done = migrate_gallery(store, settings, to, reporter)
    if as_json:
        print_json(done)
        return
    rows = [
        ("from", done.source),
        ("to", done.target),
        ("vectors", f"{done.vectors:,}"),
        ("watermark", f"{done.watermark:,}"),
        ("search", _said(done.completeness)),
    ]
    print_facts("Migrated", rows)
    setting = "Unset LOOKALIKE_VECTORS" if to == LOCAL else "Set LOOKALIKE_VECTORS to this URL"
    if done.source != done.target:
        echo(
            f"{setting} for every program and restart them one by one. Then delete what "
            f"{done.source} holds: `lookalike index migrate --drop "
            f"{LOCAL if done.source == LOCAL else 'URL'}`."
        )


def _drop(which: str, *, as_json: bool) -> None:
    from indexer.upkeep.engine_migration import drop_engine

    settings = load()
    with opened(settings) as store:
        dropped = drop_engine(store, settings, which)
    if as_json:
        print_json({"collections": dropped})
    else:
        echo(f"Dropped: {dropped} collections.")


def _said(completeness: "Completeness | None") -> str:
    if completeness is None:
        return "nothing to search yet"
    if completeness.recall is None or completeness.interval is None:
        return completeness.kind.value
    low, high = completeness.interval
    return (
        f"recall {completeness.recall:.4f} ({low:.4f} to {high:.4f}, "
        f"{completeness.queries} queries)"
    )
