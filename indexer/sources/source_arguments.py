"""SOURCE arguments of a command, resolved to readers."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from typing import BinaryIO, TypeVar

from indexer.errors import UnreadableSource
from indexer.settings import Settings
from indexer.sources.archives import local_shard, remote_shard
from indexer.sources.base import Found, Listed, ListedImage, Reader
from indexer.sources.local import Tree, existing, unreadable
from indexer.sources.manifest_rows import Columns, InvalidRow
from indexer.sources.manifest_tables import NumberedColumns, kind_of, read_list, read_table
from indexer.sources.manifests import STDIN, ManifestReader
from indexer.sources.names import is_archive, may_be_image, protocol_of, quoted, uri_of
from indexer.sources.patterns import expand_braces, glob_files, has_magic
from indexer.sources.places import Places, path_of
from indexer.sources.protocols import Remotes
from indexer.sources.remote import Prefix, RemoteFile
from indexer.types import SkippedSource

_MatchT = TypeVar("_MatchT")
_Matches = Callable[[], Generator[Reader | SkippedSource, None, None]]


def open_sources(
    specs: Sequence[str],
    settings: Settings,
    stdin: BinaryIO | None = None,
    *,
    follow_links: bool = False,
) -> Iterator[Found]:
    """Find all pictures that the arguments of `index add` stand for, in an order that repeats.

    Parameters
    ----------
    specs : sequence of str
        Each a file, folder, glob, tar archive, manifest or URL (docs/sources.md), or `-`.
    settings : Settings
        Say which protocols may be used.
    stdin : file, optional
        What `-` reads; the process's standard input by default.
    follow_links : bool
        Whether to follow links that lead out of a folder that is named.

    Returns
    -------
    iterator of SourceItem or SkippedSource
        Few of them are held in memory at a time.

    Raises
    ------
    UnreadableSource
        A spec names nothing that exists, or something that we do not read or may not fetch:
        raised by the call, before the first item.
    """
    readers = _Opener(settings, stdin, follow_links=follow_links).open_all(specs)
    return chain.from_iterable(reader.items() for reader in readers)


def list_sources(
    specs: Sequence[str], settings: Settings, *, follow_links: bool = False
) -> Iterator[Listed]:
    """Name the pictures that `open_sources` finds, for others to look up and read.

    Archives are named whole. Rows of manifests are validated, and not looked up.

    Raises
    ------
    UnreadableSource
        As `open_sources`.
    """
    readers = _Opener(settings, None, follow_links=follow_links).open_all(specs)
    return chain.from_iterable(reader.listed() for reader in readers)


def open_listed(name: str, rows: Sequence[Columns], settings: Settings) -> Iterator[Found]:
    """Look up pictures that `list_sources` has named, in their order.

    Parameters
    ----------
    name : str
        What messages call the list.
    rows : sequence of mapping
        As `columns_of` makes them.
    settings : Settings
        Say which protocols may be used.

    Raises
    ------
    UnreadableSource
        They are all on a local disk, and this machine sees none of them.
    """
    places = Places(Path("/"), Remotes(settings.allowed_protocol_names))
    names = [str(row["uri"]) for row in rows]
    if names and not any(places.is_remote(each) or places.exists(each) for each in names):
        raise UnreadableSource(
            f"None of the {len(names):,} files of {name} exists on this machine, neither "
            f"{quoted(names[0])} nor any other. Attach their disk under the same path, or run "
            "workers where it is."
        )

    def numbered() -> Generator[NumberedColumns, None, None]:
        yield from enumerate(rows, 1)

    return ManifestReader(name, numbered, places, is_at_hand=True).items()


def count_sources(
    specs: Sequence[str], settings: Settings, *, follow_links: bool = False
) -> int | None:
    """Count what `open_sources` gives, by a pass of its own.

    Returns
    -------
    int or None
        None when counting would cost about as much as reading (compressed and remote archives,
        remote manifests), or can be done only once (`-`).

    Raises
    ------
    UnreadableSource
        As `open_sources`.
    """
    if STDIN in specs:
        return None
    return _total(_Opener(settings, None, follow_links=follow_links).open_all(specs))


@dataclass(frozen=True, slots=True)
class _Single:
    """One object of a store or web server."""

    file: RemoteFile

    def items(self) -> Iterator[Found]:
        yield self.file.item()

    def listed(self) -> Iterator[Listed]:
        yield ListedImage(self.file.uri)

    def count(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Whatever a glob matches at the time."""

    readers: _Matches

    def items(self) -> Iterator[Found]:
        for reader in self.readers():
            if isinstance(reader, SkippedSource):
                yield reader
            else:
                yield from reader.items()

    def listed(self) -> Iterator[Listed]:
        for reader in self.readers():
            if isinstance(reader, SkippedSource):
                yield reader
            else:
                yield from reader.listed()

    def count(self) -> int | None:
        return _total(reader for reader in self.readers() if not isinstance(reader, SkippedSource))


