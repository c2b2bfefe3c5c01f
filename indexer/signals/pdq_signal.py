"""PDQ signals."""

from collections.abc import Mapping
from typing import Final, cast

import numpy as np

from indexer.errors import EmptyFingerprint
from indexer.images.fingerprints import hamming, parse_fingerprint
from indexer.signals.hashed_picture import HashedPicture
from indexer.signals.signal_type import Near, Place, SignalType
from indexer.types import Evidence, FingerprintKind, ImageRecord, PdqBits
from indexer.vector_views import Views
from indexer.vectors import VectorView
from indexer.vectors.results import DistanceRangeHits

_ROWS: Final = (-1, 32)  # bytes of a hash


class PdqType(SignalType[PdqBits]):
    """PDQ, 64 hexadecimal digits; a value is (n, 32) uint8, one row for each orientation.

    Parameters
    ----------
    min_quality : int
        Below which a stored image is too flat to have one, 0 to 100.
    """

    def __init__(self, min_quality: int) -> None:
        super().__init__("pdq", FingerprintKind.PDQ)
        self._min_quality = min_quality

    def write(self, value: PdqBits) -> str:
        """Return the hash of the picture as it is."""
        text: str = value[0].tobytes().hex()
        return text

    def parse(self, text: str) -> PdqBits | None:
        """Read a hash; see `SignalType`."""
        if not text:
            return None
        try:
            bits = parse_fingerprint(FingerprintKind.PDQ, text).value
        except EmptyFingerprint:
            return None
        return np.frombuffer(bits, np.uint8).reshape(_ROWS)

    def of_picture(self, picture: HashedPicture) -> PdqBits | None:
        """Return the hashes of a picture in eight orientations; None if it is too flat."""
        return picture.pdq.bits if picture.pdq else None

    def of_image(self, record: ImageRecord) -> PdqBits | None:
        """Return the hash of a stored image; None if it is too flat."""
        if record.pdq.quality < self._min_quality:
            return None
        return np.frombuffer(record.pdq.bits, np.uint8).reshape(_ROWS)

    def near(self, value: PdqBits, place: Place) -> Near:
        """Find all within the widest bound."""
        reach = max(place.thresholds.for_bank(bank).pdq.value for bank in place.banks)
        return Near(
            images=_within(place.views.pdqs, value, reach),
            entries=_within(place.views.entries, value, reach),
        )

    def distance(self, left: PdqBits, right: PdqBits) -> float:
        """Count the bits in which the nearest orientations differ."""
        return float(hamming(left, right).min())

    def evidence(self, distance: float, place: Place) -> Evidence:  # noqa: ARG002 -- bits say all
        """Return the evidence of a distance in bits."""
        return Evidence(same_bytes=False, pdq_distance=int(distance), similarity=None)

    def watermark(self, views: Views, head: int) -> int:  # noqa: ARG002 -- the views tell
        """Return what both views have applied."""
        return min(views.pdqs.watermark, views.entries.watermark)


def _within(view: VectorView, value: PdqBits, reach: float) -> Mapping[int, float]:
    """Return the least distance of each key within reach."""
    hits = cast("DistanceRangeHits", view.index.range_search(value, reach, exact=True))
    nearest: dict[int, float] = {}
    for key, distance in zip(hits.keys.tolist(), hits.distances.tolist(), strict=True):
        nearest[key] = min(distance, nearest.get(key, distance))
    return nearest
