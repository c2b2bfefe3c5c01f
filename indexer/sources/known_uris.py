"""Known URIs, found again: files, objects and members of archives, by the names that we store."""

from collections.abc import Iterable, Iterator

from indexer.errors import UnreadableSource
from indexer.settings import Settings
from indexer.sources.base import Found
from indexer.sources.names import container_of, quoted
from indexer.sources.source_arguments import open_sources
from indexer.types import SkippedSource


def open_known(uris: Iterable[str], settings: Settings) -> Iterator[Found]:
    """Find sources by the URIs under which the index knows them.

    An archive is read once for all its members that are wanted.

    Yields
    ------
    SourceItem or SkippedSource
        One for each URI; what is gone comes with that as its reason.
    """
    places: dict[str, set[str]] = {}
    for uri in uris:
        places.setdefault(container_of(uri), set()).add(uri)
    for place, missing in places.items():
        reason, code = f"It is not in {quoted(place)} any more.", UnreadableSource.code
        try:
            for found in open_sources([place], settings):
                uri = found.uri if isinstance(found, SkippedSource) else found.stamp.uri
                if uri in missing:
                    missing.discard(uri)
                    yield found
                if not missing:
                    break  # the rest of an archive need not be read
        except UnreadableSource as error:
            reason, code = str(error), error.code
        yield from (SkippedSource(uri, code, reason) for uri in sorted(missing))
