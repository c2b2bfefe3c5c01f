"""Evidence for a fusion: how edited copies and strangers of a folder of pictures compare."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.images import fingerprints
from indexer.images.crops import crops
from indexer.model.encoder import Encoder
from indexer.model.training.augmentations import edit
from indexer.model.training.features import find_pictures, read_picture
from indexer.model.training.fusion_fit import UNKNOWN_BITS, Evidences, Pairs
from indexer.settings import Settings
from indexer.types import Embeddings, LogOdds, PdqBits, Rgb, query_bias
from indexer.verification import make_thumbnail, shrink
from indexer.verification.geometry import compare_hands, find_inliers
from indexer.verification.local_features import Features, find_features, find_in_query

_COPIES: Final = 2  # edited, of each picture
_BESIDE: Final = 0.15  # share of the pictures that are only shown beside others, never looked for
_VERIFIED: Final = 24  # strangers of each copy that are verified
_SEEN: Final = 1600  # copies that are verified
_RELATED_BITS: Final = 80  # PDQ distance of two originals up to which they are no strangers
_RELATED_INLIERS: Final = 10  # and local features in common from which
_ALIKE: Final = 0.12, 96  # normalised cosine and bits up to which they are counted


@dataclass(frozen=True, slots=True)
class _Piece:
    """A picture, or a part of one."""

    embedding: Embeddings  # (d,)
    bits: PdqBits  # (8, 32), or (0, 32) where it is flat


@dataclass(frozen=True, slots=True)
class _Original:
    """A picture that is looked for."""

    group: Path  # its folder: pictures of one source are no strangers to each other
    piece: _Piece
    features: Features


@dataclass(frozen=True, slots=True)
class _Copy:
    """An edited picture that is asked about."""

    original: int
    pieces: Sequence[_Piece]
    hands: tuple[Features, Features]  # as it is and mirrored


def measure_evidence(  # noqa: PLR0913 -- what of, and how
    encoder: Encoder,
    background: Embeddings | None,
    folder: Path,
    settings: Settings,
    *,
    made: Mapping[Path, Sequence[Path]],
    seed: int,
    on_picture: Callable[[int, int], None],
) -> Evidences:
    """Edit each picture at random, and compare the results with all originals.

    Pictures of one folder are not taken for strangers, nor are those that share details. What an
    edit may lay beside a picture comes from pictures that are not looked for.

    Parameters
    ----------
    encoder : Encoder
    background : ndarray of shape (m, d), float32, unit rows, optional
        To measure the bias of a query by.
    folder : Path
        Of pictures; each of its folders is one source.
    settings : Settings
    made : mapping of Path to a sequence of Path
        Further copies by the resolved path of their original, as `read_copies` returns them.
    seed : int
    on_picture : callable
        Told how many pictures are done, and of how many.

    Raises
    ------
    InputError
        There are too few pictures.
    """
    paths = find_pictures(folder)
    random = Random(seed)  # noqa: S311 -- nothing secret
    beside, wanted = _divide(paths, random)

    def other() -> Image.Image:
        while True:  # ends: most can be read
            picture = read_picture(random.choice(beside), settings.image_limits)
            if picture is not None:
                return picture

    originals: list[_Original] = []
    copies: list[_Copy] = []
    for number, path in enumerate(wanted):
        on_picture(number, len(wanted))
        picture = read_picture(path, settings.image_limits)
        if picture is None:
            continue
        rgb = np.asarray(picture)
        piece = next(_pieces(rgb, encoder, settings, cut=False))
        edits = [edit(picture, random, other) for _ in range(_COPIES)]
        given = [read_picture(copy, settings.image_limits) for copy in made.get(path.resolve(), ())]
        for edited in map(np.asarray, filter(None, [*edits, *given])):
            pieces = list(_pieces(edited, encoder, settings, cut=True))
            copies.append(_Copy(len(originals), pieces, find_in_query(shrink(edited))))
        originals.append(_Original(path.parent, piece, find_features(make_thumbnail(rgb))))
    return _compare(originals, copies, background, random)


def _divide(paths: Sequence[Path], random: Random) -> tuple[list[Path], list[Path]]:
    """Choose whole folders whose pictures are shown beside others, and return the others too.

    With too few folders to choose from single pictures are chosen.
    """
    folders = sorted({path.parent for path in paths})
    random.shuffle(folders)
    beside: list[Path] = []
    for folder in folders:
        inside = [path for path in paths if path.parent == folder]
        if len(beside) < _BESIDE * len(paths) and len(inside) < len(paths) / 2:
            beside += inside
    beside = beside or random.sample(list(paths), max(1, int(_BESIDE * len(paths))))
    wanted = sorted(set(paths) - set(beside))
    random.shuffle(wanted)
    return beside, wanted


def _pieces(rgb: Rgb, encoder: Encoder, settings: Settings, *, cut: bool) -> Iterator[_Piece]:
    """Yield the whole picture, and its parts as a query's."""
    parts = [rgb, *(part for _, part in crops(rgb, settings.query_views))] if cut else [rgb]
    for part, embedding in zip(parts, encoder.encode(parts).embeddings, strict=True):
        pdq = fingerprints.pdq_orientations(part)
        usable = pdq.quality >= settings.pdq_min_quality
        yield _Piece(embedding, pdq.bits if usable else pdq.bits[:0])


