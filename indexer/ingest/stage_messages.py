"""Messages between the stages of a run."""

from dataclasses import dataclass

from indexer.errors import InputError
from indexer.sources import SourceItem
from indexer.store import Arrival
from indexer.types import KnownSource, NewImage, Part, PartKind, SkippedSource


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source whose bytes are needed."""

    item: SourceItem
    bank_id: int | None
    before: KnownSource | None  # what the catalog remembers of the same URI

    @property
    def arrival(self) -> Arrival:
        """The source as the catalog stores it."""
        return Arrival(self.item.stamp, self.item.details, self.bank_id)

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.item.stamp.uri

    def replaces(self, image_id: int | None) -> bool:
        """Return whether this URI held another image before; None is an image not known yet."""
        return self.before is not None and self.before.image_id != image_id


@dataclass(frozen=True, slots=True)
class WantedParts:
    """The parts to cut out of a picture."""

    parts: tuple[Part, ...]
    size: tuple[int, int]  # width and height of the picture that their boxes are measured in

    @property
    def tiled(self) -> bool:
        """Whether the picture must be decoded at its full size: tiles show small things."""
        return any(part.kind is PartKind.TILE for part in self.parts)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source's bytes, identified."""

    wanted: Wanted
    data: bytes
    sha256: bytes
    image_id: int | None = None  # of the image that the catalog holds with these bytes
    wanted_parts: WantedParts | None = None  # None where the settings say which


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Sources that hold what they held, and of which nothing has to be written."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A source of an image that the catalog holds with all that is wanted of it."""

    wanted: Wanted
    image_id: int
    bytes_read: int  # 0 when it is unchanged and was not read


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture that went through the model, ready to be written."""

    wanted: Wanted
    image: NewImage
    is_changed: bool  # its URI held another image before


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A source that held an image and now holds bytes that are none."""

    source: SkippedSource


Outcome = Unchanged | Known | Encoded | SkippedSource | Spoiled
"""How the run ends for a source."""


def skip(uri: str, error: InputError) -> SkippedSource:
    """Put a source aside, with the reason."""
    return SkippedSource(uri, error.code, str(error))


def refuse(loaded: Loaded, error: InputError) -> SkippedSource | Spoiled:
    """Put a source aside whose bytes were read and are of no use."""
    skipped = skip(loaded.wanted.uri, error)
    return Spoiled(skipped) if loaded.wanted.replaces(loaded.image_id) else skipped
