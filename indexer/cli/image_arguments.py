"""Image arguments: ids, file paths or SHA-256."""

import re
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import NotFoundError
from indexer.store import Catalog, RemovalQuery

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def find_images(catalog: Catalog, targets: Sequence[str], *, removed: bool = False) -> list[int]:
    """Return the ids of the images that `targets` name, sorted.

    Parameters
    ----------
    catalog : Catalog
    targets : sequence of str
    removed : bool
        Whether removed images that are not purged are meant, too.

    Raises
    ------
    NotFoundError
        A target names no image; nothing is returned for the others then.
    """
    found: set[int] = set()
    for target in targets:
        ids = catalog.images.find(_query(target, removed=removed))
        if not ids:
            raise NotFoundError(
                f"The index holds no image {target!r}. `lookalike index list` shows what it holds."
            )
        found.update(ids)
    return sorted(found)


def _query(target: str, *, removed: bool) -> RemovalQuery:
    if _SHA256.fullmatch(target):
        return RemovalQuery(sha256=(bytes.fromhex(target),), removed=removed)
    if target.isdecimal():
        return RemovalQuery(ids=(int(target),), removed=removed)
    return RemovalQuery(uris=(target, str(Path(target).absolute())), removed=removed)
