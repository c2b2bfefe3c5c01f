"""Memorisation check: the training picture nearest to each generated one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.embedding_space import find_model, open_encoder
from indexer.generation.training.captioned_pictures import CaptionedPicture
from indexer.images.fingerprints import hamming, pdq_orientations
from indexer.model import Encoder, load_traits
from indexer.settings import Settings
from indexer.thresholds import choose_thresholds
from indexer.types import Embeddings, Evidence, PdqBits, Rgb, Tier, count_comparisons, query_bias

_UNMEASURED: Final = 257  # bits, one more than there are


@dataclass(frozen=True, slots=True)
class NearestPicture:
    """The training picture that a generated one is most likely a copy of."""

    name: str
    similarity: float  # cosine of the embeddings
    distance: int | None  # bits of PDQ, least over eight orientations; None if either is flat
    tier: Tier  # as the index's own search would judge it

    @property
    def near_copy(self) -> bool:
        """Whether it would be found as a copy of the training picture."""
        return self.tier in {Tier.EXACT, Tier.NEAR_DUPLICATE}


class TrainingPictureSearch:
    """Compares pictures with those of a training, by the index's model and thresholds.

    Parameters
    ----------
    pictures : sequence of CaptionedPicture
    settings : Settings
        Name the index, whose model is used; without an index, the shipped one.
    """

    def __init__(self, pictures: Sequence[CaptionedPicture], settings: Settings) -> None:
        reference = find_model(settings)
        self._encoder = open_encoder(reference, settings)
        self._traits = load_traits(reference)
        self._bounds = choose_thresholds(settings, fusion=self._traits.fusion).for_bank(None)
        self._min_quality = settings.pdq_min_quality
        self._names = [each.name for each in pictures]
        own = [each.rgb for each in pictures]
        self._embeddings = _embed(self._encoder, own)
        hashes = [pdq_orientations(each) for each in own]
        self._pdq: PdqBits = np.stack([each.bits[0] for each in hashes])
        self._flat = np.array([each.quality < self._min_quality for each in hashes])

    def nearest(self, pictures: Sequence[Rgb]) -> list[NearestPicture]:
        """Return the nearest training picture of each picture (h, w, 3) uint8."""
        fusion = self._traits.fusion
        embeddings = _embed(self._encoder, pictures)
        cosines = np.clip(embeddings @ self._embeddings.T, -1, 1)
        normalised = cosines - query_bias(embeddings, self._traits.background, fusion.bias)[:, None]
        bits = np.stack([self._distances(each) for each in pictures])
        best = fusion.weigh(normalised, bits).argmax(axis=1)
        found = []
        for row, column in enumerate(best.tolist()):
            distance = int(bits[row, column]) if bits[row, column] < _UNMEASURED else None
            evidence = Evidence(
                same_bytes=False,
                pdq_distance=distance,
                similarity=float(cosines[row, column]),
                contributions=fusion.contributions(float(normalised[row, column]), distance),
            ).among(count_comparisons(len(self._names)))
            tier = self._bounds.judge(evidence).tier
            found.append(
                NearestPicture(self._names[column], float(cosines[row, column]), distance, tier)
            )
        return found

    def _distances(self, rgb: Rgb) -> NDArray[np.int64]:
        """Return the least distance to each training picture, (n,)."""
        hashes = pdq_orientations(rgb)
        if hashes.quality < self._min_quality:
            return np.full(len(self._names), _UNMEASURED)
        least = hamming(hashes.bits, self._pdq).min(axis=0)
        return np.where(self._flat, _UNMEASURED, least)


def _embed(encoder: Encoder, pictures: Sequence[Rgb]) -> Embeddings:
    size = encoder.batch_size
    parts = [
        encoder.embed([encoder.prepare(each) for each in pictures[start : start + size]])
        for start in range(0, len(pictures), size)
    ]
    return np.concatenate(parts)
