"""Embedding signals, in the space of the index."""

import base64
import binascii
from typing import Final, cast

import numpy as np

from indexer.errors import InvalidFingerprint
from indexer.signals.hashed_picture import HashedPicture
from indexer.signals.signal_type import Near, Place, SignalType
from indexer.types import Embeddings, Evidence, ImageRecord, Space, count_comparisons
from indexer.vector_views import Views
from indexer.vectors.results import SimilarityRangeHits

_FLOAT: Final = np.dtype("<f4")
_OTHER_ALPHABET: Final = str.maketrans("+/", "-_")


class EmbeddingType(SignalType[Embeddings]):
    """An embedding as URL-safe base64 of its numbers, float32 little-endian, without padding.

    The name says the space, so that signals of two models never meet. A value is (d,) float32 of
    unit length. The distance is 1 minus the cosine similarity.

    It is made, looked up and shown only where it is named: consoles put every signal into reports
    to authorities, and take whatever matches one for a match of hashes, which a lookalike is not.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(f"embedding-{space.fingerprint[:12]}", None, on_request=True)
        self._dimension = space.dimension

    def write(self, value: Embeddings) -> str:
        """Return an embedding as text."""
        return base64.urlsafe_b64encode(value.astype(_FLOAT).tobytes()).decode().rstrip("=")

    def parse(self, text: str) -> Embeddings | None:
        """Read an embedding in either alphabet of base64, padded or not; see `SignalType`."""
        if not text:
            return None
        text = text.rstrip("=").translate(_OTHER_ALPHABET)
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if len(data) != self._dimension * _FLOAT.itemsize:
            raise InvalidFingerprint(
                f"The {self.name} signal is invalid: send base64 of {self._dimension} "
                "float32 numbers, little-endian."
            )
        vector = np.frombuffer(data, _FLOAT).astype(np.float64)
        length = np.linalg.norm(vector)
        if not np.isfinite(length) or length == 0:
            raise InvalidFingerprint("The signal's numbers must be finite, and not all 0.")
        return (vector / length).astype(np.float32)

    def of_picture(self, picture: HashedPicture) -> Embeddings:
        """Return the embedding of a picture, which costs a forward pass."""
        return picture.embedding

    def of_image(self, record: ImageRecord) -> Embeddings | None:
        """Return the embedding of a stored image, if its record was read with it."""
        return record.embedding

    def near(self, value: Embeddings, place: Place) -> Near:
        """Find the images within the widest bound; a bare fingerprint has no embedding."""
        bounds = [place.thresholds.for_bank(bank) for bank in place.banks]
        fusion, index = place.thresholds.fusion, place.views.embeddings.index
        least = min(each.lookalike.value for each in bounds)
        reach = fusion.least_similarity(least, count_comparisons(len(index))) + fusion.bias
        if reach > 1:
            return Near()
        found = index.range_search(value[np.newaxis], reach, exact=True)
        hits = cast("SimilarityRangeHits", found)
        return Near(
            images={
                key: 1 - similarity
                for key, similarity in zip(
                    hits.keys.tolist(), hits.similarities.tolist(), strict=True
                )
            }
        )

    def distance(self, left: Embeddings, right: Embeddings) -> float:
        """Return 1 minus the cosine similarity."""
        return 1 - float(np.clip(left @ right, -1, 1))

    def evidence(self, distance: float, place: Place) -> Evidence:
        """Return the evidence of a similarity, its query's bias taken as the usual one."""
        evidence = Evidence.by_embedding(1 - distance, place.thresholds.fusion)
        return evidence.among(count_comparisons(len(place.views.embeddings.index)))

    def watermark(self, views: Views, head: int) -> int:  # noqa: ARG002 -- the view tells
        """Return what the view has applied."""
        return views.embeddings.watermark

    def show(self, distance: float) -> str:
        """Return a distance as a decimal number."""
        return f"{self.number(distance):.6f}"

    def number(self, distance: float) -> float:
        """Return a distance, not below 0 whatever was rounded away."""
        return max(0.0, round(distance, 6))
