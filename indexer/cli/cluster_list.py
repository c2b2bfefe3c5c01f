"""`cluster list`, `show`, `lineage` and `alerts`: results of runs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from indexer.cli.cluster_run import RunNumber
from indexer.cli.options import AsJson, RowLimit, opened
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import Cluster, ClusterAction, ClusterMember, ClusterRun, Lineage

_LINES = 100  # of lineage and of actions, in what is shown of a cluster


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
        ["id", "algorithm", "state", "images", "clusters", "noise", "begun", "scope"],
        [
            (
                run.id,
                run.algorithm,
                run.state,
                run.images,
                run.clusters,
                run.noise,
                f"{run.created_at:%Y-%m-%d %H:%M}",
                _scope(run),
            )
            for run in runs
        ],
    )


def show(
    cluster: Annotated[
        int | None,
        typer.Argument(metavar="CLUSTER", min=1, help="A cluster; by default all of a run."),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(min=1, metavar="RUN", help="The run; by default the newest."),
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="With a cluster: start after this image.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the clusters of a run, or one cluster.

    A run's clusters are listed largest first. One cluster is shown with its members, lineage and
    actions.

    Example: lookalike cluster show 31 --limit 20
    """
    from indexer.clustering.runs import newest_or

    with opened() as store:
        if cluster is None:
            chosen = newest_or(store, run)
            with store.reader() as catalog:
                clusters = catalog.clusters.largest(chosen.id, limit)
            if as_json:
                print_json({"run": chosen, "clusters": clusters})
            else:
                _print_clusters(chosen, clusters)
            return
        with store.reader() as catalog:
            found = catalog.clusters.get(cluster, run)
            members = catalog.cluster_members.page(
                found.run_id, cluster, after_id=after, limit=limit
            )
            lineage = catalog.clusters.lineage_of(cluster)
            actions = catalog.cluster_actions.page(cluster, limit=_LINES)
    if as_json:
        print_json({"cluster": found, "members": members, "lineage": lineage, "actions": actions})
    else:
        _print_cluster(found, members, lineage, actions)


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
    from indexer.clustering.runs import newest_or

    with opened() as store:
        chosen = newest_or(store, run)
        with store.reader() as catalog:
            steps = catalog.clusters.lineage(chosen.id, after_id=after, limit=limit)
    if as_json:
        print_json(steps)
        return
    since = (
        f" since run {chosen.previous_run}" if chosen.previous_run else ", the first of its kind"
    )
    _print_lineage(f"Run {chosen.id}{since}", steps)


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
    from indexer.clustering.runs import newest_or

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


def _print_clusters(run: ClusterRun, clusters: Sequence[Cluster]) -> None:
    print_table(
        f"Run {run.id} ({run.algorithm}): {run.images} images, {run.clusters} clusters, "
        f"{run.noise} images in none",
        ["id", "size", "a day", "radius", "widest", "medoid", "last seen", "name"],
        [
            (
                each.id,
                each.size,
                f"{each.growth_per_day:.1f}",
                f"{each.radius:.3f}",
                f"{each.max_pair_distance:.3f}",
                each.medoid,
                f"{each.last_seen:%Y-%m-%d %H:%M}",
                each.name,
            )
            for each in clusters
        ],
    )


def _print_cluster(
    cluster: Cluster,
    members: Sequence[ClusterMember],
    lineage: Sequence[Lineage],
    actions: Sequence[ClusterAction],
) -> None:
    echo(
        f"Cluster {cluster.id} ({cluster.name}) in run {cluster.run_id}: {cluster.size} images, "
        f"radius {cluster.radius:.3f}, widest {cluster.max_pair_distance:.3f}."
    )
    if cluster.note:
        echo(f"Note: {cluster.note}")
    print_table(
        "Members",
        ["image", "probability", "outlier", ""],
        [
            (
                member.image_id,
                f"{member.probability:.3f}",
                f"{member.outlier_score:.3f}",
                _role(cluster, member),
            )
            for member in members
        ],
    )
    _print_lineage("Lineage", lineage)
    if actions:
        print_table(
            "Actions",
            ["id", "kind", "done", "undone", "what"],
            [
                (
                    action.id,
                    action.kind,
                    f"{action.created_at:%Y-%m-%d %H:%M}",
                    f"{action.undone_at:%Y-%m-%d %H:%M}" if action.undone_at else "",
                    _told(action),
                )
                for action in actions
            ],
        )


def _told(action: ClusterAction) -> str:
    """Say what is known of an action."""
    return ", ".join(f"{key} {value}" for key, value in action.detail.items() if value is not None)


def _role(cluster: Cluster, member: ClusterMember) -> str:
    if member.image_id == cluster.medoid:
        return "medoid"
    if member.assigned:
        return "assigned since"
    return "exemplar" if member.image_id in cluster.exemplars else ""


def _print_lineage(title: str, steps: Sequence[Lineage]) -> None:
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
