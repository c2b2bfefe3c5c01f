"""Tar archives and WebDataset shards, read member by member without unpacking."""

import bz2
import gzip
import json
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from weakref import finalize

from indexer.errors import UnreadableSource
from indexer.images.decode import check_byte_size
from indexer.sources.base import (
    DAMAGED_ARCHIVE,
    INVALID_METADATA,
    UNSAFE_MEMBER,
    Found,
    Listed,
    ListedArchive,
    SourceItem,
)
from indexer.sources.local import unreadable
from indexer.sources.manifest_rows import InvalidRow, details_of
from indexer.sources.names import is_candidate, member_uri, quoted, uri_of
from indexer.sources.remote import RemoteFile
from indexer.sources.seekable_streams import Streamed
from indexer.sources.tar import TarContent, members, split_key, tidy, why_unsafe
from indexer.types import SkippedSource, SourceDetails, SourceStamp

_LARGEST_SIDECAR: Final = 2**20  # bytes
_LARGEST_SAMPLE: Final = 64  # files; `frame.0001.jpg`, `frame.0002.jpg`, ... share a key, too
_SIDECARS: Final = frozenset({"json", "txt", "cls"})
_DECOMPRESSORS: Final[tuple[tuple[bytes, Callable[[Any], Any]], ...]] = (  # by first bytes
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_MAGIC_SIZE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember(SourceItem):
    """A member of an archive that may be a picture."""

    content: TarContent
    position: int

    def read(self, max_bytes: int) -> bytes:
        size = cast("int", self.stamp.size)  # an archive says it
        check_byte_size(size, max_bytes)
        data = self.content.fetch(self.position, size)
        if len(data) < size:
            raise UnreadableSource(
                f"{quoted(self.stamp.uri)} is truncated. Copy the archive again."
            )
        return data


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar archive: its pictures, with what lies beside them as details.

    Files of one key (the name up to the first dot of its last part) that follow each other belong
    together, as WebDataset lays it down: `0017.json` holds details, as a manifest's row does,
    `0017.txt` becomes the metadata `text`, and `0017.cls` the label.
    """

    uri: str
    version: str
    open: Callable[[], TarContent]
    is_streamed: bool

    def items(self) -> Iterator[Found]:
        try:
            content = self.open()
            listed = members(content)
            for _, group in groupby(listed, key=lambda member: split_key(member.name)[0]):
                yield from self._sample(content, group)
        except UnreadableSource as error:
            yield SkippedSource(self.uri, error.code, str(error))
        except Exception as error:  # noqa: BLE001 -- tarfile and decompressors raise many types
            reason = str(error) or type(error).__name__
            yield SkippedSource(
                self.uri,
                DAMAGED_ARCHIVE,
                f"{quoted(self.uri)} is cut short or damaged ({reason}). What comes before that is "
                "indexed; copy or make the archive again for the rest.",
            )

    def listed(self) -> Iterator[Listed]:
        yield ListedArchive(self.uri)

    def count(self) -> int | None:
        return None if self.is_streamed else sum(1 for _ in self.items())

    def _sample(self, content: TarContent, group: Iterator[tarfile.TarInfo]) -> Iterator[Found]:
        """Yield one key's pictures, as soon as all that belongs to them is read."""
        found: list[ArchiveMember] = []
        sidecars: list[tarfile.TarInfo] = []
        try:
            for member in group:
                if _extension(member) in _SIDECARS:
                    sidecars.append(member)
                elif not is_candidate(tidy(member.name)):
                    continue
                elif reason := why_unsafe(member):
                    yield SkippedSource(self._uri(member), UNSAFE_MEMBER, reason)
                elif not member.isdir():
                    found.append(self._item(content, member))
                if len(found) + len(sidecars) == _LARGEST_SAMPLE:
                    yield from self._describe(content, found, sidecars)
                    found, sidecars = [], []
        except Exception:  # the archive breaks off: what came before is whole
            yield from self._describe(content, found, sidecars)
            raise
        yield from self._describe(content, found, sidecars)

    def _describe(
        self, content: TarContent, found: list[ArchiveMember], sidecars: list[tarfile.TarInfo]
    ) -> Iterator[Found]:
        """Yield pictures with the details that their sidecars give."""
        columns: dict[str, Any] = {}
        bank, details = None, SourceDetails()
        for sidecar in sidecars if found else ():
            try:
                more = columns | _read_sidecar(content, sidecar)
                bank, details = details_of(more)
            except (InvalidRow, ValueError, RecursionError) as error:
                yield SkippedSource(
                    self._uri(sidecar),
                    INVALID_METADATA,
                    f"{quoted(sidecar.name)} cannot be used ({error}); its picture is indexed "
                    "without. Correct it and make the archive again.",
                )
            else:
                columns = more
        for item in found:
            yield replace(item, bank=bank, details=details)

    def _item(self, content: TarContent, member: tarfile.TarInfo) -> ArchiveMember:
        version = self.version and f"{self.version}@{member.offset_data}"
        return ArchiveMember(
            stamp=SourceStamp(self._uri(member), member.size, version),
            root=self.uri,
            content=content,
            position=member.offset_data,
        )

    def _uri(self, member: tarfile.TarInfo) -> str:
        return member_uri(self.uri, tidy(member.name))


def local_shard(path: Path) -> Shard:
    """Open an archive on disk; the workers read a plain one at many places at once.

    Raises
    ------
    UnreadableSource
        It cannot be opened, or is compressed in a way that we do not read.
    """
    archive = _LocalArchive(path)
    decompressor = _decompressor(path, archive.advance(0, _MAGIC_SIZE))
    archive.close()
    if decompressor is None:
        return Shard(uri_of(path), archive.version, lambda: _LocalArchive(path), is_streamed=False)
    return Shard(
        uri_of(path),
        archive.version,
        lambda: Streamed(quoted(path), lambda: cast("BinaryIO", decompressor(path))),
        is_streamed=True,
    )


def remote_shard(file: RemoteFile) -> Shard:
    """Open an archive of an object store or web server; it is streamed."""

    def open_streamed() -> Streamed:
        decompressor = _decompressor(file.uri, file.peek(_MAGIC_SIZE))
        if decompressor is None:
            again = None if file.is_on_web else file.read_range
            return Streamed(quoted(file.uri), file.open, again)
        return Streamed(
            quoted(file.uri), lambda: cast("BinaryIO", decompressor(cast("Any", file.open())))
        )

    return Shard(file.uri, file.version, open_streamed, is_streamed=True)


class _LocalArchive:
    """A plain tar file, open while members of it are still to be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise unreadable(path, error) from error
        self.close = finalize(self, os.close, self._file)
        self.version = self._read_version()

    def advance(self, position: int, size: int) -> bytes:
        """Read for listing; the disk does not mind the order."""
        return self.fetch(position, size)

    def fetch(self, position: int, size: int) -> bytes:
        """Read, once it is sure that the archive is still the one that was listed."""
        try:
            if self._read_version() == self.version:
                return os.pread(self._file, size, position)
        except OSError as error:
            raise unreadable(self._path, error) from error
        raise UnreadableSource(f"{quoted(self._path)} changed while it was read. Run again.")

    def _read_version(self) -> str:
        return str(os.fstat(self._file).st_mtime_ns)


def _decompressor(name: str | Path, magic: bytes) -> Callable[[Any], Any] | None:
    """Tell by its first bytes how an archive is compressed; None for a plain one."""
    if magic.startswith(_ZSTANDARD):
        raise UnreadableSource(
            f"{quoted(name)} is compressed with Zstandard, which is not supported. "
            "Decompress it first: `zstd -d`."
        )
    return next((opener for start, opener in _DECOMPRESSORS if magic.startswith(start)), None)


def _extension(member: tarfile.TarInfo) -> str:
    return split_key(tidy(member.name))[1] if member.isreg() else ""


def _read_sidecar(content: TarContent, sidecar: tarfile.TarInfo) -> dict[str, Any]:
    """Read what stands beside a picture as columns.

    Raises
    ------
    InvalidRow
        It is too long, or not the JSON of an object.
    ValueError
        It is no UTF-8 or no JSON.
    """
    if sidecar.size > _LARGEST_SIDECAR:
        raise InvalidRow(f"it has {sidecar.size:,} bytes, more than {_LARGEST_SIDECAR:,}")
    data = content.fetch(sidecar.offset_data, sidecar.size)
    extension = _extension(sidecar)
    if extension != "json":
        text = data.decode().strip()
        return {"label" if extension == "cls" else "text": text}
    columns = json.loads(data)
    if not isinstance(columns, dict):
        raise InvalidRow("it is not a JSON object")
    return columns
