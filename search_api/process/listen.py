"""Listening socket of the server."""

import socket

from indexer.errors import InputError
from search_api.settings import ServeSettings


def bind(serve: ServeSettings) -> socket.socket:
    """Return a socket that is bound but does not listen yet.

    Raises
    ------
    InputError
        The address cannot be taken.
    """
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


def url_of(listener: socket.socket) -> str:
    """Return the address as a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
