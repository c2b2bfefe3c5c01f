"""`decision`: analysts' decisions on matches."""

from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, ModelReference, RowLimit, load, opened
from indexer.cli.output import counted, print_json, print_table
from indexer.runtime.terminal import echo
from indexer.types import Outcome

app = Commands(help="Record analysts' decisions on matches.")


@app.command()
def add(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="The image's file, or hexadecimal SHA-256.")
    ],
    outcome: Annotated[
        Outcome,
        typer.Option(
            help="confirmed: a true match; rejected: a false match; escalated: others decide."
        ),
    ],
    entry: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="The bank entry that matched.")
    ] = None,
    image: Annotated[
        int | None,
        typer.Option(min=1, metavar="ID", help="The stored image, if no entry matched."),
    ] = None,
    *,
    note: Annotated[str | None, typer.Option(help="Reason for the decision.")] = None,
    analyst: Annotated[str | None, typer.Option(metavar="NAME", help="Who decided.")] = None,
    bank: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Bank to add the query to: a block bank if confirmed, an allow bank if rejected.",
        ),
    ] = None,
    model: ModelReference = None,
    as_json: AsJson = False,
) -> None:
    """Record a decision on a match.

    The newest decision holds. A rejected match is suppressed from then on, for queries of exactly
    these bytes. With --bank, the file is indexed first; decision and entry are then written
    together. If interrupted in between, run it again. Recording the same decision twice changes
    nothing. Where two persons must sign, the decision waits in the review queue for a second
    person, who signs in with a key.

    Example: lookalike decision add suspect.jpg --entry 17 --outcome rejected
    """
    from indexer.cli.query_arguments import identify, index_file
    from indexer.decisions import decide
    from indexer.reviews.rules import Signatory
    from indexer.types import NewDecision

    settings = load(model)
    with opened(settings) as store:
        asked = identify(store, settings, query)
        if bank is not None and asked.file is not None:
            index_file(store, settings, asked.file, bank)
        decided = decide(
            store,
            Signatory.of_command(settings, analyst),
            NewDecision(
                asked.sha256, outcome, entry_id=entry, image_id=image, analyst=analyst, note=note
            ),
            pdq=asked.pdq,
            min_quality=settings.pdq_min_quality,
            bank=bank,
        )
    if as_json:
        print_json(decided)
        return
    if decided.decision is None:
        echo(decided.message or "")
        return
    echo(f"Decision {decided.decision.id}: {decided.decision.outcome}.")
    if decided.bank:
        echo(f"{counted(decided.new_entries, 'new entry', 'new entries')} in bank {decided.bank}.")


@app.command("list")
def list_decisions(
    query: Annotated[
        str | None,
        typer.Option(metavar="FILE|SHA256", help="Only decisions on exactly this image."),
    ] = None,
    entry: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Only decisions on this entry.")
    ] = None,
    outcome: Annotated[
        Outcome | None, typer.Option(help="Only decisions with this outcome.")
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this decision.")] = 0,
    *,
    every: Annotated[bool, typer.Option("--all", help="Include superseded decisions.")] = False,
    as_json: AsJson = False,
) -> None:
    """List decisions, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike decision list --outcome confirmed --json
    """
    from indexer.cli.query_arguments import digest_of

    settings = load()
    with opened(settings) as store, store.reader() as catalog:
        decisions = catalog.decisions.page(
            after_id=after,
            limit=limit,
            query_sha256=digest_of(query, settings) if query is not None else None,
            entry_id=entry,
            outcome=outcome,
            superseded=every,
        )
    if as_json:
        print_json(decisions)
        return
    print_table(
        "Decisions",
        ["id", "outcome", "entry", "image", "analyst", "decided", "query", "note"],
        [
            (
                decision.id,
                decision.outcome + (" (superseded)" if decision.superseded_at else ""),
                decision.entry_id,
                decision.image_id,
                decision.analyst,
                f"{decision.created_at:%Y-%m-%d %H:%M}",
                decision.query_sha256,
                decision.note,
            )
            for decision in decisions
        ],
    )
