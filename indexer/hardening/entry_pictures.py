"""Pictures of entries, read from their sources, or from thumbnails where no source is left."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from typing import Final

from PIL import Image

from indexer.errors import InputError
from indexer.images import fingerprints
from indexer.images.decode import decoded
from indexer.settings import Settings
from indexer.sources import Found, SourceItem, open_known
from indexer.store import Store, StoredPicture
from indexer.types import UPLOAD, SkippedSource

NO_SOURCE: Final = "no_source"
SOURCE_CHANGED: Final = "source_changed"
_LONGEST_SIDE: Final = 352  # pixels: what thumbnails have; the model and PDQ see no more of it
_ENOUGH: Final = (_LONGEST_SIDE, _LONGEST_SIDE)


@dataclass(frozen=True, slots=True)
class EntryPicture:
    """The picture of an entry."""

    image_id: int
    picture: Image.Image  # RGB, at most 352 pixels long
    from_thumbnail: bool


@dataclass(frozen=True, slots=True)
class UnreachableEntry:
    """An entry whose picture is not to be had."""

    image_id: int
    source: str | None
    """Where it was looked for last; null when no source of it is known."""
    code: str
    """Code of the error, or source_changed, no_source."""
    reason: str


def read_pictures(
    store: Store, settings: Settings, images: Iterable[StoredPicture]
) -> Iterator[EntryPicture | UnreachableEntry]:
    """Read the pictures of stored images, each from the first of its sources that still holds it.

    A source counts only while its bytes have the image's SHA-256. Where none does, the thumbnail is
    read. One picture is in memory at a time.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    """
    left = {one.image_id: one for one in images}
    failures: dict[int, UnreachableEntry] = {}
    for turn in count():
        by_uri = {one.sources[turn]: one for one in left.values() if one.sources[turn:]}
        if not by_uri:
            break
        for one, found in _find(by_uri, settings):
            read = found if isinstance(found, SkippedSource) else _read(one, found, settings)
            if isinstance(read, SkippedSource):
                failures[one.image_id] = _unreachable(one, read)
            else:
                del left[one.image_id]
                yield EntryPicture(one.image_id, read, from_thumbnail=False)
    for one in left.values():
        with store.reader() as catalog:
            jpeg = catalog.thumbnails.get_many([one.image_id]).get(one.image_id)
        if jpeg is not None:
            with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
                yield EntryPicture(one.image_id, image.convert("RGB"), from_thumbnail=True)
        else:
            yield failures.get(one.image_id) or UnreachableEntry(
                one.image_id, None, NO_SOURCE, "No source of it is known."
            )


def _find(
    by_uri: Mapping[str, StoredPicture], settings: Settings
) -> Iterator[tuple[StoredPicture, Found]]:
    for uri in (uri for uri in by_uri if uri.startswith(UPLOAD)):
        reason = "It was uploaded to the server, which keeps no bytes."
        yield by_uri[uri], SkippedSource(uri, NO_SOURCE, reason)
    for found in open_known((uri for uri in by_uri if not uri.startswith(UPLOAD)), settings):
        uri = found.uri if isinstance(found, SkippedSource) else found.stamp.uri
        yield by_uri[uri], found


def _read(one: StoredPicture, item: SourceItem, settings: Settings) -> Image.Image | SkippedSource:
    """Read and reduce a picture; return the reason where the source does not hold it."""
    uri = item.stamp.uri
    try:
        data = item.read(settings.max_image_bytes)
        if fingerprints.sha256(data) != one.sha256:
            reason = "The file holds other bytes than when it was indexed."
            return SkippedSource(uri, SOURCE_CHANGED, reason)
        with decoded(data, settings.image_limits, at_least=_ENOUGH) as picture:
            small = Image.fromarray(picture.rgb)
            small.thumbnail(_ENOUGH)
            return small
    except InputError as error:
        return SkippedSource(uri, error.code, str(error))


def _unreachable(one: StoredPicture, skipped: SkippedSource) -> UnreachableEntry:
    return UnreachableEntry(one.image_id, skipped.uri, skipped.code, skipped.message)
