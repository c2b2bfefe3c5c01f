"""Estimate of a run's time and disk space."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np

from indexer.embedding_space import load_bound_encoder
from indexer.errors import InputError
from indexer.ingest.encoding import PictureEncoder, PreparedPicture
from indexer.ingest.throughput import load_throughput
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Store

_FORWARDS: Final = 3  # timed passes over noise
_TELLING: Final = 1000  # images from which the database's own size shows what one takes
_ROW_BYTES: Final = 1_900
"""What a vector takes in the database besides its values: rows of images, sources, probabilities
and the log, indexes and unused space. Measured on SQLite with 600 photos and 1,792 values each."""
_KEY_BYTES: Final = 8  # of a view, a vector
_PDQ_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost."""

    images: int = 0
    """Pictures that would go through the model."""
    vectors: int = 0
    """Embeddings of them, with those of their parts estimated from a sample."""
    seconds: float | None = None
    """How long it would take; null when there is nothing to measure."""
    basis: str | None = None
    """What the time is taken from: last_run or sample."""
    database_bytes: int = 0
    """By how much the database would grow."""
    view_bytes: int = 0
    """By how much the views would grow, on disk and in memory alike."""


class Estimator:
    """Estimates from the last run on this machine, or from a short measurement.

    The measurement decodes a few of the pictures and times the model on noise.
    """

    def __init__(self, store: Store, settings: Settings, *, tiled: bool) -> None:
        self._store = store
        self._settings = settings
        self._tiled = tiled

    def estimate(self, images: int, sample: Sequence[bytes]) -> Estimate:
        """Estimate what it costs to add pictures.

        Parameters
        ----------
        images : int
            How many.
        sample : sequence of bytes
            The files of some of them.
        """
        if not sample:
            return Estimate()
        encoder, space = load_bound_encoder(self._store, self._settings)
        pictures, decoding = self._decode(encoder, sample)
        if not pictures:
            return Estimate(images)
        per_image = 1 + sum(len(picture.parts) for picture in pictures) / len(pictures)
        vectors = round(images * per_image)
        threads = self._settings.worker_threads
        throughput = load_throughput(self._settings.home, space=space.fingerprint, threads=threads)
        if throughput and not self._tiled:
            seconds, basis = images * throughput.seconds_per_image, "last_run"
        else:
            encoding = _time_forward(encoder) * per_image
            if encoder.batch_size == 1:  # on a GPU it is beside the threads
                seconds = images * (decoding + encoding) / threads
            else:
                seconds = images * max(decoding / threads, encoding)
            basis = "sample"
        return Estimate(
            images=images,
            vectors=vectors,
            seconds=round(seconds, 1),
            basis=basis,
            database_bytes=round(vectors * self._row_bytes(space.dimension)),
            view_bytes=vectors * (4 * space.dimension + _PDQ_BYTES + 2 * _KEY_BYTES),
        )

    def _decode(
        self, encoder: Encoder, sample: Sequence[bytes]
    ) -> tuple[list[PreparedPicture], float]:
        """Return the pictures that can be decoded, and the seconds that one took."""
        picture_encoder = PictureEncoder(encoder, self._settings, tiled=self._tiled)
        pictures = []
        begun = perf_counter()
        for data in sample:
            try:
                pictures.append(picture_encoder.prepare(data, b""))
            except InputError:
                continue  # the run will say why; here it only costs its time
        return pictures, (perf_counter() - begun) / len(sample)

    def _row_bytes(self, dimension: int) -> float:
        """Return what a vector takes in the database."""
        with self._store.reader() as catalog:
            counts = catalog.gauges.counts()
        if counts.images < _TELLING:
            return 4 * dimension + _ROW_BYTES
        return self._store.maintenance.size() / (counts.images + counts.parts)


def _time_forward(encoder: Encoder) -> float:
    """Return the seconds that the model takes for one picture: noise, so that it sees none."""
    shape = (encoder.batch_size, *encoder.card.input_size)
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    encoder.forward(noise)  # the first pass makes ready
    begun = perf_counter()
    for _ in range(_FORWARDS):
        encoder.forward(noise)
    return (perf_counter() - begun) / _FORWARDS / encoder.batch_size
