"""Picture encoding: decode, fingerprint, thumbnail and model, for the rows of the catalog."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from indexer.embedding_space import decode_size
from indexer.errors import UnreadableImage, UnusableOutput
from indexer.images import fingerprints
from indexer.images.decode import decoded
from indexer.images.parts import cut_again, stored_parts
from indexer.ingest.stage_messages import WantedParts
from indexer.model import Encoder, Prepared
from indexer.settings import Settings
from indexer.types import DecodedImage, Encoding, NewImage, NewPart, Part, PartKind, Pdq, Rgb
from indexer.verification import make_thumbnail
from indexer.verification.local_features import pack_features

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _PreparedPart:
    """A part, waiting for the model."""

    part: Part
    pdq: Pdq
    pixels: Prepared


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture decoded and hashed, waiting for the model."""

    sha256: bytes
    md5: bytes
    pdq: Pdq
    width: int
    height: int
    format: str
    frame_count: int
    byte_size: int
    pixels: Prepared
    parts: tuple[_PreparedPart, ...]
    thumbnail: bytes | None  # JPEG
    features: bytes | None  # local features, packed

    @property
    def nbytes(self) -> int:
        """Bytes of pixels that wait with it."""
        return self.pixels.nbytes + sum(part.pixels.nbytes for part in self.parts)


class PictureEncoder:
    """Turns bytes into rows for the catalog; safe to use from many threads.

    Parameters
    ----------
    encoder : Encoder
    settings : Settings
    tiled : bool
        Whether large pictures are cut into tiles as well.
    """

    def __init__(self, encoder: Encoder, settings: Settings, *, tiled: bool) -> None:
        self._encoder = encoder
        self._settings = settings
        self._tiled = tiled
        self._enough = decode_size(encoder)

    def prepare(
        self, data: bytes, sha256: bytes, wanted: WantedParts | None = None
    ) -> PreparedPicture:
        """Decode a picture and its parts for the model.

        Parameters
        ----------
        data : bytes
            The whole file.
        sha256 : bytes
            Its digest.
        wanted : WantedParts, optional
            The parts to cut; those that the settings want by default.

        Raises
        ------
        EmptyImage, ImageTooLarge, UnreadableImage
            It is no picture that we can use.
        """
        tiled = self._tiled if wanted is None else wanted.tiled
        enough = None if tiled else self._enough
        with decoded(data, self._settings.image_limits, at_least=enough) as picture:
            pdq = fingerprints.pdq(picture.rgb)
            settings = self._settings
            is_wanted = settings.keep_thumbnails or settings.keep_features
            thumbnail = make_thumbnail(picture.rgb) if is_wanted else None
            return PreparedPicture(
                sha256=sha256,
                md5=fingerprints.md5(data),
                pdq=pdq,
                width=picture.width,
                height=picture.height,
                format=picture.format,
                frame_count=picture.frame_count,
                byte_size=len(data),
                pixels=self._encoder.prepare(picture.rgb),
                parts=tuple(
                    self._parts(data, picture, pdq)
                    if wanted is None
                    else self._wanted_parts(data, picture, wanted)
                ),
                thumbnail=thumbnail if settings.keep_thumbnails else None,
                features=pack_features(thumbnail) if thumbnail and settings.keep_features else None,
            )

    def encode(self, pictures: Sequence[PreparedPicture]) -> list[NewImage | UnusableOutput]:
        """Run the model over pictures and all their parts.

        A part that the model has no usable answer for is left out; a picture that it has none for
        is given as the error.
        """
        rows = [
            pixels
            for picture in pictures
            for pixels in (picture.pixels, *(part.pixels for part in picture.parts))
        ]
        size = self._encoder.batch_size
        chunks = (rows[start : start + size] for start in range(0, len(rows), size))
        answers = (answer for chunk in chunks for answer in self._forward(chunk))
        classifier = self._encoder.card.classifier
        return [_new_image(picture, answers, classifier) for picture in pictures]

    def _parts(self, data: bytes, picture: DecodedImage, pdq: Pdq) -> Iterator[_PreparedPart]:
        seen = {pdq.bits}
        for part, rgb in stored_parts(data, picture, self._settings, tiled=self._tiled):
            hashed = fingerprints.pdq(rgb)
            # A frame like an earlier one adds nothing; the hash of a flat one says nothing.
            if part.kind is PartKind.FRAME and hashed.quality >= self._settings.pdq_min_quality:
                if hashed.bits in seen:
                    continue
                seen.add(hashed.bits)
            yield from self._prepared(part, hashed, rgb)

    def _wanted_parts(
        self, data: bytes, picture: DecodedImage, wanted: WantedParts
    ) -> Iterator[_PreparedPart]:
        limits = self._settings.image_limits
        for part, rgb in cut_again(data, picture.rgb, wanted.parts, wanted.size, limits):
            yield from self._prepared(part, fingerprints.pdq(rgb), rgb)

    def _prepared(self, part: Part, pdq: Pdq, rgb: Rgb) -> Iterator[_PreparedPart]:
        try:
            yield _PreparedPart(part, pdq, self._encoder.prepare(rgb))
        except UnreadableImage as error:
            log.debug("part too thin for the model", part=part.number, reason=str(error))

    def _forward(self, rows: Sequence[Prepared]) -> list[Encoding | UnusableOutput]:
        """Run the model once; find the rows that it cannot answer for by asking one by one."""
        try:
            encoding = self._encoder.forward(rows)
        except UnusableOutput as error:
            if len(rows) == 1:
                return [error]
            return [answer for row in rows for answer in self._forward([row])]
        return [encoding.rows(number) for number in range(len(rows))]


def _new_image(
    picture: PreparedPicture,
    answers: Iterator[Encoding | UnusableOutput],
    classifier: str | None,
) -> NewImage | UnusableOutput:
    """Join a picture with its answers: the next ones, as many as it has rows."""
    whole = next(answers)
    prepared = [(part, next(answers)) for part in picture.parts]
    if isinstance(whole, UnusableOutput):
        return whole
    return NewImage(
        sha256=picture.sha256,
        md5=picture.md5,
        pdq=picture.pdq,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        frame_count=picture.frame_count,
        byte_size=picture.byte_size,
        embedding=whole.embeddings,
        probabilities=whole.probabilities,
        parts=tuple(
            NewPart(part.part, part.pdq, answer.embeddings, answer.probabilities)
            for part, answer in prepared
            if isinstance(answer, Encoding)
        ),
        thumbnail=picture.thumbnail,
        features=picture.features,
        semantic=whole.semantics,
        classifier=classifier,
    )
