"""URL protocols that may be used, and their file systems."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from indexer.errors import UnreadableSource
from indexer.sources.names import protocol_of, quoted
from indexer.sources.remote import Remote, RemoteFile

_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {  # one party tries again, and that is us
    "s3": {"config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 10}},
}
_EXTRAS: Final = {"s3": "s3", "gs": "gs", "http": "https", "https": "https"}


class Remotes:
    """The file systems that the settings allow, each opened once."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed
        self._opened: dict[str, Remote] = {}

    def open(self, url: str) -> Remote:
        """Return the file system that reads a URL; nothing is sent yet.

        Raises
        ------
        UnreadableSource
            The settings do not allow its protocol, the package for it is not installed, or the
            URL holds a password.
        """
        protocol = protocol_of(url) or ""
        if protocol not in self._allowed:
            raise UnreadableSource(
                f"{quoted(url)} is not allowed: the protocol {protocol} is disabled. Add "
                f"{protocol} to LOOKALIKE_ALLOWED_PROTOCOLS."
            )
        if urlsplit(url).password is not None:
            raise UnreadableSource(
                f"A {protocol} URL contains a password, which the index would store. Remove "
                "it, and pass it through the protocol library's own variables or files."
            )
        if protocol not in self._opened:
            self._opened[protocol] = _open(protocol, url)
        return self._opened[protocol]

    def find(self, url: str) -> RemoteFile:
        """Look up what a URL names."""
        return self.open(url).find(url)


def _open(protocol: str, url: str) -> Remote:
    import fsspec

    # fsspec would hand out the same instance for as long as the process lives, whatever becomes
    # of the credentials in the environment.
    fresh = {"use_listings_cache": False, "skip_instance_cache": True}
    try:
        return Remote(protocol, fsspec.filesystem(protocol, **fresh, **_OPTIONS.get(protocol, {})))
    except (ImportError, ValueError) as error:
        extra = _EXTRAS.get(protocol)
        install = f"pip install 'lookalike[{extra}]'" if extra else f"Install it ({error})"
        raise UnreadableSource(
            f"{quoted(url)} needs a package for {protocol} that is not installed. {install}."
        ) from error
