"""Signal type: the interface of each kind of signal."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from indexer.signals.hashed_picture import HashedPicture
from indexer.store import Catalog
from indexer.thresholds import ThresholdResolver
from indexer.types import Evidence, Fingerprint, FingerprintKind, ImageRecord
from indexer.vector_views import Views

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Place:
    """The catalog, views and bounds of one lookup."""

    catalog: Catalog
    views: Views
    thresholds: ThresholdResolver

    @property
    def banks(self) -> set[str | None]:
        """The banks with bounds of their own, and None for all others."""
        return {None, *(bank for _, _, bank in self.thresholds.cards)}


@dataclass(frozen=True, slots=True)
class Near:
    """What lies near enough to be held to the bounds, with its distance."""

    images: Mapping[int, float] = field(default_factory=dict)  # by id
    entries: Mapping[int, float] = field(default_factory=dict)  # bare fingerprints, by id


class SignalType(ABC, Generic[ValueT]):
    """One type of signal: how it is written, searched, and held to bounds.

    Parameters
    ----------
    name : str
        What it is called.
    kind : FingerprintKind, optional
        What a bare signal is stored as; None where one can only be stored with its picture.
    on_request : bool
        Whether it is left out of answers that do not name it.
    """

    def __init__(
        self, name: str, kind: FingerprintKind | None, *, on_request: bool = False
    ) -> None:
        self.name = name
        self.kind = kind
        self.on_request = on_request

    @abstractmethod
    def write(self, value: ValueT) -> str:
        """Return a value as text."""

    @abstractmethod
    def parse(self, text: str) -> ValueT | None:
        """Read a value; None for the signal of a picture that has none.

        Raises
        ------
        InvalidFingerprint
            The text is something else.
        """

    @abstractmethod
    def of_picture(self, picture: HashedPicture) -> ValueT | None:
        """Return what to look up for a picture; None if it has none."""

    @abstractmethod
    def of_image(self, record: ImageRecord) -> ValueT | None:
        """Return the value of a stored image; None if it has none."""

    @abstractmethod
    def near(self, value: ValueT, place: Place) -> Near:
        """Find what may be a match at the bounds of any bank."""

    @abstractmethod
    def distance(self, left: ValueT, right: ValueT) -> float:
        """Measure how far two values lie apart; 0 for the same."""

    @abstractmethod
    def evidence(self, distance: float, place: Place) -> Evidence:
        """Return what a distance is evidence of, to be held to bounds."""

    @abstractmethod
    def watermark(self, views: Views, head: int) -> int:
        """Return the last change of the log that a search knows of; `head` is the last of all."""

    def show(self, distance: float) -> str:
        """Return a distance as text."""
        return str(int(distance))

    def number(self, distance: float) -> float | int:
        """Return a distance as a number fit for JSON."""
        return int(distance)

    def fingerprint(self, value: ValueT) -> Fingerprint | None:
        """Return what a bare signal is stored as; None where it cannot be."""
        return Fingerprint(self.kind, bytes.fromhex(self.write(value))) if self.kind else None
