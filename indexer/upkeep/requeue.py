"""Finding the files in quarantine once more."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from indexer.errors import NotFoundError, UnreadableSource
from indexer.settings import Settings
from indexer.sources import Found, SkippedSource, container_of, open_sources
from indexer.store import Store

_PAGE: Final = 1000


def quarantined_uris(
    store: Store, *, code: str | None = None, among: Collection[str] = ()
) -> list[str]:
    """Return the URIs in quarantine, sorted: all, or those with a code, or only some of `among`.

    Raises
    ------
    NotFoundError
        None of `among` is there.
    """
    uris: list[str] = []
    after = ""
    while True:
        with store.reader() as catalog:
            page = catalog.quarantined(code=code, after_uri=after, limit=_PAGE)
        if not page:
            break
        uris += [file.uri for file in page if not among or file.uri in among]
        after = page[-1].uri
    if among and not uris:
        raise NotFoundError(
            "None of these files is in quarantine. `lookalike index quarantine list` shows what is."
        )
    return uris


def open_again(uris: Iterable[str], settings: Settings) -> Iterator[Found]:
    """Find quarantined files for `Ingest.run`; what is gone comes with that as its reason.

    An archive is read once for all its members that are wanted.
    """
    places: dict[str, set[str]] = {}
    for uri in uris:
        places.setdefault(container_of(uri), set()).add(uri)
    for place, wanted in places.items():
        missing = set(wanted)
        try:
            for found in open_sources([place], settings):
                uri = found.uri if isinstance(found, SkippedSource) else found.stamp.uri
                if uri in missing:
                    missing.discard(uri)
                    yield found
        except UnreadableSource as error:
            yield from (SkippedSource(uri, error.code, str(error)) for uri in sorted(missing))
