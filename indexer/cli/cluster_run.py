"""`cluster run` and `cluster assign`: full or incremental clustering."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_json
from indexer.cli.time_arguments import parse_earlier
from indexer.runtime.terminal import echo
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    Refresh,
    Refreshed,
    RunState,
)

if TYPE_CHECKING:  # they load FAISS
    from indexer.clustering.cluster_parameters import ClusterParameters
    from indexer.settings import Settings
    from indexer.store import Store

RunNumber = Annotated[
    int | None,
    typer.Argument(metavar="RUN", min=1, help="The run; by default the newest."),
]


def run(
    algorithm: Annotated[
        ClusterAlgorithm,
        typer.Option(
            help="Copies of one picture, its near duplicates alone, similar pictures, or k parts."
        ),
    ] = ClusterAlgorithm.FAMILIES,
    bank: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only images of this bank; may be repeated."),
    ] = None,
    of_class: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Only images with this most probable class."),
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Only images whose class probability is at least this."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only images added since: 36h, 7d, yesterday."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only images added before: 1d, 2026-11-01.")
    ] = None,
    *,
    uploader: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only images from this uploader.")
    ] = None,
    min_cluster_size: Annotated[
        int | None,
        typer.Option(
            min=2, help="hdbscan: minimum images in a cluster, copies aside; by default chosen."
        ),
    ] = None,
    min_samples: Annotated[
        int | None,
        typer.Option(
            min=1, help="hdbscan: neighbours that make a region dense; by default chosen."
        ),
    ] = None,
    max_link: Annotated[
        float | None,
        typer.Option(
            min=0, max=2, help="hdbscan: maximum cosine distance of a link; by default chosen."
        ),
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", min=1, help="kmeans: number of clusters; by default chosen.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="families, near_duplicates: compare details and frames.",
        ),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same clusters.")] = 0,
    since_last: Annotated[
        bool, typer.Option("--since-last", help="Do only what changed since the last run.")
    ] = False,
    few: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="With --since-last: maximum share of changed images for assignment.",
        ),
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Cluster the images of the index.

    All images, or those of a scope. Clusters keep their ids and names from run to run. A run
    becomes visible only when complete; one that is interrupted changes nothing. With --since-last
    it does nothing if nothing changed, and only assigns images if few are new: cheap enough for a
    timer.

    Example: lookalike cluster run --since-last --json
    """
    from indexer.clustering.cluster_parameters import ClusterParameters

    settings = load()
    now = datetime.now(UTC)
    scope = ClusterScope(
        banks=tuple(sorted(set(bank or ()))),
        label=of_class,
        min_probability=min_probability,
        since=parse_earlier(since, now) if since else None,
        until=parse_earlier(until, now) if until else None,
        uploader=uploader,
    )
    parameters = ClusterParameters(min_cluster_size, min_samples, max_link, k, seed, verify)
    with opened(settings) as store:
        done = _cluster(
            store, settings, (algorithm, scope, parameters), few if since_last else None
        )
        notes = [*_notes(store, done.run)]
    if as_json:
        print_json(done)
    else:
        _print_refresh(done)
    for note in notes:
        echo(note, err=True)
    if done.run.state is RunState.CANCELLED:
        raise KeyboardInterrupt


def assign(run: RunNumber = None, *, as_json: AsJson = False) -> None:
    """Assign new images to a run's clusters.

    Images added since the run join its clusters if they are within reach. The rest are left out and
    tried again next time. Clusters never widen.

    Example: lookalike cluster assign --json
    """
    from indexer.clustering.incremental import ClusterRefresher
    from indexer.clustering.newest_run import newest_or

    settings = load()
    with opened(settings) as store:
        chosen = newest_or(store, run)
        assigned = ClusterRefresher(store, settings).assign(chosen)
    if as_json:
        print_json({"run_id": chosen.id, "assigned": assigned})
    else:
        echo(f"{assigned} images joined clusters of run {chosen.id}.")


def _cluster(
    store: "Store",
    settings: "Settings",
    what: "tuple[ClusterAlgorithm, ClusterScope, ClusterParameters]",
    few: float | None,
) -> Refresh:
    """Run or refresh with progress shown, until Ctrl-C stops it."""
    from indexer.cli.interruption import stop_at_ctrl_c
    from indexer.cli.progress import show_progress
    from indexer.clustering.incremental import ClusterRefresher
    from indexer.clustering.runs import ClusterRunner

    with show_progress() as progress, stop_at_ctrl_c() as stop:
        if few is not None:
            refresher = ClusterRefresher(store, settings)
            return refresher.refresh(*what, max_changed_share=few, on_progress=progress, stop=stop)
        run = ClusterRunner(store, settings).run(*what, on_progress=progress, stop=stop)
        return Refresh(run, Refreshed.CLUSTERED, 0)


def _notes(store: "Store", run: ClusterRun) -> Iterator[str]:
    """Yield what a person should know of a run of patterns, and what to do about it."""
    from indexer.clustering.cluster_parameters import FAMILIES
    from indexer.clustering.pattern_search import limits_of
    from indexer.embedding_space import bound_space

    if run.state is not RunState.DONE or run.algorithm in FAMILIES or not run.images:
        return
    limits = limits_of(store, run, bound_space(store))
    if limits.left_out:
        yield (
            f"{counted(limits.left_out, 'image has', 'images have')} no semantic embedding and "
            "took no part. `lookalike model reembed` computes what is missing."
        )
    if limits.counts_copies:
        yield (
            "Each copy of a picture counted, for no run of families came before. Run `lookalike "
            "cluster run`, then this again, and copies count once."
        )
    if run.algorithm is ClusterAlgorithm.HDBSCAN and 2 * run.noise > run.images:
        yield (
            "Most images are in no cluster: they are like too few others. To have more in one, "
            "try a smaller --min-cluster-size, a greater --max-link, or --algorithm kmeans, which "
            "leaves none out. Copies of one picture are what --algorithm families finds."
        )


def _print_refresh(done: Refresh) -> None:
    run = done.run
    found = f"{run.images} images, {run.clusters} clusters, {run.noise} images in none"
    if run.state is not RunState.DONE:
        echo(f"Run {run.id} was {run.state}: no results were saved.")
    elif done.how is Refreshed.CLUSTERED:
        echo(f"Run {run.id}: {found}.")
    elif done.how is Refreshed.ASSIGNED:
        echo(f"Run {run.id} holds: {done.assigned} new images joined its clusters ({found}).")
    else:
        echo(f"Run {run.id} holds: nothing to add to it ({found}).")
