"""Protocols of sources, and reasons to skip one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from indexer.types import SkippedSource, SourceDetails, SourceStamp

DIRECTORY_LOOP: Final = "directory_loop"
DANGLING_LINK: Final = "dangling_link"
OUTSIDE_LINK: Final = "outside_link"
UNSAFE_MEMBER: Final = "unsafe_member"
DAMAGED_ARCHIVE: Final = "damaged_archive"
INVALID_METADATA: Final = "invalid_metadata"
SKIP_CODES: Final = frozenset(
    {DIRECTORY_LOOP, DANGLING_LINK, OUTSIDE_LINK, UNSAFE_MEMBER, DAMAGED_ARCHIVE, INVALID_METADATA}
)
"""Reasons to skip a source that are no error of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceItem(ABC):
    """Something that may be a picture, not read yet."""

    stamp: SourceStamp
    root: str
    """URI of the folder, archive, manifest or prefix that it was found by; its own when it was
    named itself, `-` when a list on stdin named it."""
    bank: str | None = None  # named by a manifest
    details: SourceDetails = field(default_factory=SourceDetails)

    @abstractmethod
    def read(self, max_bytes: int) -> bytes:
        """Read the bytes; safe to call from any thread, more than once.

        Parameters
        ----------
        max_bytes : int
            Largest size accepted; at most one byte more is read.

        Raises
        ------
        UnreadableSource
            It cannot be opened or read, or has changed since it was found.
        ImageTooLarge
            It has more than `max_bytes` bytes.
        """


Found = SourceItem | SkippedSource


@dataclass(frozen=True, slots=True)
class ListedImage:
    """Something that may be a picture, listed to be looked up later."""

    uri: str
    bank: str | None = None  # named by a manifest
    details: SourceDetails = field(default_factory=SourceDetails)


@dataclass(frozen=True, slots=True)
class ListedArchive:
    """An archive, listed to be read later."""

    uri: str


Listed = ListedImage | ListedArchive | SkippedSource


def listed(items: Iterable[Found]) -> Iterator[Listed]:
    """Name pictures that were found."""
    for found in items:
        if isinstance(found, SkippedSource):
            yield found
        else:
            yield ListedImage(found.stamp.uri, found.bank, found.details)


class Reader(Protocol):
    """All that one SOURCE of the command line stands for."""

    def items(self) -> Iterator[Found]:
        """Find the pictures, in an order that repeats, holding few of them at a time."""

    def listed(self) -> Iterator[Listed]:
        """Name the same pictures without looking into archives or asking servers for each."""

    def count(self) -> int | None:
        """Count what `items` would give; None when that costs about as much as reading it."""
