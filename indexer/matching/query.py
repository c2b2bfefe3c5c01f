"""Queries: a picture, an embedding vector, a fingerprint or a stored image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

import numpy as np

from indexer.matching.pieces import Pieces
from indexer.matching.query_pixels import QueryPixels
from indexer.types import (
    Fingerprint,
    ImageRecord,
    LogOdds,
    Match,
    Opinion,
    Part,
    PartialVerdict,
    SearchCompleteness,
    SemanticEmbeddings,
    SpaceTraits,
    Verdict,
    VerdictEvidence,
    count_comparisons,
    query_bias,
)

VerdictT = TypeVar("VerdictT", Verdict, PartialVerdict)


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture file."""

    data: bytes
    tiles: bool


@dataclass(frozen=True, slots=True)
class Vector:
    """An embedding that the caller computed."""

    values: Sequence[float]
    model: str  # fingerprint, 64 hex digits


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image of the index."""

    image_id: int


@dataclass(frozen=True, slots=True)
class Query(Generic[VerdictT]):
    """A query before it is encoded, typed by the verdict that answers it."""

    name: str
    """What the verdict calls it."""
    subject: Picture | Vector | Fingerprint | StoredImage

    @staticmethod
    def picture(data: bytes, name: str, *, tiles: bool = False) -> "Query[Verdict]":
        """Query by a picture: its first frame, and later frames if it is animated.

        Parameters
        ----------
        data : bytes
            The file.
        name : str
            What the verdict calls it.
        tiles : bool
            Whether a large picture is also cut into tiles, each compared by itself. That finds
            small copies, and adds comparisons, each with its chance of a false match.
        """
        return Query(name, Picture(data, tiles))

    @staticmethod
    def vector(values: Sequence[float], model: str) -> "Query[PartialVerdict]":
        """Query by an embedding that the caller computed with the model of the index.

        Only embeddings are compared: nothing is found by its bytes or its PDQ.

        Parameters
        ----------
        values : sequence of float
            As many as the space has dimensions, of any length but 0; they are normalised.
        model : str
            Fingerprint of the model that made it, 64 hex digits.
        """
        return Query("vector", Vector(values, model))

    @staticmethod
    def fingerprint(fingerprint: Fingerprint) -> "Query[PartialVerdict]":
        """Query by SHA-256 or MD5 for equal bytes, or by PDQ for all within its bound.

        It is compared with stored images and with bare fingerprints of the same kind. A PDQ is
        known in one orientation only: mirrored or rotated copies are not found.
        """
        return Query(f"{fingerprint.kind} {fingerprint.hex}", fingerprint)

    @staticmethod
    def stored_image(image_id: int) -> "Query[Verdict]":
        """Query by what is stored of an image, which does not match itself.

        Its own block entries are no matches; an allow bank that holds it still suppresses its
        matches. Its PDQ is known in one orientation only: where an entry is a bare fingerprint, a
        mirrored or rotated copy of it is not found.
        """
        return Query(f"image {image_id}", StoredImage(image_id))


@dataclass(frozen=True, slots=True)
class FullAnswer(Generic[VerdictT]):
    """A verdict, and what it rests on."""

    verdict: VerdictT
    evidence: VerdictEvidence
    """What a policy rules on."""
    compared: Sequence[Match]
    """All that was compared, strongest first, of every tier and uncut."""


@dataclass(frozen=True, slots=True)
class ComparedMatches:
    """All that a query was compared with."""

    matches: list[Match]
    """Of every tier; strongest first, unless said otherwise."""
    completeness: SearchCompleteness


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a verdict reports of the whole first frame of its query."""

    probabilities: dict[str, float]  # by label
    pdq: str  # hexadecimal
    pdq_quality: int  # 0 to 100
    opinions: tuple[Opinion, ...] = ()
    is_disputed: bool = False  # whether some classifiers call it unsafe and others do not


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """What of a query is compared with candidates."""

    sha256: bytes  # empty where unknown
    md5: bytes
    pieces: Pieces
    bias: LogOdds  # (pieces,): see `fusion.query_bias`
    facts: PictureFacts | None = None  # None of a vector or a fingerprint
    pixels: QueryPixels | None = None  # of a picture; None where the settings want none
    part_pixels: Mapping[Part, QueryPixels] = field(default_factory=dict)
    is_first_step: bool = False  # a picture's whole first frame, whose parts are not known yet
    record: ImageRecord | None = None  # the stored image that asks, which does not match itself
    size: tuple[int, int] | None = None  # width and height in the pixels of its boxes
    semantic: SemanticEmbeddings | None = None  # of a picture

    @classmethod
    def of(
        cls,
        sha256: bytes,
        md5: bytes,
        pieces: Pieces,
        traits: SpaceTraits,
        known: LogOdds | None = None,
    ) -> Self:
        """Make a query with its bias towards the background of the space.

        Parameters
        ----------
        sha256, md5 : bytes
            Empty where unknown.
        pieces : Pieces
        traits : SpaceTraits
        known : ndarray of shape (n,), float32, optional
            The bias of the first n pieces.
        """
        known = np.empty(0, np.float32) if known is None else known
        rest = pieces.embeddings[len(known) :]
        bias = query_bias(rest, traits.background, traits.fusion.bias)
        return cls(sha256, md5, pieces, np.concatenate([known, bias]))

    @property
    def orientations(self) -> int:
        """The most orientations in which a piece is hashed, at least 1."""
        return int(np.bincount(self.pieces.pdq_owner, minlength=1).max())

    def comparisons(self, stored: int) -> int:
        """Return how many comparisons it is with a number of stored vectors."""
        return count_comparisons(stored, len(self.pieces.parts), self.orientations)
