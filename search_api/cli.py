"""The console script: the indexer's commands and `serve`."""

from typing import Annotated

import typer

from indexer.cli import app
from indexer.cli.options import ModelReference, load
from search_api.webhooks import cli

__all__ = ["app"]

app.add_typer(cli.app, name="webhook")


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one; default 8000.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that answer; default 1.")
    ] = None,
    model: ModelReference = None,
) -> None:
    """Answer over HTTP; what other processes add is found within a second.

    The address is printed once the server is ready. SIGTERM ends it when what it has accepted is
    answered; SIGHUP replaces its workers one by one, where it has several.

    On loopback this machine needs no key; on any other address everybody does: `lookalike key
    create` makes one.

    Example: lookalike serve --port 8000
    """
    from search_api.process.run import run  # noqa: PLC0415 -- keeps --help quick
    from search_api.settings import load_serve_settings  # noqa: PLC0415

    run(load(model), load_serve_settings(host=host, port=port, workers=workers))
