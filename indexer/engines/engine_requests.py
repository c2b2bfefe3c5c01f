"""Requests to engines: where to, with which secret, and in which batches."""

from collections.abc import Iterator
from dataclasses import replace
from os import environ
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.engines.base import Rows, keys_of
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.errors import SettingsError
from indexer.types import Embeddings

PATIENCE: Final = 60.0
"""Seconds that a change, a count or a list may take."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def batches(
    rows: Rows, vectors: Embeddings, size: int
) -> Iterator[list[tuple[int, int, NDArray[np.float32]]]]:
    """Yield row id, key and vector of up to `size` rows at a time."""
    keys = keys_of(rows)
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        yield list(zip(rows[part].tolist(), keys[part].tolist(), vectors[part], strict=True))


def with_api_key(address: EngineAddress, variable: str) -> EngineAddress:
    """Take the API key from an environment variable, if the URL has none."""
    return replace(address, password=address.password or environ.get(variable))


def needs_tls(address: EngineAddress) -> bool:
    """Return whether to connect with TLS: as its option says, else to send a secret.

    Raises
    ------
    SettingsError
        A password or an API key would be sent to another machine without TLS.
    """
    sends_secret = bool(address.password) and address.host not in _LOOPBACK
    has_tls = address.flag("tls", default=sends_secret)
    if sends_secret and not has_tls:
        raise SettingsError(
            f"{SETTING}: a password or an API key is only sent with TLS: leave out tls=false."
        )
    return has_tls


def http_url(address: EngineAddress, port: int | None = None) -> str:
    """Return the URL of an engine that is reached by HTTP or gRPC.

    Parameters
    ----------
    address : EngineAddress
    port : int, optional
        For an address without one.

    Raises
    ------
    SettingsError
        As `needs_tls` and `require_host`.
    """
    require_host(address)
    host = f"[{address.host}]" if ":" in address.host else address.host
    at = address.port or port
    return f"{'https' if needs_tls(address) else 'http'}://{host}" + (f":{at}" if at else "")


def require_host(address: EngineAddress) -> None:
    """Refuse an address without a host.

    Raises
    ------
    SettingsError
        It has none.
    """
    if not address.host:
        raise SettingsError(
            f"{SETTING}: {address.scheme}:// needs a host, as in {address.scheme}://host."
        )