def _compare(
    originals: Sequence[_Original],
    copies: Sequence[_Copy],
    background: Embeddings | None,
    random: Random,
) -> Evidences:
    pieces = [piece for copy in copies for piece in copy.pieces]
    owners = np.repeat(np.arange(len(copies)), [len(copy.pieces) for copy in copies])
    sources = np.array([copies[owner].original for owner in owners.tolist()], np.int64)
    stored = np.stack([original.piece.embedding for original in originals])
    asked = np.stack([piece.embedding for piece in pieces])
    bias = query_bias(asked, background, 0.0)
    normalised = asked @ stored.T - bias[:, np.newaxis]
    bits = _distances(pieces, [original.piece for original in originals])
    related = _related(originals, query_bias(stored, background, 0.0))
    strange = ~related[sources]
    rows = np.arange(len(pieces))
    ours, theirs = _verify(copies, originals, related, owners, normalised, bits, random)
    return Evidences(
        copies=Pairs(normalised[rows, sources], bits[rows, sources]),
        owners=owners,
        strangers=Pairs(normalised[strange], bits[strange]),
        verified_copies=ours,
        verified_strangers=theirs,
        orientations=8,
        bias=float(bias.mean()),
    )


def _distances(pieces: Sequence[_Piece], originals: Sequence[_Piece]) -> NDArray[np.int16]:
    """Return the least PDQ distances over the orientations of a piece, (pieces, originals)."""
    upright = np.stack([o.bits[0] if len(o.bits) else np.zeros(32, np.uint8) for o in originals])
    flat = np.array([not len(o.bits) for o in originals])
    distances = np.full((len(pieces), len(originals)), UNKNOWN_BITS, np.int16)
    for row, piece in enumerate(pieces):
        if len(piece.bits):
            distances[row] = fingerprints.hamming(piece.bits, upright).min(axis=0)
    distances[:, flat] = UNKNOWN_BITS
    return distances


def _related(originals: Sequence[_Original], bias: LogOdds) -> NDArray[np.bool_]:
    """Tell which originals are no strangers: of one folder, or with details in common.

    `bias` is that of the originals, (n,).
    """
    groups = np.unique([str(original.group) for original in originals], return_inverse=True)[1]
    related: NDArray[np.bool_] = groups[:, np.newaxis] == groups
    pieces = [original.piece for original in originals]
    bits = _distances(pieces, pieces)
    related |= bits <= _RELATED_BITS
    stored = np.stack([piece.embedding for piece in pieces])
    normalised = stored @ stored.T - np.minimum.outer(bias, bias)
    near = ((normalised > _ALIKE[0]) | (bits <= _ALIKE[1])) & ~related
    for left, right in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        inliers = find_inliers(originals[left].features, originals[right].features).count
        related[left, right] = related[right, left] = inliers >= _RELATED_INLIERS
    return related


def _verify(  # noqa: PLR0913, PLR0917 -- all that was measured
    copies: Sequence[_Copy],
    originals: Sequence[_Original],
    related: NDArray[np.bool_],
    owners: NDArray[np.int64],
    normalised: NDArray[np.float32],
    bits: NDArray[np.int16],
    random: Random,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the inliers of copies that no other signal decides, and of the likeliest strangers."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    closest = np.maximum.reduceat(normalised, starts, axis=0)
    least = np.minimum.reduceat(bits, starts, axis=0)
    found: dict[bool, list[int]] = {True: [], False: []}
    for number in random.sample(range(len(copies)), min(_SEEN, len(copies))):
        copy = copies[number]
        strangers = np.where(related[copy.original], -np.inf, closest[number])
        candidates = np.argsort(-strangers)[:_VERIFIED].tolist()
        own = copy.original
        if closest[number, own] < _DECIDED[0] and least[number, own] > _DECIDED[1]:
            candidates.append(own)
        for candidate in candidates:
            features = originals[candidate].features
            inliers = compare_hands(copy.hands, features).inliers
            found[candidate == own].append(inliers)
    return np.array(found[True], np.int64), np.array(found[False], np.int64)


_DECIDED: Final = (0.5, 60)
"""Normalised cosine and bits from which a copy needs no verification."""
