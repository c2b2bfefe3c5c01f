"""Query arguments of `decision`: a file, or its SHA-256."""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import InputError
from indexer.images import fingerprints
from indexer.images.decode import decode
from indexer.ingest import open_ingest
from indexer.settings import Settings
from indexer.sources import open_sources, read
from indexer.store import Store
from indexer.types import Pdq

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query by its bytes, as far as they are at hand."""

    sha256: bytes
    pdq: Pdq | None  # None when only the digest is known
    file: Path | None


def identify(store: Store, settings: Settings, query: str) -> Asked:
    """Hash the query's file; of a bare SHA-256 the index may know the PDQ.

    Raises
    ------
    InputError
        The file cannot be read or decoded.
    """
    digest = digest_of(query, settings)
    if not _is_digest(query):
        file = Path(query)
        picture = decode(read(file, settings.max_image_bytes), settings.image_limits)
        return Asked(digest, fingerprints.pdq(picture.rgb), file)
    with store.reader() as catalog:
        records = catalog.images.get_many(catalog.images.ids_by_sha256([digest]).values())
    return Asked(digest, next((record.pdq for record in records.values()), None), None)


def digest_of(query: str, settings: Settings) -> bytes:
    """Return the SHA-256 that a query is, or that of its file, 32 bytes.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    if _is_digest(query):
        return bytes.fromhex(query)
    return fingerprints.sha256(read(Path(query), settings.max_image_bytes))


def index_file(store: Store, settings: Settings, file: Path, bank: str) -> None:
    """Add one file to the index, so that it can join a bank.

    Raises
    ------
    InputError
        The file cannot be indexed.
    NotFoundError
        There is no such bank.
    """
    with store.reader() as catalog:
        catalog.banks.get(bank)  # first: a wrong name is told before the model loads
    report = open_ingest(store, settings).run(open_sources([str(file)], settings))
    for item in report.skipped:
        raise InputError(f"{item.uri} cannot join bank {bank}: {item.message} ({item.code})")


def _is_digest(query: str) -> bool:
    """Tell whether it is a SHA-256 rather than a file, whose name could look like one."""
    return bool(_SHA256.fullmatch(query)) and not Path(query).exists()
