"""`index quarantine`: files that could not be indexed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, ModelReference, RowLimit, load, opened
from indexer.cli.output import print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo

app = Commands(help="Manage files that could not be indexed.")

Files = Annotated[
    list[str] | None, typer.Argument(metavar="FILE", help="Paths or URLs, as listed.")
]
Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only files with this code.")
]


@app.command("list")
def list_items(
    code: Code = None,
    limit: RowLimit = 100,
    after: Annotated[str, typer.Option(help="Start after this file.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """List quarantined files with the reason.

    A file leaves the quarantine when it is indexed.

    Example: lookalike index quarantine list --json
    """
    with opened() as store, store.reader() as catalog:
        items = catalog.quarantine.page(code=code, after_uri=after, limit=limit)
    if as_json:
        print_json(items)
    else:
        rows = [(item.uri, item.code, item.reason, item.first_seen_at) for item in items]
        print_table("Quarantine", ["file", "code", "reason", "first seen"], rows)


@app.command()
def retry(
    files: Files = None,
    code: Code = None,
    bank: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Bank to add every image to."),
    ] = None,
    model: ModelReference = None,
    *,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Also match tiles of large and long images.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try to index quarantined files again.

    All of them, the named ones, or those with a code. Files that are indexed leave the quarantine;
    the rest stay, with their current reason.

    Example: lookalike index quarantine retry --code no_embedding
    """
    from indexer.cli.index_add import add_found, open_or_create_bank
    from indexer.ingest import IngestOptions
    from indexer.upkeep.requeue import open_again, quarantined_files

    settings = load(model)
    with opened(settings) as store:
        quarantined = quarantined_files(store, code=code, among=_names_of(files or ()))
        chosen = open_or_create_bank(store, bank) if bank else None
        add_found(
            store,
            settings,
            open_again(quarantined, settings),
            chosen,
            IngestOptions(tiled=tiles),
            count=lambda: len(quarantined),
            as_json=as_json,
        )


@app.command()
def clear(
    files: Files = None,
    code: Code = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Forget all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget quarantined files.

    Name files, a code, or --all. A file that still cannot be indexed is listed again when it is
    next added.

    Example: lookalike index quarantine clear --code dangling_link
    """
    if [bool(files), code is not None, every].count(True) != 1:
        raise InputError("Name exactly one of: files, --code, --all.")
    with opened() as store, store.writer() as writer:
        if files:
            forgotten = writer.quarantine.release(_names_of(files))
        else:
            forgotten = writer.quarantine.clear(code=code)
    if as_json:
        print_json({"cleared": forgotten})
    else:
        echo(f"{forgotten} files forgotten.")


def _names_of(files: Iterable[str]) -> set[str]:
    """Return what files that the user names may be called in the quarantine."""
    return {name for file in files for name in (file, str(Path(file).absolute()))}
