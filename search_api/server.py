"""Runs the application under uvicorn."""

import signal
import socket
import sys

import structlog
import typer
import uvicorn

from indexer.errors import InputError
from indexer.matching import open_matcher
from indexer.pixel_budget import limit_pixels
from indexer.settings import Settings
from indexer.store import open_store
from search_api.access import describe
from search_api.app import create_app
from search_api.settings import ServeSettings

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Says where it listens once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"Listening on http://{shown}:{port} (documentation at /docs)")


def run(settings: Settings, serve: ServeSettings) -> None:
    """Open the index and serve until interrupted; SIGTERM ends the process with code 0.

    The address is taken before the index is opened and answers once it is ready.

    Raises
    ------
    InputError
        The address cannot be taken.
    """
    # uvicorn raises the signal once more when it has shut down: a stop is no failure
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    limit_pixels(serve.decode_pixels)
    with _bind(serve) as listener, open_store(settings.resolved_database_url) as store:
        if message := describe(store, serve):
            _tell(message, settings)
        app = create_app(store, open_matcher(store, settings), settings, serve)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            proxy_headers=False,  # it would believe any; `access` believes those that are trusted
            server_header=False,
        )
        _Server(config).run(sockets=[listener])


def _tell(message: str, settings: Settings) -> None:
    """Say something to whoever started the server; among JSON lines, as one of them."""
    if settings.log_format == "json":
        log.warning(message)
    else:
        typer.echo(message, err=True)


def _bind(serve: ServeSettings) -> socket.socket:
    """Return a socket that is bound but does not listen yet."""
    listener = socket.socket(socket.AF_INET6 if ":" in serve.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((serve.host, serve.port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"Cannot listen on {serve.host}:{serve.port}: {error.strerror}. "
            "Choose another address with --host and --port."
        ) from error
    return listener
