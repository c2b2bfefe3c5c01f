"""`index`: add, list and remove images."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.cli import index_jobs, index_migrate, index_views, quarantine
from indexer.cli.commands import Commands
from indexer.cli.options import (
    AsJson,
    FollowLinks,
    ModelReference,
    RowLimit,
    RuntimeChoice,
    load,
    opened,
)
from indexer.cli.output import print_json, print_table, shorten_path
from indexer.cli.time_arguments import parse_earlier

app = Commands(help="Build and maintain the index.")

app.add_typer(quarantine.app, name="quarantine")
app.add_typer(index_jobs.app, name="job")


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, globs, tar archives, manifests, URLs; - reads a list from stdin.",
        ),
    ],
    bank: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Bank to add images to whose source names no bank."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=0, help="Maximum number of further frames of an animation to match."),
    ] = None,
    model: ModelReference = None,
    runtime: RuntimeChoice = None,
    *,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Also match tiles of large and long images.")
    ] = False,
    follow_links: FollowLinks = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Make missing thumbnails of indexed images.")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Find missing features of indexed images.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only estimate the work and its cost.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Close known sources that no longer exist.")
    ] = False,
    remove_orphans: Annotated[
        bool,
        typer.Option(
            "--remove-orphans", help="With --prune: also remove images left without a source."
        ),
    ] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Only list the images, as a job for `index work`.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Add them by workers on this Ray cluster; local starts one."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --ray: workers; by default as cores allow.")
    ] = None,
    job: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --queue or --ray: name of the job.")
    ] = None,
    part_size: Annotated[
        int | None, typer.Option(min=1, help="With --queue or --ray: maximum images of a part.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add images to the index.

    Unchanged images are skipped. Safe to interrupt at any moment and to run again. Files that
    cannot be indexed are listed with the reason, the rest are added, and the exit code is 2. A
    missing bank is created as a block bank. --queue leaves the work to any number of workers.

    Example: lookalike index add uploads/ --bank known-unsafe
    """
    from indexer.cli.index_add import add_sources, open_or_create_bank
    from indexer.cli.index_plan import print_plan
    from indexer.cli.index_queue import add_on_ray, queue_sources
    from indexer.ingest import IngestOptions, RayOptions
    from indexer.types import IngestJobOptions

    if remove_orphans and not prune:
        raise typer.BadParameter("--remove-orphans requires --prune.")
    _check_job_options(
        queue=queue,
        ray=ray,
        of_either=job is not None or part_size is not None,
        of_ray=workers is not None,
        of_neither=prune,
        of_workers=model is not None or runtime is not None,
    )
    settings = load(model, runtime)
    given = {"frames": frames, "part_size": part_size}
    said = {name: value for name, value in given.items() if value is not None}
    settings = settings.model_copy(update=said)
    asked = {"keep_thumbnails": thumbnails, "keep_features": features}
    settings = settings.model_copy(update={name: True for name, is_set in asked.items() if is_set})
    options = IngestOptions(tiles, thumbnails, features, prune=prune, remove_orphans=remove_orphans)
    with opened(settings) as store:
        if plan:
            print_plan(
                store,
                settings,
                sources,
                options,
                follow_links=follow_links,
                as_json=as_json,
            )
            return
        chosen = open_or_create_bank(store, bank) if bank else None
        if queue or ray is not None:
            wanted = IngestJobOptions(bank, frames, tiles, thumbnails, features)
            arguments = (store, settings, sources, wanted, job)
            if ray is None:
                queue_sources(*arguments, follow_links=follow_links, as_json=as_json)
            else:
                cluster = RayOptions(ray, workers, settings.worker_threads)
                add_on_ray(*arguments, cluster, follow_links=follow_links, as_json=as_json)
            return
        add_sources(
            store,
            settings,
            sources,
            chosen,
            options,
            follow_links=follow_links,
            as_json=as_json,
        )


def _check_job_options(
    *,
    queue: bool,
    ray: str | None,
    of_either: bool,
    of_ray: bool,
    of_neither: bool,
    of_workers: bool,
) -> None:
    """Refuse options of `add` that exclude each other."""
    if queue and ray is not None:
        raise typer.BadParameter("--queue and --ray exclude each other.")
    if of_either and not queue and ray is None:
        raise typer.BadParameter("--job and --part-size require --queue or --ray.")
    if of_ray and ray is None:
        raise typer.BadParameter("--workers requires --ray.")
    if of_neither and (queue or ray is not None):
        raise typer.BadParameter("--prune needs a run of its own: --queue and --ray exclude it.")
    if of_workers and queue:
        raise typer.BadParameter("--queue excludes --model and --runtime: give them to index work.")


@app.command()
def remove(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Ids, file paths or hexadecimal SHA-256."),
    ] = None,
    bank: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only entries of this bank.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only images indexed before this time: 30d, 2026-11-01."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Only images with this label from a manifest.")
    ] = None,
    source_prefix: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="Only images with a source that starts with this."),
    ] = None,
    *,
    purge: Annotated[
        bool, typer.Option("--purge", help="Erase them for good, as for legal deletion.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove images from the index.

    Their sources and bank entries go with them, and they stop matching. Options filter the named
    images, or the whole gallery if none is named. Adding a removed image again restores it. --purge
    erases images for good, including those removed earlier; only a tombstone stays. The files
    themselves are not touched.

    Example: lookalike index remove 42 uploads/mistake.jpg --dry-run
    """
    from indexer.cli.image_arguments import find_images
    from indexer.cli.index_remove import remove_images
    from indexer.store import RemovalQuery

    settings = load()
    with opened(settings) as store:
        with store.reader() as catalog:
            ids = find_images(catalog, targets or (), removed=purge)
        query = RemovalQuery(
            ids=tuple(ids),
            bank=bank,
            before=parse_earlier(before, datetime.now(UTC)) if before else None,
            label=label,
            source_prefix=source_prefix,
            removed=purge,
        )
        remove_images(store, settings, query, purged=purge, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_images(
    bank: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only entries of this bank.")
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this image id.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List images, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike index list --bank known-unsafe --limit 20
    """
    from indexer.types import ImageSummary

    with opened() as store, store.reader() as catalog:
        records = catalog.images.page(after_id=after, limit=limit, bank=bank)
    if as_json:
        print_json([ImageSummary.of(record) for record in records])
        return
    print_table(
        "Images",
        ["id", "size", "format", "banks", "class", "source"],
        [
            (
                record.id,
                f"{record.width} x {record.height}",
                record.format,
                ", ".join(entry.bank for entry in record.entries),
                max(record.probabilities, key=record.probabilities.__getitem__, default=""),
                shorten_path(record.sources[0] if record.sources else None),
            )
            for record in records
        ],
    )


app.command("migrate")(index_migrate.migrate)
app.command("work")(index_jobs.work)
app.command("rebuild")(index_views.rebuild)
app.command("snapshot")(index_views.snapshot)
