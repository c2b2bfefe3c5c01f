"""`index quarantine`: files that could not be indexed."""

from typing import Annotated

import typer

from indexer.cli.options import AsJson, RowLimit, load
from indexer.cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Look at files that could not be indexed.")


@app.command("list")
def list_items(
    limit: RowLimit = 100,
    after: Annotated[str, typer.Option(help="Start behind this file.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """List the files that could not be indexed, with the reason; a file leaves when it is indexed.

    Example: lookalike index quarantine list --json
    """
    from indexer.store import open_store  # noqa: PLC0415 -- keeps --help quick

    settings = load()
    with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
        items = catalog.quarantined(after_uri=after, limit=limit)
    if as_json:
        print_json(items)
    else:
        rows = [(item.uri, item.code, item.reason, item.first_seen_at) for item in items]
        print_table("Quarantine", ["file", "code", "reason", "first seen"], rows)
