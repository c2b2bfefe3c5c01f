"""Places that the paths and URLs of a manifest or list stand for."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from indexer.errors import UnreadableSource
from indexer.sources.base import Found
from indexer.sources.local import file_at
from indexer.sources.manifest_rows import InvalidRow
from indexer.sources.names import is_storable, protocol_of, quoted
from indexer.sources.protocols import Remotes
from indexer.types import SkippedSource


@dataclass(frozen=True, slots=True)
class Places:
    """Looks names up, relative ones beneath `base`."""

    base: Path | str  # an absolute folder, or the URL of one
    remotes: Remotes

    def is_remote(self, name: str) -> bool:
        """Tell whether looking the name up asks a server."""
        protocol = protocol_of(name)
        return isinstance(self.base, str) if protocol is None else protocol != "file"

    def locate(self, name: str) -> Path | str:
        """Return the absolute path or the URL that a name stands for; nothing is looked up.

        Raises
        ------
        InvalidRow
            The name is none that could be looked up; the message says why.
        """
        if self.is_remote(name):
            return self._url_of(name)
        if isinstance(self.base, str):
            raise InvalidRow(
                f"{quoted(name)} is on this machine's disk, which a remote manifest must not name"
            )
        path = self.base / (path_of(name) if protocol_of(name) else name)
        try:
            possible = b"\0" not in os.fsencode(path)
        except UnicodeEncodeError:
            possible = False
        if not possible:
            raise InvalidRow(f"{quoted(name)} is not a valid file name")
        # `..` is resolved on the disk, where links may lead elsewhere than the text suggests
        return Path(os.path.realpath(path)) if ".." in path.parts else path

    def exists(self, name: str) -> bool:
        """Tell whether a name stands for something on this machine's disk."""
        place = self.locate(name)
        return isinstance(place, Path) and place.exists()

    def find(self, name: str, root: str) -> Found:
        """Look one picture up.

        Raises
        ------
        InvalidRow
            As `locate`.
        """
        place = self.locate(name)
        return file_at(place, root) if isinstance(place, Path) else self._find_remote(place, root)

    def _url_of(self, name: str) -> str:
        if not is_storable(name):
            raise InvalidRow(
                f"{quoted(name)} is not a valid URL: non-ASCII characters must be UTF-8"
            )
        if protocol_of(name):
            return name
        if name.startswith("/") or ".." in name.split("/"):
            raise InvalidRow(f"{quoted(name)} leads out of the folder of the manifest")
        return f"{self.base}/{name}"

    def _find_remote(self, url: str, root: str) -> Found:
        try:
            file = self.remotes.find(url)
        except UnreadableSource as error:
            return SkippedSource(url, error.code, str(error))
        if file.is_folder:
            return SkippedSource(
                url,
                UnreadableSource.code,
                f"{quoted(url)} is a folder. Name it as a SOURCE of its own.",
            )
        return file.item(root)


def path_of(url: str) -> Path:
    """Return the path of a `file:` URL, as `uri_of` writes them.

    Raises
    ------
    InvalidRow
        It names another machine.
    """
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidRow(
            f"{quoted(url)} is on the machine {parts.netloc}, which cannot be read from here"
        )
    # not parts.path: a file's name may hold ? and #
    encoded = url.split("://", 1)[1].removeprefix(parts.netloc)
    return Path(os.fsdecode(unquote_to_bytes(encoded)))
