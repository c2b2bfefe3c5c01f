"""`cluster list`, `lineage` and `alerts`: results of runs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from indexer.cli.cluster_run import RunNumber
from indexer.cli.options import AsJson, RowLimit, opened
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import ClusterRun, Lineage


def list_runs(
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this run.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List cluster runs, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike cluster list --json
    """
    with opened() as store, store.reader() as catalog:
        runs = catalog.cluster_runs.page(after_id=after, limit=limit)
    if as_json:
        print_json(runs)
        return
    print_table(
        "Cluster runs",
        ["id", "algorithm", "state", "images", "clusters", "noise", "begun", "parameters; scope"],
        [
            (
                run.id,
                run.algorithm,
                run.state,
                run.images,
                run.clusters,
                run.noise,
                f"{run.created_at:%Y-%m-%d %H:%M}",
                f"{parameters_of(run)}; {_scope(run)}",
            )
            for run in runs
        ],
    )


def lineage(
    run: RunNumber = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this line.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how a run's clusters changed.

    Each cluster of the previous run, and what became of it. Continue with --after and the
    last id shown.

    Example: lookalike cluster lineage --json
    """
    from indexer.clustering.alerts import changed_parameters
    from indexer.clustering.newest_run import newest_or

    with opened() as store:
        chosen = newest_or(store, run)
        with store.reader() as catalog:
            steps = catalog.clusters.lineage(chosen.id, after_id=after, limit=limit)
            changed = changed_parameters(catalog, chosen)
    if changed:
        echo(
            f"Parameters changed from run {chosen.previous_run} to {chosen.id} ({changed}): "
            "clusters may differ by that alone.",
            err=True,
        )
    if as_json:
        print_json(steps)
        return
    since = (
        f" since run {chosen.previous_run}" if chosen.previous_run else ", the first of its kind"
    )
    print_lineage(f"Run {chosen.id}{since}", steps)


def alerts(
    run: RunNumber = None,
    *,
    growth: Annotated[float, typer.Option(help="Minimum growth factor.")] = 2.0,
    min_size: Annotated[
        int, typer.Option(min=1, help="Minimum size, except for bank matches.")
    ] = 10,
    drift: Annotated[
        float,
        typer.Option(min=0, max=1, help="Maximum share of images whose class changed."),
    ] = 0.2,
    as_json: AsJson = False,
) -> None:
    """List clusters that need review.

    Clusters that newly match a block bank, grow fast, or contain other classes than before. A run
    is compared with the previous run of the same images, if that had the same parameters. Images
    assigned since the run count as growth.

    Example: lookalike cluster alerts --growth 3 --json
    """
    from indexer.clustering.alerts import (
        AlertRules,
        find_alerts,
        why_not_compared,
    )
    from indexer.clustering.newest_run import newest_or

    with opened() as store:
        found = find_alerts(store, AlertRules(growth, min_size, drift), run)
        with store.reader() as catalog:
            reason = why_not_compared(catalog, newest_or(store, run))
    if as_json:
        print_json(found)
        return
    for alert in found:
        echo(f"{alert.kind}: {alert.message}")
    if reason:
        echo(reason, err=True)
    if not found:
        echo("No alerts.")


def parameters_of(run: ClusterRun) -> str:
    """Write the parameters of a run in a line."""
    given = (f"{key} {value}" for key, value in run.parameters.items() if value is not None)
    return ", ".join(given)


def _scope(run: ClusterRun) -> str:
    """Say what narrows a run, in a line."""
    scope = run.scope
    parts = [
        *(f"bank {name}" for name in scope.banks),
        f"class {scope.label}" if scope.label else "",
        f"probability {scope.min_probability:g}" if scope.min_probability is not None else "",
        f"since {scope.since:%Y-%m-%d %H:%M}" if scope.since else "",
        f"until {scope.until:%Y-%m-%d %H:%M}" if scope.until else "",
        f"uploader {scope.uploader}" if scope.uploader else "",
    ]
    return ", ".join(part for part in parts if part) or "all"


def print_lineage(title: str, steps: Sequence[Lineage]) -> None:
    """Print what became of clusters, a line each."""
    print_table(
        title,
        ["id", "run", "event", "cluster", "other", "before", "after", "shared"],
        [
            (
                step.id,
                step.run_id,
                step.event,
                step.cluster_id,
                step.other_id,
                step.size_before,
                step.size_after,
                step.shared,
            )
            for step in steps
        ],
    )
