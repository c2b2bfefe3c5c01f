"""Background set of a calibration: innocent pictures of the gallery, and references."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import numpy as np

from indexer.settings import Settings
from indexer.store import Catalog
from indexer.thresholds.calibration import Sample
from indexer.thresholds.pairwise_scores import CopyRule
from indexer.thresholds.picture_matrix import NO_ID, Pictures, number_sources
from indexer.types import Keys, Signal, Space

SEED: Final = 0  # the same pictures are taken each time


class Sampler:
    """Takes pictures out of the catalog, at random but the same each time.

    Parameters
    ----------
    catalog : Catalog
    space : Space
    settings : Settings
    bank : str or None
        The bank whose entries are the references; without one the gallery's images are.
    most : int
        Innocent pictures and references taken at most, of either.
    """

    def __init__(
        self, catalog: Catalog, space: Space, settings: Settings, bank: str | None, most: int
    ) -> None:
        self._catalog = catalog
        self._space = space
        self._settings = settings
        self._bank = bank
        self._most = most

    def of_gallery(self, signal: Signal, copies: CopyRule) -> Sample:
        """Take the gallery's images that no block bank holds as innocent.

        They are compared with the entries of the bank, or with each other. Pairs that another
        signal takes for copies are left out: a gallery holds copies, and those are no false
        positives.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        return Sample(
            queries=self._innocent,
            references=self._entries(self._bank, signal) if self._bank else self._innocent,
            background="images of the gallery that no block bank holds",
            copies=copies,
        )

    def of_background(self, background: Pictures, name: str, signal: Signal) -> Sample:
        """Take pictures from elsewhere as innocent, as whoever gave them says.

        They are compared with the entries of the bank, or with the gallery.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        return Sample(
            queries=background,
            references=self._entries(self._bank, signal) if self._bank else self._gallery,
            background=name,
            copies=None,
        )

    def _entries(self, bank: str, signal: Signal) -> Pictures:
        """Return the entries of a bank that count now, bare fingerprints for PDQ alone."""
        at = datetime.now(UTC)
        images = self._pictures(self._catalog.entries.image_ids([bank], at))
        if signal is not Signal.PDQ:
            return images
        chosen = self._choose(self._catalog.entries.fingerprint_ids([bank], at)).tolist()
        bare = self._catalog.entries.in_force(chosen, at).values()
        bits = b"".join(entry.fingerprint.value for entry in bare if entry.fingerprint)
        unknown = np.zeros((len(bare), self._space.dimension), np.float32)
        return Pictures(
            ids=np.concatenate([images.ids, np.full(len(bare), NO_ID)]),
            names=[*images.names, *(f"entry {entry.id}" for entry in bare)],
            embeddings=np.concatenate([images.embeddings, unknown]),
            pdq=np.concatenate([images.pdq, np.frombuffer(bits, np.uint8).reshape(-1, 1, 32)]),
            hashable=np.concatenate([images.hashable, np.ones(len(bare), np.bool_)]),
        )

    @cached_property
    def _innocent(self) -> Pictures:
        return self._pictures(self._catalog.samples.innocent_ids())

    @cached_property
    def _gallery(self) -> Pictures:
        return self._pictures(self._catalog.images.ids())

    def _pictures(self, ids: Keys) -> Pictures:
        """Read some of the images of these ids."""
        return stored_pictures(self._catalog, self._choose(ids), self._space, self._settings)

    def _choose(self, ids: Keys) -> Keys:
        """Choose some of the ids, (n,) int64, ascending."""
        if len(ids) <= self._most:
            return ids
        random = np.random.default_rng(SEED)
        return np.sort(random.choice(ids, self._most, replace=False, shuffle=False))


def stored_pictures(catalog: Catalog, ids: Keys, space: Space, settings: Settings) -> Pictures:
    """Read images as they are compared; those without an embedding in the space are left out."""
    vectors = catalog.samples.picture_vectors(ids.tolist(), space)
    sources = catalog.samples.source_names(ids.tolist())
    return Pictures(
        ids=vectors.ids,
        names=[f"image {image_id}" for image_id in vectors.ids],
        embeddings=vectors.embeddings,
        pdq=vectors.pdq[:, np.newaxis],
        hashable=vectors.pdq_quality >= settings.pdq_min_quality,
        sources=number_sources([sources.get(image_id, "") for image_id in vectors.ids.tolist()]),
    )
