"""`space`: the embedding spaces of the index."""

from collections.abc import Iterator
from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import SpaceSummary

app = Commands(help="List and drop embedding spaces.")


@app.command("list")
def list_spaces(*, as_json: AsJson = False) -> None:
    """List the embedding spaces of the index.

    A space holds the embeddings of one model; vectors of two are never compared. The active one of
    each kind is searched (copy) or clustered (semantic). Another one is left of an earlier model,
    or is being made by `lookalike model reembed`; its threshold cards do not apply.

    Example: lookalike space list --json
    """
    with opened() as store, store.reader() as catalog:
        spaces = catalog.gauges.spaces()
    if as_json:
        print_json(spaces)
        return
    columns = ("id", "fingerprint", "kind", "dims", "embedded", "size", "cards", "state", "model")
    print_table("Embedding spaces", columns, _rows(spaces))


@app.command()
def drop(
    space: Annotated[
        str,
        typer.Argument(metavar="SPACE", help="Id, or first digits of the fingerprint."),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Drop it without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the embeddings of an inactive space.

    Its vectors, class probabilities and view are deleted, and the semantic embeddings that came
    with it alone. Hashes, banks, clusters and threshold cards stay. Servers that still answer from
    the space refuse searches from then on. To go back to its model, every image must be embedded
    anew. The active space is refused. Safe to interrupt and to run again.

    Example: lookalike space drop 1 --dry-run
    """
    from indexer.cli.confirmation import confirm
    from indexer.upkeep.space_removal import drop_space

    settings = load()
    with opened(settings) as store:
        report = drop_space(store, settings, space, dry_run=True)
        vectors = counted(report.vectors, "vector", "vectors")
        names = " and ".join(fingerprint[:12] for fingerprint in report.spaces)
        if not dry_run:
            if not yes:
                confirm(f"Delete {vectors} of space {names}?")
            report = drop_space(store, settings, space)
    if as_json:
        print_json(report)
        return
    would = "would be " if dry_run else ""
    echo(f"{vectors} of space {names} {would}deleted.")


def _rows(spaces: list[SpaceSummary]) -> Iterator[tuple[object, ...]]:
    from rich.filesize import decimal

    for each in spaces:
        yield (
            each.id,
            each.fingerprint[:12],
            each.kind.value,
            each.dimension,
            f"{each.embedded:,} of {each.images:,}",
            decimal(each.vector_bytes),
            each.threshold_cards,
            _state(each),
            each.model,
        )


def _state(space: SpaceSummary) -> str:
    """Say whether the index uses the space, and since when."""
    if space.active:
        since = space.activated_at or space.created_at
        return f"active since {since:%Y-%m-%d %H:%M}"
    if not space.vectors:
        return "empty"
    return "inactive"
