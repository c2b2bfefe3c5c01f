"""Which images a command means: ids, file paths or SHA-256."""

import re
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import NotFoundError
from indexer.store import Catalog

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def find_images(catalog: Catalog, targets: Sequence[str]) -> list[int]:
    """Return the ids of the images that `targets` name, sorted.

    Raises
    ------
    NotFoundError
        A target names no active image; nothing is returned for the others then.
    """
    by_hash = catalog.ids_by_sha256([bytes.fromhex(t) for t in targets if _SHA256.fullmatch(t)])
    by_uri = catalog.known_sources([uri for t in targets for uri in (t, str(Path(t).absolute()))])
    active = catalog.images([int(t) for t in targets if t.isdecimal()])
    found = set()
    for target in targets:
        source = by_uri.get(target) or by_uri.get(str(Path(target).absolute()))
        if _SHA256.fullmatch(target):
            image_id = by_hash.get(bytes.fromhex(target))
        elif target.isdecimal():
            image_id = int(target) if int(target) in active else None
        else:
            image_id = source.image_id if source else None
        if image_id is None:
            raise NotFoundError(
                f"The index holds no image {target!r}. `lookalike index list` shows what it holds."
            )
        found.add(image_id)
    return sorted(found)
