"""`index`: add, list and remove images."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from indexer.cli import index_views, quarantine
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
    as_json: AsJson = False,
) -> None:
    """Add images to the index.

    Unchanged images are skipped. Safe to interrupt at any moment and to run again. Files that
    cannot be indexed are listed with the reason, the rest are added, and the exit code is 2. A
    missing bank is created as a block bank.

    Example: lookalike index add uploads/ --bank known-unsafe
    """
    from indexer.cli.index_add import add_sources, open_or_create_bank
    from indexer.cli.index_plan import print_plan
    from indexer.ingest import IngestOptions

    if remove_orphans and not prune:
        raise typer.BadParameter("--remove-orphans requires --prune.")
    settings = load(model, runtime)
    if frames is not None:
        settings = settings.model_copy(update={"frames": frames})
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
        add_sources(
            store,
            settings,
            sources,
            chosen,
            options,
            follow_links=follow_links,
            as_json=as_json,
        )


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


app.command("rebuild")(index_views.rebuild)
app.command("snapshot")(index_views.snapshot)
