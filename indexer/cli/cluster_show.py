"""`cluster show`: the clusters of a run, or one of them."""

import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from indexer.cli.cluster_list import parameters_of, print_lineage
from indexer.cli.options import AsJson, RowLimit, load, opened
from indexer.cli.output import print_facts, print_json, print_table, shorten_path
from indexer.runtime.terminal import echo
from indexer.types import (
    Cluster,
    ClusterAction,
    ClusterMember,
    ClusterRun,
    ClusterShare,
    Lineage,
    LineageEvent,
)

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.settings import Settings
    from indexer.store import Store

_LINES: Final = 100  # of lineage and of actions, in what is shown of a cluster


@dataclass(frozen=True, slots=True)
class _Listed:
    """Clusters of a run, and what is known of each by its id."""

    run: ClusterRun
    clusters: Sequence[Cluster]
    events: Mapping[int, Lineage]
    bank_hits: Mapping[int, Mapping[str, int]]
    """Members that hit each block bank."""


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
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write a contact sheet.")
    ] = None,
    open_sheet: Annotated[
        bool, typer.Option("--open", help="Write a contact sheet and open it in a browser.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the clusters of a run, or one cluster.

    A run's clusters are listed largest first. One cluster is shown with its members, lineage and
    actions. A contact sheet is an HTML file with small veiled pictures of what is listed: of the
    members, or of each cluster's exemplars. By default it is called cluster-CLUSTER.html or
    clusters-of-run-RUN.html.

    Example: lookalike cluster show 31 --limit 20
    """
    settings = load()
    with opened(settings) as store:
        if cluster is None:
            listed = _list(store, run, limit)
            members: Sequence[ClusterMember] = ()
            if as_json:
                print_json(listed)
            else:
                _print_clusters(listed)
        else:
            listed, members = _show_cluster(store, cluster, run, (after, limit), as_json=as_json)
        if sheet or open_sheet:
            name = f"cluster-{cluster}" if cluster else f"clusters-of-run-{listed.run.id}"
            path = sheet or Path(f"{name}.html")
            _save_sheet(store, settings, (listed, members), path)
            echo(f"Contact sheet: {path}", err=as_json)
            if open_sheet and not webbrowser.open(path.absolute().as_uri()):
                echo("No browser could be started: open the file yourself.", err=True)


def _list(store: "Store", run_id: int | None, limit: int) -> _Listed:
    from indexer.clustering.newest_run import newest_or

    run = newest_or(store, run_id)
    with store.reader() as catalog:
        clusters = catalog.clusters.largest(run.id, limit)
        ids = {each.id for each in clusters}
        events = catalog.clusters.events(run.id, ids)
        hits = catalog.cluster_members.bank_hits(run.id, datetime.now(UTC))
    return _Listed(run, clusters, events, {i: found for i, found in hits.items() if i in ids})


def _show_cluster(
    store: "Store", cluster_id: int, run_id: int | None, page: tuple[int, int], *, as_json: bool
) -> tuple[_Listed, Sequence[ClusterMember]]:
    """Print one cluster; return it, and a page of its members."""
    after, limit = page
    with store.reader() as catalog:
        cluster = catalog.clusters.get(cluster_id, run_id)
        run = catalog.cluster_runs.get(cluster.run_id)
        members = catalog.cluster_members.page(run.id, cluster_id, after_id=after, limit=limit)
        events = catalog.clusters.events(run.id, [cluster_id])
        hits = catalog.cluster_members.bank_hits(run.id, datetime.now(UTC)).get(cluster_id, {})
        lineage = catalog.clusters.lineage_of(cluster_id)
        actions = catalog.cluster_actions.page(cluster_id, limit=_LINES)
    listed = _Listed(run, [cluster], events, {cluster_id: hits})
    if as_json:
        print_json(
            {
                "cluster": cluster,
                "run": run,
                "event": events.get(cluster_id),
                "bank_hits": hits,
                "members": members,
                "lineage": lineage,
                "actions": actions,
            }
        )
    else:
        print_facts(f"Cluster {cluster.id}: {cluster.name}", _facts(listed), indent=2)
        _print_members(cluster, members)
        print_lineage("Lineage", lineage)
        if actions:
            _print_actions(actions)
    return listed, members


def _save_sheet(
    store: "Store",
    settings: "Settings",
    shown: tuple[_Listed, Sequence[ClusterMember]],
    path: Path,
) -> None:
    from indexer.reports import save_contact_sheet

    listed, members = shown
    images = [member.image_id for member in members]
    pictures = {each.id: images or list(each.exemplars) for each in listed.clusters}
    save_contact_sheet(store, settings, listed.clusters, pictures, path)


def _print_clusters(listed: _Listed) -> None:
    run = listed.run
    echo(f"Run {run.id}: {run.algorithm}, {parameters_of(run)}")
    print_table(
        f"{run.images} images, {run.clusters} clusters, {run.noise} images in none",
        ["id", "size", "growth", "change", "bank hits", "class", "name"],
        [
            (
                each.id,
                each.size,
                _pace(each),
                _change(listed.events.get(each.id)),
                _hits(listed.bank_hits.get(each.id, {})),
                _share(each.top_class, each.size),
                f"{each.name}{_origin(each)}",
            )
            for each in listed.clusters
        ],
    )


def _origin(cluster: Cluster) -> str:
    """Say where most of a cluster comes from, if its name does not."""
    top = cluster.top_source
    if top is None or ": " in cluster.name:
        return ""
    return f" ({top.images} from {shorten_path(top.name)})"


def _facts(listed: _Listed) -> Iterator[tuple[str, object]]:
    [cluster], run = listed.clusters, listed.run
    yield "note", cluster.note
    yield "run", f"{run.id}: {run.algorithm}, {parameters_of(run)}"
    yield "size", cluster.size
    yield "change", _change(listed.events.get(cluster.id))
    yield "growth", _growth(cluster)
    yield "class", _share(cluster.top_class, cluster.size)
    source = cluster.top_source
    yield "source", source and f"{shorten_path(source.name)} ({source.images})"
    yield "bank hits", _hits(listed.bank_hits.get(cluster.id, {})) or "none"
    yield "first seen", cluster.first_seen
    yield "last seen", cluster.last_seen
    yield "radius", f"{cluster.radius:.3f}, widest {cluster.max_pair_distance:.3f}"


def _change(step: Lineage | None) -> str:
    """Say what became of a cluster with its run."""
    if step is None:
        return ""
    if step.event is LineageEvent.SPLIT:
        return f"split off {step.other_id}"
    before = f" from {step.size_before}" if step.size_before != step.size_after else ""
    return f"{step.event}{before if step.size_before else ''}"


def _hits(banks: Mapping[str, int]) -> str:
    return ", ".join(f"{bank} {members}" for bank, members in sorted(banks.items()))


def _share(share: ClusterShare | None, size: int) -> str:
    return f"{share.name} {round(100 * share.images / max(size, 1))} %" if share else ""


def _print_members(cluster: Cluster, members: Sequence[ClusterMember]) -> None:
    print_table(
        "Members",
        ["image", "probability", "outlier", "", "source"],
        [
            (
                member.image_id,
                f"{member.probability:.3f}",
                f"{member.outlier_score:.3f}",
                _role(cluster, member),
                shorten_path(member.source),
            )
            for member in members
        ],
    )


def _role(cluster: Cluster, member: ClusterMember) -> str:
    if member.image_id == cluster.medoid:
        return "medoid"
    if member.assigned:
        return "assigned since"
    return "exemplar" if member.image_id in cluster.exemplars else ""


def _print_actions(actions: Sequence[ClusterAction]) -> None:
    print_table(
        "Actions",
        ["id", "kind", "done", "undone", "what"],
        [(a.id, a.kind, a.created_at, a.undone_at, _detail(a)) for a in actions],
    )


def _detail(action: ClusterAction) -> str:
    """Say what is known of an action."""
    return ", ".join(f"{key} {value}" for key, value in action.detail.items() if value is not None)


def _growth(cluster: Cluster) -> str:
    """Say how fast a cluster grows; of a young one by the hour as well."""
    by_day = f"{cluster.growth_per_day:.1f} a day"
    if cluster.growth_per_hour is None:
        return by_day
    return f"{cluster.growth_per_hour:.1f} an hour, {by_day}"


def _pace(cluster: Cluster) -> str:
    """Say how fast a cluster grows: a young one by the hour if one came every hour."""
    if cluster.growth_per_hour is not None and cluster.growth_per_hour >= 1:
        return f"{cluster.growth_per_hour:.0f} an hour"
    return f"{cluster.growth_per_day:.1f} a day"
