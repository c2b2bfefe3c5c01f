"""Files in quarantine, found again to be retried."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from indexer.errors import NotFoundError
from indexer.settings import Settings
from indexer.sources import Found, is_row, open_known
from indexer.store import QuarantinedFile, Store
from indexer.types import SkippedSource

_PAGE: Final = 1000


def quarantined_files(
    store: Store, *, code: str | None = None, among: Collection[str] = ()
) -> list[QuarantinedFile]:
    """Return what is in quarantine, by URI: all, or with a code, or only the URIs of `among`.

    Raises
    ------
    NotFoundError
        None of `among` is there.
    """
    files: list[QuarantinedFile] = []
    after = ""
    while True:
        with store.reader() as catalog:
            page = catalog.quarantine.page(code=code, after_uri=after, limit=_PAGE)
        if not page:
            break
        files += [file for file in page if not among or file.uri in among]
        after = page[-1].uri
    if among and not files:
        raise NotFoundError(
            "None of these files is in quarantine. `lookalike index quarantine list` shows what is."
        )
    return files


def open_again(files: Iterable[QuarantinedFile], settings: Settings) -> Iterator[Found]:
    """Find quarantined files for `Ingest.run`; what is gone comes with that as its reason.

    An archive is read once for all its members that are wanted. A manifest's row is no file, and
    comes with the reason that it has, which says to add the manifest again.
    """
    uris = []
    for file in files:
        if is_row(file.uri):
            yield SkippedSource(file.uri, file.code, file.reason)
        else:
            uris.append(file.uri)
    yield from open_known(uris, settings)
