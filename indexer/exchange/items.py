"""Items that reading a list yields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from indexer.exchange.list_streams import ListStream
from indexer.types import FingerprintKind, ListedFingerprint, WithdrawnFingerprint


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used."""

    where: str
    """File and line, such as `list.csv:17`."""
    reason: str
    """What is wrong with it."""
    unread: bool = True
    """Whether it stays unknown what the row lists; not so where it is refused for what it lists."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that lists hold and that we have no use for."""

    what: str  # such as sha1
    unheard_of: bool = False
    """Whether no list that we know of has such a thing: it may be a mistake."""


Item = ListedFingerprint | WithdrawnFingerprint | BadRow | Ignored


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader has to know besides the file."""

    name: str
    """Of the file, as messages name it."""
    min_quality: int
    """PDQ quality (0 to 100) below which a PDQ is refused, where the list tells the quality."""
    kind: FingerprintKind | None = None
    """What a fingerprint is where the list does not say so."""
    source: str | None = None
    """The source of all that the list holds, whatever it says itself."""

    def at(self, line: int) -> str:
        """Name a line (from 1) of the file."""
        return f"{self.name}:{line}"


class ListReader(Protocol):
    """One format: reads a list from its beginning and never stops at what it cannot read."""

    def __call__(self, stream: ListStream, options: ReadOptions) -> Iterator[Item]:
        """Yield what the list holds, in its order, in memory that does not grow with it.

        Raises
        ------
        UnreadableSource
            It is not a list of this format at all.
        """
