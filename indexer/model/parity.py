"""Parity of two runtimes on one model."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.model.encoder import Encoder
from indexer.types import Rgb

MAX_PROBABILITY_DIFFERENCE: Final = 1e-3
MIN_COSINE: Final = 0.9999
_PICTURES: Final = 8
_SIZE: Final = (240, 320)  # height, width


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the answers to the same pictures lie apart."""

    pictures: int
    probability_difference: float  # the largest of any class
    cosine: float  # the least of two embeddings of one picture, semantic ones included

    @property
    def holds(self) -> bool:
        """Whether both runtimes make one and the same embedding space, in float32."""
        return (
            self.probability_difference <= MAX_PROBABILITY_DIFFERENCE and self.cosine >= MIN_COSINE
        )


def compare(original: Encoder, candidate: Encoder) -> Parity:
    """Encode sample pictures with both, one at a time as on a CPU.

    Raises
    ------
    UnusableOutput
        One of them gives no finite answer.
    """
    difference, cosine = 0.0, 1.0
    for picture in sample_pictures():
        expected, got = (encoder.encode([picture]) for encoder in (original, candidate))
        apart = np.abs(expected.probabilities - got.probabilities)
        difference = max(difference, float(apart.max(initial=0)))
        cosine = min(cosine, float((expected.embeddings * got.embeddings).sum()))
        if expected.semantics and got.semantics:
            alike = (expected.semantics.vectors * got.semantics.vectors).sum()
            cosine = min(cosine, float(alike))
    return Parity(_PICTURES, difference, cosine)


def sample_pictures() -> list[Rgb]:
    """Make pictures with the statistics of photos, the same at every call.

    Amplitudes fall with the frequency, as they do in nature, and the colours go together; what
    differs is the phase, the brightness and the contrast.
    """
    random = np.random.default_rng(0)
    height, width = _SIZE
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    pictures = []
    for _ in range(_PICTURES):
        noise = random.standard_normal((3, height, width))
        noise[1:] += 2 * noise[0]
        planes = np.fft.irfft2(np.fft.rfft2(noise) / frequency, _SIZE)
        planes *= random.uniform(30, 70) / planes.std(axis=(1, 2), keepdims=True)
        planes += random.uniform(80, 170, (3, 1, 1))
        pictures.append(np.clip(planes, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    return pictures
