"""Hashed picture: one from which signals are made, each when it is asked for."""

from functools import cached_property

from indexer.embedding_space import decode_size
from indexer.images import fingerprints
from indexer.images.decode import decoded
from indexer.images.fingerprints import PdqOrientations
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.types import Embeddings


class HashedPicture:
    """The whole first frame of a picture, decoded once.

    Parameters
    ----------
    data : bytes
        The file.
    encoder : Encoder
    settings : Settings

    Raises
    ------
    EmptyImage, ImageTooLarge, UnreadableImage
        It is no picture that we can use.
    """

    def __init__(self, data: bytes, encoder: Encoder, settings: Settings) -> None:
        self._data = data
        self._encoder = encoder
        self._min_quality = settings.pdq_min_quality
        with decoded(data, settings.image_limits, at_least=decode_size(encoder)) as picture:
            self._pdq = fingerprints.pdq_orientations(picture.rgb)
            self._prepared = encoder.prepare(picture.rgb)

    @cached_property
    def sha256(self) -> bytes:
        """The digest of the file, 32 bytes."""
        return fingerprints.sha256(self._data)

    @cached_property
    def md5(self) -> bytes:
        """The digest of the file, 16 bytes."""
        return fingerprints.md5(self._data)

    @cached_property
    def pdq(self) -> PdqOrientations | None:
        """The PDQ in eight orientations; None of a picture too flat to hash."""
        return self._pdq if self._pdq.quality >= self._min_quality else None

    @cached_property
    def embedding(self) -> Embeddings:
        """The embedding, (d,) float32 of unit length; costs a forward pass.

        Raises
        ------
        UnusableOutput
            The model has no usable answer for this picture.
        """
        embedding: Embeddings = self._encoder.embed([self._prepared])[0]
        return embedding
