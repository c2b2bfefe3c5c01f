"""Pictures: pixels, parts, PDQ and model output of one image."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from indexer.types.arrays import Embeddings, Probabilities, Rgb
from indexer.types.described import described


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One picture, decoded once."""

    rgb: Rgb  # the whole picture; reduced where it is very large, or the caller asked for less
    width: int  # pixels of the whole picture, upright
    height: int
    format: str  # Pillow's name, such as JPEG
    frame_count: int  # 1 for a still picture; `rgb` is the first frame
    reachable_frames: int  # how many of them may be decoded, by the time that it would take


@dataclass(frozen=True, slots=True)
class Pdq:
    """A PDQ fingerprint (Meta, ThreatExchange): 256 bits and how much to trust them."""

    bits: bytes  # 32 bytes, in the order of PDQ's hex notation
    quality: int  # 0 to 100; below about 50 the picture is too flat to hash


@dataclass(frozen=True, slots=True)
class SemanticEmbeddings:
    """What pictures show, in a space of its own: pictures of one kind lie near each other."""

    space: str  # its fingerprint, 64 hex digits
    vectors: Embeddings  # (n, s) float32, unit rows; of one picture (s,)

    def rows(self, which: int | slice) -> "SemanticEmbeddings":
        """Return those of some pictures; (s,) of the one with a number."""
        return SemanticEmbeddings(self.space, self.vectors[which])


@dataclass(frozen=True, slots=True)
class Encoding:
    """What one forward pass gives for n images."""

    probabilities: Probabilities
    embeddings: Embeddings
    semantics: SemanticEmbeddings | None = None  # None of a model without any

    @classmethod
    def joined(cls, parts: "Sequence[Encoding]") -> "Encoding":
        """Join what one model gave in several passes, at least one."""
        semantics = [part.semantics for part in parts if part.semantics]
        return cls(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.embeddings for part in parts]),
            SemanticEmbeddings(
                semantics[0].space, np.concatenate([each.vectors for each in semantics])
            )
            if semantics
            else None,
        )

    def rows(self, which: int | slice) -> "Encoding":
        """Return what is of some of the images; without the first axis of the one with a number."""
        return Encoding(
            self.probabilities[which],
            self.embeddings[which],
            self.semantics.rows(which) if self.semantics else None,
        )


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space that the catalog knows: the model that makes its vectors."""

    id: int
    fingerprint: str  # 64 hex digits
    model: str  # the reference that loads it: a directory or hf-hub:owner/name
    dimension: int
    labels: tuple[str, ...]
    classifier: str | None = None  # its name and version; None is the network's own


class PartKind(StrEnum):
    """What a part of an image is."""

    FRAME = "frame"
    TILE = "tile"
    CROP = "crop"  # what is left without a border, and pictures within the picture
    VARIANT = "variant"  # an edited copy of the whole first frame, which no file shows


@described
@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an image that is matched on its own: a later frame, a tile, a crop, a variant."""

    kind: PartKind
    """frame, tile, crop or variant."""
    number: int
    """The frame's index in the file, 0 for the first; or the part's number among its kind."""
    box: tuple[int, int, int, int] | None
    """Left, top, width, height in pixels of the upright picture; null for a whole frame."""
    recipe: str | None = None
    """How a variant was made, such as style:great-wave@0.5; null for every other part."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part ready to be written: its fingerprint and what the model said."""

    part: Part
    pdq: Pdq
    embedding: Embeddings  # (d,) float32, unit length
    probabilities: Probabilities  # (classes,) float32


@dataclass(frozen=True, slots=True)
class StoredPart:
    """What the catalog holds of one part."""

    part: Part
    pdq: Pdq
    embedding: Embeddings | None  # (d,) float32 in the space asked for
    probabilities: dict[str, float]  # by label, in the space asked for


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image ready to be written: identity, fingerprints and what the model said."""

    sha256: bytes
    md5: bytes
    pdq: Pdq
    width: int
    height: int
    format: str
    frame_count: int
    byte_size: int
    embedding: Embeddings  # (d,) float32, unit length
    probabilities: Probabilities  # (classes,) float32
    parts: tuple[NewPart, ...] = ()  # beyond the whole first frame, whose values stand above
    thumbnail: bytes | None = None  # JPEG; None where none is to be kept
    features: bytes | None = None  # packed local features; None where none are to be kept
    semantic: SemanticEmbeddings | None = None  # of the whole first frame
    classifier: str | None = None  # whose the probabilities are; None is the network's own
