"""Digest signals (SHA-256, MD5): equal bytes match, and nothing else."""

from typing import Final

from indexer.errors import EmptyFingerprint
from indexer.images import fingerprints
from indexer.signals.hashed_picture import HashedPicture
from indexer.signals.signal_type import Near, Place, SignalType
from indexer.types import Evidence, Fingerprint, FingerprintKind, ImageRecord
from indexer.vector_views import Views

_SAME: Final = 0.0


class DigestType(SignalType[bytes]):
    """SHA-256 or MD5, hexadecimal.

    Parameters
    ----------
    name : str
    kind : FingerprintKind
    """

    def __init__(self, name: str, kind: FingerprintKind) -> None:
        super().__init__(name, kind)
        self._kind = kind

    def write(self, value: bytes) -> str:
        """Return a digest as text."""
        return value.hex()

    def parse(self, text: str) -> bytes | None:
        """Read a digest; see `SignalType`."""
        if not text:
            return None
        try:
            return fingerprints.parse_fingerprint(self._kind, text).value
        except EmptyFingerprint:
            return None

    def of_picture(self, picture: HashedPicture) -> bytes:
        """Return the digest of a picture's file."""
        return picture.sha256 if self._kind is FingerprintKind.SHA256 else picture.md5

    def of_image(self, record: ImageRecord) -> bytes:
        """Return the digest of a stored image's file."""
        return record.sha256 if self._kind is FingerprintKind.SHA256 else record.md5

    def near(self, value: bytes, place: Place) -> Near:
        """Find what has this digest: the catalog knows, no view is asked."""
        found = place.catalog.contents.entries_by_digest(Fingerprint(self._kind, value))
        return Near(entries={entry.entry_id: _SAME for entry in found})

    def distance(self, left: bytes, right: bytes) -> float:
        """Return 0 for the same digest, else 1."""
        return float(left != right)

    def evidence(self, distance: float, place: Place) -> Evidence:  # noqa: ARG002 -- equal or not
        """Return the evidence of the same bytes, or of nothing."""
        return Evidence(same_bytes=distance == _SAME, pdq_distance=None, similarity=None)

    def watermark(self, views: Views, head: int) -> int:  # noqa: ARG002 -- no view is asked
        """Return the last change of all."""
        return head
