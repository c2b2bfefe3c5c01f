"""Edited copies of a picture: made, hashed and embedded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import structlog
from PIL import Image

from indexer.errors import InputError, UnusableOutput
from indexer.generation.edits import PictureEdit
from indexer.hardening.edit_directions import (
    control_pictures,
    mean_direction,
    without_direction,
)
from indexer.images import fingerprints
from indexer.images.fingerprints import PdqOrientations
from indexer.matching.pieces import Pieces
from indexer.matching.query import EncodedQuery
from indexer.model import Encoder, Prepared
from indexer.types import Embeddings, Encoding, Pdq, SpaceTraits

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EditedCopy:
    """An edited copy of a picture."""

    recipe: str
    pdq: Pdq
    encoding: Encoding
    stored: Embeddings
    """Its embedding (d,) without the direction that the edit gives to every picture."""
    query: EncodedQuery
    """The copy as it would be asked about, its whole first frame alone."""


class CopyMaker:
    """Makes, hashes and embeds edited copies; safe to use from several threads.

    Parameters
    ----------
    encoder : Encoder
        The model of the index.
    traits : SpaceTraits
        What comes with it to measure similarities by.
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    edits : sequence of PictureEdit
    """

    def __init__(
        self,
        encoder: Encoder,
        traits: SpaceTraits,
        min_quality: int,
        edits: Sequence[PictureEdit],
    ) -> None:
        self._encoder = encoder
        self._traits = traits
        self._min_quality = min_quality
        self._edits = edits

    @cached_property
    def directions(self) -> dict[str, Embeddings]:
        """The direction (d,) of each edit, by recipe; takes some copies of each to find.

        Raises
        ------
        InputError
            An edit cannot be made of any picture: its pipeline or a package is missing.
        """
        found: dict[str, list[Embeddings]] = {}
        for picture in control_pictures():
            for recipe, _, encoding in self._edited(picture, strict=True):
                found.setdefault(recipe, []).append(encoding.embeddings)
        return {recipe: mean_direction(vectors) for recipe, vectors in found.items()}

    def copies(self, picture: Image.Image) -> list[EditedCopy]:
        """Edit a picture in every way; what cannot be made or embedded is left out.

        Parameters
        ----------
        picture : Image
            RGB.
        """
        return [
            self._copy(recipe, pdq, encoding)
            for recipe, pdq, encoding in self._edited(picture)
            if recipe in self.directions
        ]

    def _edited(
        self, picture: Image.Image, *, strict: bool = False
    ) -> list[tuple[str, PdqOrientations, Encoding]]:
        made: list[tuple[str, PdqOrientations, Prepared]] = []
        for edit in self._edits:
            try:
                rgb = np.asarray(edit.make(picture))
                prepared = self._encoder.prepare(rgb)
            except InputError as error:
                if strict:
                    raise
                log.debug("edit left out", recipe=edit.recipe, reason=str(error))
                continue
            made.append((edit.recipe, fingerprints.pdq_orientations(rgb), prepared))
        encodings = self._encode([prepared for _, _, prepared in made])
        return [
            (recipe, pdq, encoding)
            for (recipe, pdq, _), encoding in zip(made, encodings, strict=True)
            if encoding
        ]

    def _encode(self, prepared: Sequence[Prepared]) -> list[Encoding | None]:
        """Run the model; None for what it has no usable answer for."""
        size = self._encoder.batch_size
        found: list[Encoding | None] = []
        for start in range(0, len(prepared), size):
            batch = prepared[start : start + size]
            try:
                encoding = self._encoder.forward(batch)
            except UnusableOutput as error:
                if len(batch) > 1:
                    found += [one for each in batch for one in self._encode([each])]
                else:
                    log.debug("edited copy not embedded", reason=str(error))
                    found.append(None)
                continue
            found += [encoding.rows(row) for row in range(len(batch))]
        return found

    def _copy(self, recipe: str, pdq: PdqOrientations, encoding: Encoding) -> EditedCopy:
        usable = pdq.bits if pdq.quality >= self._min_quality else pdq.bits[:0]
        pieces = Pieces.of([(None, usable, encoding.embeddings)])
        return EditedCopy(
            recipe,
            Pdq(pdq.bits[0].tobytes(), pdq.quality),
            encoding,
            without_direction(encoding.embeddings, self.directions[recipe]),
            EncodedQuery.of(b"", b"", pieces, self._traits),
        )