class _Opener:
    """Tells what a spec is and opens it, sharing the connections to servers."""

    def __init__(self, settings: Settings, stdin: BinaryIO | None, *, follow_links: bool) -> None:
        self._remotes = Remotes(settings.allowed_protocol_names)
        self._stdin = stdin
        self._follow_links = follow_links

    def open_all(self, specs: Sequence[str]) -> list[Reader]:
        return [reader for spec in specs for reader in self._open(spec)]

    def _open(self, spec: str) -> Iterator[Reader]:
        if spec == STDIN:
            yield self._open_list()
        elif (protocol := protocol_of(spec)) == "file":
            yield self._open_path(_path_of(spec))
        elif protocol:
            for url in expand_braces(spec):
                yield self._open_url(url)
        elif os.path.lexists(spec):  # before any pattern: a name may hold brackets
            yield self._open_path(Path(spec))
        else:
            for name in expand_braces(spec):
                if not name.strip():  # as a path it would be the current folder
                    raise UnreadableSource(
                        f"{quoted(spec)} is not a source. Write `.` for the current folder."
                    )
                yield self._open_glob(name) if has_magic(name) else self._open_path(Path(name))

    def _open_list(self) -> Reader:
        stdin = self._stdin or sys.stdin.buffer
        return ManifestReader(
            STDIN, lambda: read_list(stdin), Places(Path.cwd(), self._remotes), is_at_hand=False
        )

    def _open_path(self, path: Path) -> Reader:
        path = existing(path)
        kind = kind_of(path.name)
        if path.is_dir() or not (kind or is_archive(path.name)):
            return Tree(path, self._follow_links)
        if kind is None:
            return local_shard(path)
        return _checked(
            ManifestReader(
                uri_of(path),
                lambda: _rows(lambda: _open_file(path), kind),
                Places(path.parent, self._remotes),
                is_at_hand=True,
            )
        )

    def _open_glob(self, name: str) -> Reader:
        pattern = Path(name).absolute()

        def readers() -> Generator[Reader | SkippedSource, None, None]:
            for path in glob_files(pattern):
                if _is_wanted(name, path.name):
                    yield _attempt(self._open_path, path, uri_of(path))

        return _Pattern(_some(name, readers))

    def _open_url(self, url: str) -> Reader:
        remote = self._remotes.open(url)
        if has_magic(url) and not remote.is_web:

            def readers() -> Generator[Reader | SkippedSource, None, None]:
                for file in remote.glob(url):
                    if _is_wanted(url, file.path):
                        yield _attempt(self._open_remote, file, file.uri)

            return _Pattern(_some(url, readers))
        file = remote.find(url)
        return Prefix(file) if file.is_folder else self._open_remote(file)

    def _open_remote(self, file: RemoteFile) -> Reader:
        # behind `?` a URL of the web says how to fetch, not what
        name = file.uri.partition("?")[0] if file.is_on_web else file.uri
        if is_archive(name):
            return remote_shard(file)
        kind = kind_of(name)
        if kind is None:
            return _Single(file)
        places = Places(name.rpartition("/")[0], self._remotes)
        return _checked(
            ManifestReader(file.uri, lambda: _rows(file.open, kind), places, is_at_hand=False)
        )


def _rows(open_file: Callable[[], BinaryIO], kind: str) -> Generator[NumberedColumns, None, None]:
    with closing(open_file()) as file:
        yield from read_table(kind, file)


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _checked(manifest: ManifestReader) -> ManifestReader:
    """Read the first row, so that a manifest which is none is refused at once."""
    with closing(manifest.rows()) as rows:
        next(rows, None)
    return manifest


def _some(pattern: str, readers: _Matches) -> _Matches:
    """Refuse a pattern that matches nothing."""
    with closing(readers()) as matches:
        if next(matches, None) is None:
            raise UnreadableSource(
                f"{quoted(pattern)} does not exist, and as a glob it matches no images. "
                "Check the path; a glob that ends in a suffix also matches other files."
            )
    return readers


def _attempt(
    open_one: Callable[[_MatchT], Reader], match: _MatchT, uri: str
) -> Reader | SkippedSource:
    try:
        return open_one(match)
    except UnreadableSource as error:
        return SkippedSource(uri, error.code, str(error))


def _is_wanted(pattern: str, name: str) -> bool:
    """Tell whether a match is meant: any file if the pattern says the suffix, else pictures."""
    suffix = PurePath(pattern).suffix
    return may_be_image(name) or (bool(suffix) and not has_magic(suffix))


def _path_of(url: str) -> Path:
    try:
        return path_of(url)
    except InvalidRow as error:
        raise UnreadableSource(f"{error}. Check the URL.") from error


def _total(readers: Iterable[Reader]) -> int | None:
    """Add up; None as soon as one reader cannot tell."""
    total = 0
    for reader in readers:
        count = reader.count()
        if count is None:
            return None
        total += count
    return total
