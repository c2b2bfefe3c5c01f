"""Remote sources through fsspec: object stores and web servers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Final, cast

from indexer.errors import UnreadableSource
from indexer.images.decode import check_byte_size
from indexer.sources.base import Listed, SourceItem, listed
from indexer.sources.names import is_candidate, protocol_of
from indexer.sources.retries import attempt, once
from indexer.types import SkippedSource, SourceStamp

WEB: Final = frozenset({"http", "https"})

_BLOCK: Final = 4 * 2**20  # bytes fetched at once from an archive or manifest
_VERSION_KEYS: Final = (  # what the file systems of fsspec call it, the surest first
    "ETag", "etag", "generation", "md5Hash", "content_md5",
    "LastModified", "last_modified", "updated", "mtime", "modified", "created",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One object as its store lists it."""

    remote: "Remote"
    path: str  # as the file system of fsspec names it, without the protocol
    size: int | None
    version: str
    is_folder: bool = False

    @property
    def uri(self) -> str:
        """The URL, the same however the object was found."""
        return self.remote.uri(self.path)

    @property
    def is_on_web(self) -> bool:
        """Whether a web server holds it, which may not know ranges."""
        return self.remote.is_web

    def open(self) -> BinaryIO:
        """Open it for reading from the start, a block at a time."""
        return self.remote.open(self.path)

    def read_range(self, position: int, size: int) -> bytes:
        """Read `size` bytes from `position` on; fewer come back at its end."""
        return self.remote.read_range(self.path, position, size)

    def peek(self, size: int) -> bytes:
        """Read its first bytes."""
        return self.remote.peek(self.path, size)

    def item(self, root: str | None = None) -> "RemoteObject":
        """Return it as something that may be a picture."""
        stamp = SourceStamp(self.uri, self.size, self.version)
        return RemoteObject(stamp=stamp, root=root or self.uri, file=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteObject(SourceItem):
    """An object that may be a picture."""

    file: RemoteFile

    def read(self, max_bytes: int) -> bytes:
        return self.file.remote.read(self.file.path, self.file.size, max_bytes)


@dataclass(frozen=True, slots=True)
class Prefix:
    """All objects beneath a prefix."""

    folder: RemoteFile

    def items(self) -> Iterator[RemoteObject | SkippedSource]:
        root = self.folder.uri.rstrip("/")
        try:
            for file in self.folder.remote.beneath(self.folder.path):
                relative = file.path.removeprefix(self.folder.path.rstrip("/") + "/")
                if is_candidate(relative):
                    yield file.item(root)
        except UnreadableSource as error:
            # What is known of this prefix is not gone only because the listing broke off.
            yield SkippedSource(root, error.code, str(error))

    def listed(self) -> Iterator[Listed]:
        return listed(self.items())

    def count(self) -> int:
        return sum(1 for _ in self.items())


class Remote:
    """The file system of one protocol; its connections are shared by all threads."""

    def __init__(self, protocol: str, filesystem: Any) -> None:
        self._protocol = protocol
        self._filesystem = filesystem

    @property
    def is_web(self) -> bool:
        """Whether it is a web server, which lists nothing and may not know ranges."""
        return self._protocol in WEB

    def uri(self, path: str) -> str:
        """Return the URL of a path of this file system."""
        return path if protocol_of(path) else f"{self._protocol}://{path}"

    def find(self, url: str) -> RemoteFile:
        """Look up one object or prefix.

        Raises
        ------
        UnreadableSource
            It does not exist, or the store does not answer.
        """
        path = self._filesystem._strip_protocol(url)  # noqa: SLF001 -- fsspec has no other name
        info = attempt(url, self._filesystem.info, path)
        return replace(self._listed(info), path=path)

    def glob(self, url: str) -> Iterator[RemoteFile]:
        """Find the objects that a pattern matches, by name order."""
        found = attempt(url, self._filesystem.glob, url, detail=True)
        files = (self._listed(found[name]) for name in sorted(found))
        return (file for file in files if not file.is_folder)

    def beneath(self, path: str) -> Iterator[RemoteFile]:
        """List all objects beneath a prefix, a page or a folder at a time."""
        if hasattr(self._filesystem, "call_s3"):
            return self._s3_pages(path)
        return self._folder_by_folder(path)

    def read(self, path: str, size: int | None, max_bytes: int) -> bytes:
        """Read a whole object of limited size."""
        if size is not None:
            check_byte_size(size, max_bytes)
        if size == 0:  # an empty range is an error to most stores
            return b""
        if size is None or self.is_web:  # a web server may send all, whatever was asked
            data = attempt(self.uri(path), self._read_stream, path, max_bytes + 1)
        else:
            data = self.read_range(path, 0, max_bytes + 1)
        check_byte_size(len(data), max_bytes)
        return data

    def read_range(self, path: str, position: int, size: int) -> bytes:
        """Read `size` bytes from `position` on; fewer come back at the object's end."""
        cat_file = self._filesystem.cat_file
        return cast(
            "bytes",
            attempt(self.uri(path), cat_file, path, start=position, end=position + size),
        )

    def peek(self, path: str, size: int) -> bytes:
        """Read an object's first bytes."""
        if self.is_web:
            return attempt(self.uri(path), self._read_stream, path, size)
        return self.read_range(path, 0, size)

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading from the start."""
        options = {"block_size": _BLOCK, "cache_type": "readahead"}
        stream = attempt(self.uri(path), self._filesystem.open, path, "rb", **options)
        return cast("BinaryIO", _Stream(stream, self, self.uri(path)))

    def read_on(self, uri: str, stream: Any, size: int) -> bytes:
        """Read from an open stream; where it can go back, a failed attempt is made again."""
        if not stream.seekable():
            return cast("bytes", once(uri, stream.read, size))
        return cast("bytes", attempt(uri, stream.read, size))

    def _read_stream(self, path: str, size: int) -> bytes:
        with self._filesystem.open(path, "rb", block_size=0) as stream:
            data = bytearray()
            while len(data) < size and (piece := stream.read(size - len(data))):
                data += piece
            return bytes(data)

    def _listed(self, info: Mapping[str, Any]) -> RemoteFile:
        size = info.get("size")
        return RemoteFile(
            remote=self,
            path=info["name"],
            size=None if size is None else int(size),
            version=_version(info),
            is_folder=info.get("type") == "directory",
        )

    def _folder_by_folder(self, path: str) -> Iterator[RemoteFile]:
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            listing = attempt(self.uri(folder), self._filesystem.ls, folder, detail=True)
            files = sorted(map(self._listed, listing), key=lambda file: file.path)
            yield from (file for file in files if not file.is_folder)
            # Only downwards: some stores list a folder within itself, which would never end.
            deeper = [file.path for file in reversed(files) if file.is_folder]
            waiting += [name for name in deeper if len(name.rstrip("/")) > len(folder.rstrip("/"))]

    def _s3_pages(self, path: str) -> Iterator[RemoteFile]:
        """Ask S3 itself, which gives 1,000 keys at a time whatever folders their names suggest."""
        bucket, key, _ = self._filesystem.split_path(path)
        ask = {"Bucket": bucket, "Prefix": f"{key.rstrip('/')}/" if key else ""}
        while True:
            uri = self.uri(path)
            page = attempt(uri, self._filesystem.call_s3, "list_objects_v2", **ask)
            for entry in page.get("Contents", []):
                yield RemoteFile(self, f"{bucket}/{entry['Key']}", entry["Size"], _version(entry))
            if not page.get("IsTruncated"):
                return
            ask["ContinuationToken"] = page["NextContinuationToken"]


class _Stream:
    """What gzip and tarfile need of a file, with our attempts and errors."""

    def __init__(self, stream: Any, remote: Remote, uri: str) -> None:
        self._stream = stream
        self._remote = remote
        self._uri = uri

    def read(self, size: int = -1) -> bytes:
        return self._remote.read_on(self._uri, self._stream, size)

    def seek(self, position: int, whence: int = 0) -> int:
        return cast("int", self._stream.seek(position, whence))

    def tell(self) -> int:
        return cast("int", self._stream.tell())

    def seekable(self) -> bool:
        return cast("bool", self._stream.seekable())

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()

    @property
    def closed(self) -> bool:
        return cast("bool", self._stream.closed)


def _version(info: Mapping[str, Any]) -> str:
    """Return what changes with the bytes, as far as the store says."""
    value = next((info[key] for key in _VERSION_KEYS if info.get(key)), "")
    return value.isoformat() if isinstance(value, datetime) else str(value).strip('"')
