"""Console script: the indexer's commands and `serve`."""

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
        int | None, typer.Option(min=0, max=65535, help="Port, 0 for any free one; default 8000.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; default 1.")] = None,
    model: ModelReference = None,
) -> None:
    """Serve the HTTP API.

    The address is printed once the server is ready. What other processes add is found within a
    second. SIGTERM exits after all accepted requests are answered; SIGHUP replaces the workers one
    by one, if there are several.

    On loopback no key is needed; on any other address every client needs one: `lookalike key
    create`.

    Example: lookalike serve --port 8000
    """
    from search_api.process.run import run
    from search_api.settings import load_serve_settings

    run(load(model), load_serve_settings(host=host, port=port, workers=workers))
