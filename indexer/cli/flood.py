"""`flood`: entries that suddenly match far more than their history."""

from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, RowLimit, load, opened
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import Flood, FloodState

app = Commands(help="Review entries with a surge of matches.")

FlagId = Annotated[int, typer.Argument(metavar="ID", help="The flag, as listed.")]


@app.command("list")
def list_floods(
    state: Annotated[FloodState, typer.Option(help="Only flags in this state.")] = FloodState.OPEN,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this flag.")] = 0,
    *,
    every: Annotated[bool, typer.Option("--all", help="Flags in every state.")] = False,
    as_json: AsJson = False,
) -> None:
    """List flood flags, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike flood list --json
    """
    with opened() as store, store.reader() as catalog:
        floods = catalog.floods.page(state=None if every else state, after_id=after, limit=limit)
    if as_json:
        print_json(floods)
        return
    print_table(
        "Floods",
        ["id", "state", "entry", "hour", "hits", "expected", "bank"],
        [
            (
                flood.id,
                flood.state,
                flood.entry_id,
                f"{flood.window_start:%Y-%m-%d %H:%M}",
                flood.hits,
                f"{flood.expected:.1f}",
                flood.bank,
            )
            for flood in floods
        ],
    )


@app.command()
def quarantine(flag: FlagId, *, as_json: AsJson = False) -> None:
    """Disable the entry of a flood flag.

    It matches nothing until `lookalike flood dismiss` enables it again. Repeating this changes
    nothing.

    Example: lookalike flood quarantine 3
    """
    _resolve(flag, FloodState.QUARANTINED, as_json=as_json)


@app.command()
def dismiss(flag: FlagId, *, as_json: AsJson = False) -> None:
    """Dismiss a flood flag.

    If its entry was quarantined, the entry is enabled again.

    Example: lookalike flood dismiss 3
    """
    _resolve(flag, FloodState.DISMISSED, as_json=as_json)


def _resolve(flag: int, state: FloodState, *, as_json: bool) -> None:
    from indexer.reviews.flood_resolution import resolve_flood
    from indexer.reviews.rules import ReviewRules

    settings = load()
    rules = ReviewRules.of(settings, lease_seconds=0)
    with opened(settings) as store:
        _print(resolve_flood(store, rules, flag, state), as_json=as_json)


def _print(flood: Flood, *, as_json: bool) -> None:
    if as_json:
        print_json(flood)
    else:
        echo(f"Flag {flood.id}, on entry {flood.entry_id} of bank {flood.bank}, is {flood.state}.")
