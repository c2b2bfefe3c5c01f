"""Source URIs: the place and the file that they name."""

from typing import Final
from urllib.parse import unquote, urlsplit

UPLOAD: Final = "upload:"
"""How the URI of an image begins that was uploaded, and of which no file is kept."""


def place_of(uri: str) -> str | None:
    """Return the folder, archive or host that holds a source; None for an upload."""
    if uri.startswith(UPLOAD):
        return None
    archive, inside, _ = uri.partition("!/")
    if inside:
        return archive
    if host := _host_of(uri):
        return host
    return uri.rpartition("/")[0] or uri


def file_of(uri: str) -> str | None:
    """Return the name of the file of a source, without its place; None for an upload."""
    if uri.startswith(UPLOAD):
        return None
    if _host_of(uri):
        uri = unquote(urlsplit(uri).path)
    return uri.rpartition("/")[2] or None


def _host_of(uri: str) -> str | None:
    """Return scheme and host of a URI of the web."""
    parts = urlsplit(uri) if uri.startswith(("http://", "https://")) else None
    return f"{parts.scheme}://{parts.hostname or ''}" if parts else None
