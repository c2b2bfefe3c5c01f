"""Pictures of a report: small, grey and blurred."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from indexer.errors import LookalikeError
from indexer.images.decode import decoded
from indexer.images.veils import GREY_SIDE, blurred_grey
from indexer.settings import ImageLimits
from indexer.store import Catalog
from indexer.verification import read_thumbnail

_QUALITY: Final = 60  # of JPEG: 2 KB a picture


def obscure(picture: Image.Image) -> bytes:
    """Make the copy of a picture that a report may hold: grey, small, blurred, without metadata."""
    buffer = BytesIO()
    blurred_grey(picture).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


class Obscurer:
    """Makes the pictures of a report from stored thumbnails, or from source files."""

    def __init__(self, catalog: Catalog, limits: ImageLimits) -> None:
        self._catalog = catalog
        self._limits = limits

    def pictures(self, sources: Mapping[int, str | None]) -> dict[int, str]:
        """Return pictures as data URIs, by image id; not every image gives one.

        A source is read where it is a file of this machine that still has the image's very bytes.

        Parameters
        ----------
        sources : mapping of int to str
            The images that are wanted, and where each was found.
        """
        stored = self._catalog.thumbnails.get_many(sources)
        missing = {i: uri for i, uri in sources.items() if uri and i not in stored}
        found = {i: obscure(Image.fromarray(read_thumbnail(jpeg))) for i, jpeg in stored.items()}
        for image_id, digest in self._catalog.images.sha256_of(missing).items():
            read = self._read(missing[image_id], digest)
            if read is not None:
                found[image_id] = read
        return {i: _data_uri(found[i]) for i in sorted(found)}

    def _read(self, source: str, digest: bytes) -> bytes | None:
        path = Path(source)
        try:
            if not path.is_absolute() or path.stat().st_size > self._limits.max_bytes:
                return None
            data = path.read_bytes()
            if sha256(data).digest() != digest:
                return None  # another picture lies there now
            with decoded(data, self._limits, at_least=(GREY_SIDE, GREY_SIDE)) as picture:
                return obscure(Image.fromarray(picture.rgb))
        except (OSError, ValueError, LookalikeError):
            return None


def wanted(groups: Iterable[Iterable[int]], most: int) -> list[int]:
    """Return the first images of all groups, each once, as many as may be shown."""
    chosen: dict[int, None] = {}
    for group in groups:
        chosen.update(dict.fromkeys(group))
        if len(chosen) >= most:
            break
    return list(chosen)[:most]


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
