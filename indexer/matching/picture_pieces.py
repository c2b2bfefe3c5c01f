"""Picture encoding: decode the bytes, cut pieces, hash and embed each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from indexer.embedding_space import decode_size
from indexer.errors import InputError, UnusableOutput
from indexer.images import fingerprints
from indexer.images.crops import crops
from indexer.images.decode import decoded
from indexer.images.fingerprints import PdqOrientations
from indexer.images.panels import Box, overlap
from indexer.images.parts import parts
from indexer.matching.pieces import Piece, Pieces
from indexer.matching.query_pixels import QueryPixels
from indexer.model import Encoder, Prepared
from indexer.opinions import Opinions
from indexer.runtime.cpu import Cores
from indexer.settings import Settings
from indexer.types import (
    DecodedImage,
    Embeddings,
    Opinion,
    Part,
    PdqBits,
    Probabilities,
    Rgb,
    SemanticEmbeddings,
)
from indexer.verification import shrink

log = structlog.get_logger(__name__)

_SMALL = 0.25  # share of a picture's area up to which a part is verified by itself
_LARGE = 0.8
"""Share of a picture's area from which a part takes the embedding of the whole: only its PDQ, which
minds a border more, is its own."""
_SAME_PLACE = 0.95  # share of two boxes that they have in common, from which one is enough


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """Pieces of a picture, the whole first frame before all, and what is known of that."""

    sha256: bytes
    md5: bytes
    size: tuple[int, int]  # width and height, upright, in pixels
    pieces: Pieces
    pdq: PdqOrientations
    probabilities: Probabilities  # (classes,) float32
    semantic: SemanticEmbeddings | None  # of the whole first frame; None of a model without any
    pixels: QueryPixels | None  # None where the settings want none
    is_first_step: bool  # whether its parts are not known yet
    opinions: Sequence[Opinion]  # of further classifiers
    part_pixels: Mapping[Part, QueryPixels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A part that waits for the model."""

    part: Part
    pdq: PdqBits
    prepared: Prepared | None  # for the model; None where the embedding of the whole is enough
    pixels: QueryPixels | None  # for verification; None where the whole has its details as well


def encode_picture(  # noqa: PLR0913 -- what is asked, and what answers it
    data: bytes,
    encoder: Encoder,
    opinions: Opinions,
    settings: Settings,
    cores: Cores,
    *,
    tiled: bool,
    settled: Callable[[EncodedPicture], bool],
) -> EncodedPicture:
    """Decode a picture, hash and embed it, and then its parts unless the whole says enough.

    The whole first frame costs a forward pass, and each part a shorter one. A part that cannot be
    embedded is left out; the whole first frame must be.

    Parameters
    ----------
    data : bytes
        The file.
    encoder : Encoder
    opinions : Opinions
    settings : Settings
    cores : Cores
    tiled : bool
        Whether a large picture is cut into tiles.
    settled : callable
        Given the whole first frame, says whether its parts need not be asked about.

    Raises
    ------
    InputError
        The picture cannot be read, is too large, or the model gives no usable answer for it.
    """
    enough = (
        None if tiled else opinions.decode_size(decode_size(encoder))
    )  # a tile may need every pixel
    with decoded(data, settings.image_limits, at_least=enough) as picture:

        def hash_whole() -> tuple[bytes, bytes, PdqOrientations]:
            digests = fingerprints.sha256(data), fingerprints.md5(data)
            return *digests, fingerprints.pdq_orientations(picture.rgb)

        with cores.beside(hash_whole) as hashed:
            encoding = encoder.encode([picture.rgb])
        sha256, md5, pdq = hashed()
        whole = (None, _usable(pdq, settings), encoding.embeddings[0])
        first = EncodedPicture(
            sha256=sha256,
            md5=md5,
            size=(picture.width, picture.height),
            pieces=Pieces.of([whole]),
            pdq=pdq,
            probabilities=encoding.probabilities[0],
            semantic=encoding.rows(0).semantics,
            pixels=QueryPixels(shrink(picture.rgb)) if settings.verifies else None,
            is_first_step=True,
            opinions=opinions.ask(picture.rgb),
        )
        if settled(first):
            return first
        prepared = list(_prepare(data, picture, encoder, settings, tiled=tiled))
    pieces = Pieces.of([whole, *_embed(prepared, encoder, encoding.embeddings[0])])
    part_pixels = {item.part: item.pixels for item in prepared if item.pixels}
    return replace(first, pieces=pieces, is_first_step=False, part_pixels=part_pixels)


def _prepare(
    data: bytes, picture: DecodedImage, encoder: Encoder, settings: Settings, *, tiled: bool
) -> Iterator[_Prepared]:
    """Hash each part and bring it to the size of the model, so that its pixels can go."""
    for part, rgb in _parts(data, picture, settings, tiled=tiled):
        share = _share(part, picture)
        try:
            pixels = None if share >= _LARGE else encoder.prepare(rgb)
        except InputError as error:
            log.info("query part skipped", part=part.kind, code=error.code)
            continue
        pdq = _usable(fingerprints.pdq_orientations(rgb), settings)
        # a small part has details that the whole first frame, reduced, has not
        small = settings.verifies and share < _SMALL
        yield _Prepared(part, pdq, pixels, QueryPixels(shrink(rgb)) if small else None)


def _share(part: Part, picture: DecodedImage) -> float:
    """Return the share of the first frame that a part shows; 0 for a later frame."""
    if part.box is None:
        return 0.0
    _, _, width, height = part.box
    return width * height / (picture.width * picture.height)


def _parts(
    data: bytes, picture: DecodedImage, settings: Settings, *, tiled: bool
) -> Iterator[tuple[Part, Rgb]]:
    """Give every part of a picture, then those crops of it that no tile shows already."""
    shown = []
    for part, rgb in parts(data, picture, settings, tiled=tiled):
        if part.box is not None:
            shown.append(Box(*part.box))
        yield part, rgb
    for part, rgb in crops(picture.rgb, settings.query_views, (picture.width, picture.height)):
        if part.box is None or all(overlap(Box(*part.box), box) < _SAME_PLACE for box in shown):
            yield part, rgb


def _embed(parts: Sequence[_Prepared], encoder: Encoder, whole: Embeddings) -> Iterator[Piece]:
    """Run the model over the parts, leaving out those that it gives no usable answer for.

    Parts that need no pass come first, with the embedding of the whole, (d,).
    """
    yield from ((item.part, item.pdq, whole) for item in parts if item.prepared is None)
    rest = [(item, item.prepared) for item in parts if item.prepared is not None]
    for start in range(0, len(rest), encoder.batch_size):
        batch = rest[start : start + encoder.batch_size]
        while batch:
            try:
                embeddings = encoder.embed([prepared for _, prepared in batch])
            except UnusableOutput as error:
                log.info("query parts skipped", parts=len(error.rows), code=error.code)
                batch = [each for row, each in enumerate(batch) if row not in error.rows]
                continue
            for (item, _), embedding in zip(batch, embeddings, strict=True):
                yield item.part, item.pdq, embedding
            break


def _usable(pdq: PdqOrientations, settings: Settings) -> PdqBits:
    """Return (8, 32) bits, or (0, 32) for a picture too flat to hash."""
    return pdq.bits if pdq.quality >= settings.pdq_min_quality else pdq.bits[:0]
