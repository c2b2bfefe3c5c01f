"""`index`: what the gallery holds."""

from typing import Annotated

import typer

from indexer.cli import quarantine
from indexer.cli.options import AsJson, ModelReference, RowLimit, load
from indexer.cli.output import print_json, print_table, shorten_path

app = typer.Typer(no_args_is_help=True, help="Build and look after the index.")

app.add_typer(quarantine.app, name="quarantine")


@app.command()
def add(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files and folders of pictures.")
    ],
    bank: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make every image an entry of this bank as well."),
    ] = None,
    model: ModelReference = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add pictures to the index; what is there already and has not changed is skipped.

    Safe to interrupt at any moment and to run again. Files that cannot be indexed are listed with
    the reason, the others are added, and the exit code is 2. A bank that does not exist yet is
    created as a block bank.

    Example: lookalike index add uploads/ --bank known-unsafe
    """
    from indexer.cli.adding import (  # noqa: PLC0415 -- keeps --help quick
        add_sources,
        open_or_create_bank,
    )
    from indexer.store import open_store  # noqa: PLC0415

    settings = load(model)
    with open_store(settings.resolved_database_url) as store:
        chosen = open_or_create_bank(store, bank) if bank else None
        add_sources(store, settings, sources, chosen, as_json=as_json)


@app.command()
def remove(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Ids, file paths, or SHA-256 in hexadecimal."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove images, with their sources and bank entries; they no longer match from then on.

    Example: lookalike index remove 42 uploads/mistake.jpg --dry-run
    """
    from indexer.cli.targets import find_images  # noqa: PLC0415 -- keeps --help quick
    from indexer.store import open_store  # noqa: PLC0415

    settings = load()
    with open_store(settings.resolved_database_url) as store:
        with store.reader() as catalog:
            ids = find_images(catalog, targets)
        if not dry_run:
            with store.writer() as writer:
                writer.remove_images(ids)
    if as_json:
        print_json({"removed": ids, "dry_run": dry_run})
    else:
        verb = "would be removed" if dry_run else "removed"
        typer.echo(f"{len(ids)} images {verb}: {', '.join(map(str, ids)) or 'none'}")


@app.command("list")
def list_images(
    bank: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only entries of this bank.")
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start behind this image id.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List images, oldest first; go on with --after and the last id shown.

    Example: lookalike index list --bank known-unsafe --limit 20
    """
    from indexer.store import open_store  # noqa: PLC0415 -- keeps --help quick
    from indexer.types import ImageSummary  # noqa: PLC0415

    settings = load()
    with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
        records = catalog.list_images(after_id=after, limit=limit, bank=bank)
    if as_json:
        print_json([ImageSummary.of(record) for record in records])
        return
    print_table(
        "Images",
        ["id", "size", "format", "banks", "label", "source"],
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
