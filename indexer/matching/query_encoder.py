"""Query encoding: from what is asked about to the pieces that are compared."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from indexer.errors import DimensionMismatch, InputError, ModelMismatch, NotFoundError
from indexer.matching.classifier import by_label
from indexer.matching.picture_pieces import EncodedPicture, encode_picture
from indexer.matching.pieces import Piece, Pieces, stored_pieces
from indexer.matching.query import (
    EncodedQuery,
    Picture,
    PictureFacts,
    Query,
    StoredImage,
    Vector,
    VerdictT,
)
from indexer.model import Encoder
from indexer.opinions import Opinions
from indexer.runtime.cpu import Cores
from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.types import (
    Embeddings,
    Fingerprint,
    FingerprintKind,
    ImageRecord,
    PartKind,
    Space,
    SpaceTraits,
)

_NO_PDQ = np.empty((0, 32), np.uint8)


class QueryEncoder:
    """Encodes queries; safe to use from several threads.

    Parameters
    ----------
    store : Store
    encoder : Encoder
        The model of the space.
    space : Space
    settings : Settings
    traits : SpaceTraits
        With the background to measure the bias of a query by.
    cores : Cores
        Those of the process.
    opinions : Opinions
        Further classifiers, asked about each picture.
    """

    def __init__(  # noqa: PLR0913 -- what a query is encoded by
        self,
        store: Store,
        encoder: Encoder,
        space: Space,
        settings: Settings,
        traits: SpaceTraits,
        cores: Cores,
        *,
        opinions: Opinions,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings
        self._traits = traits
        self._cores = cores
        self._opinions = opinions

    def encode(
        self, query: Query[VerdictT], settled: Callable[[EncodedQuery], bool]
    ) -> EncodedQuery:
        """Decode, hash and embed a query, or read it from the catalog.

        Parameters
        ----------
        query : Query
        settled : callable
            Given a picture's whole first frame, says whether its parts need not be asked about.

        Raises
        ------
        InputError
            The picture cannot be read or is too large, or the vector has no direction.
        ModelMismatch, DimensionMismatch
            The vector is of another model, or not as long as the embeddings of the index.
        NotFoundError
            No active image has this id, or it has no embedding in the space of this index.
        """
        match query.subject:
            case Picture():
                return self._encode_picture(query.subject, settled)
            case Vector():
                return self._encode_vector(query.subject)
            case Fingerprint():
                return self._encode_fingerprint(query.subject)
            case StoredImage():
                with self._store.reader() as catalog:
                    return self.read_image(catalog, query.subject)

    def read_image(self, catalog: Catalog, image: StoredImage) -> EncodedQuery:
        """Return a stored image as a query.

        Raises
        ------
        NotFoundError
            No active image has this id, or it has no embedding in the space of this index.
        """
        image_id = image.image_id
        found = catalog.images.get_many([image_id], self._space.id, with_embedding=True)
        record = found.get(image_id)
        pieces = _asking_pieces(record, self._settings.pdq_min_quality) if record else []
        if record is None or not pieces:
            raise NotFoundError(
                f"No image {image_id} is in the index. `lookalike index list` shows the ids."
            )
        facts = PictureFacts(record.probabilities, record.pdq.bits.hex(), record.pdq.quality)
        asked = EncodedQuery.of(record.sha256, record.md5, Pieces.of(pieces), self._traits)
        return replace(asked, facts=facts, record=record, size=(record.width, record.height))

    def _encode_picture(
        self, picture: Picture, settled: Callable[[EncodedQuery], bool]
    ) -> EncodedQuery:
        whole: EncodedQuery | None = None

        def ask_first(first: EncodedPicture) -> bool:
            nonlocal whole
            whole = self._asked(first)
            return settled(whole)

        encoded = encode_picture(
            picture.data,
            self._encoder,
            self._opinions,
            self._settings,
            self._cores,
            tiled=picture.tiles,
            settled=ask_first,
        )
        return whole if whole and encoded.is_first_step else self._asked(encoded, whole)

    def _asked(self, encoded: EncodedPicture, whole: EncodedQuery | None = None) -> EncodedQuery:
        """Return an encoded picture as a query; `whole` is its whole first frame as one."""
        probabilities = by_label(self._space.labels, encoded.probabilities)
        facts = PictureFacts(
            probabilities,
            encoded.pdq.bits[0].tobytes().hex(),
            encoded.pdq.quality,
            tuple(encoded.opinions),
            self._opinions.disagree(probabilities, encoded.opinions),
        )
        known = whole.bias if whole else None
        asked = EncodedQuery.of(encoded.sha256, encoded.md5, encoded.pieces, self._traits, known)
        return replace(
            asked,
            facts=facts,
            pixels=encoded.pixels,
            part_pixels=encoded.part_pixels,
            is_first_step=encoded.is_first_step,
            size=encoded.size,
            semantic=encoded.semantic,
        )

    def _encode_vector(self, vector: Vector) -> EncodedQuery:
        if vector.model != self._space.fingerprint:
            raise ModelMismatch(expected=self._space.fingerprint, got=vector.model)
        if len(vector.values) != self._space.dimension:
            raise DimensionMismatch(expected=self._space.dimension, got=len(vector.values))
        pieces = Pieces.of([(None, _NO_PDQ, _normalise(vector.values))])
        return EncodedQuery.of(b"", b"", pieces, self._traits)

    def _encode_fingerprint(self, fingerprint: Fingerprint) -> EncodedQuery:
        kind, value = fingerprint.kind, fingerprint.value
        is_pdq = kind is FingerprintKind.PDQ
        bits = np.frombuffer(value, np.uint8)[np.newaxis] if is_pdq else _NO_PDQ
        pieces = Pieces(
            parts=(None,),
            embeddings=np.empty((0, self._space.dimension), np.float32),
            pdq=bits,
            pdq_owner=np.zeros(len(bits), np.int64),
        )
        return EncodedQuery.of(
            sha256=value if kind is FingerprintKind.SHA256 else b"",
            md5=value if kind is FingerprintKind.MD5 else b"",
            pieces=pieces,
            traits=self._traits,
        )


def _asking_pieces(record: ImageRecord, min_quality: int) -> list[Piece]:
    """Return the pieces of a stored image that ask: variants are only there to be found."""
    return [
        piece
        for piece in stored_pieces(record, min_quality)
        if piece[0] is None or piece[0].kind is not PartKind.VARIANT
    ]


def _normalise(values: Sequence[float]) -> Embeddings:
    """Return a vector at unit length, (d,) float32."""
    given = np.asarray(values, np.float64)
    largest = np.abs(given).max(initial=0)
    if not np.isfinite(largest) or largest == 0:
        raise InputError(
            "The vector is invalid: every number must be finite, and not all 0. Send it as "
            "POST /v1/embed returns it."
        )
    scaled = given / largest  # first: squares of very large or small numbers are 0 or infinite
    unit: Embeddings = (scaled / np.linalg.norm(scaled)).astype(np.float32)
    return unit
