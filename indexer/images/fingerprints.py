"""Fingerprints of an image: SHA-256 and MD5 of its bytes, PDQ of its pixels."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import EmptyFingerprint, InvalidFingerprint
from indexer.images.pdq import hash_orientations, hash_upright
from indexer.runtime.timing import timed
from indexer.types import Fingerprint, FingerprintKind, Pdq, PdqBits, Rgb

# PDQ blurs at full resolution, which costs 157 ms at 2048 px and 4.6 ms at 512 px. Meta's own
# program scales to 512 px first, too (DOWNSAMPLE_DIMS in ThreatExchange's pdqio.cpp).
_LONGEST_SIDE = 512
DECODE_SIDE = 2 * _LONGEST_SIDE
"""Pixels of both sides from which a JPEG may be decoded at half its size before it is hashed.

That moved the hashes of 221 out of 228 photos by no more than 2 bits, and none by more than 8.
"""
_LENGTHS = {FingerprintKind.SHA256: 32, FingerprintKind.MD5: 16, FingerprintKind.PDQ: 32}  # bytes
_QUOTED = 80  # characters of a text that messages repeat
_OF_NOTHING = {
    FingerprintKind.SHA256: hashlib.sha256(b"").digest(),
    FingerprintKind.MD5: hashlib.md5(b"", usedforsecurity=False).digest(),
    FingerprintKind.PDQ: bytes(32),
}


@dataclass(frozen=True, slots=True)
class PdqOrientations:
    """The PDQ of one picture as it is and as it would be mirrored and turned."""

    bits: PdqBits  # (8, 32); row 0 is the picture as it is
    quality: int  # 0 to 100, of the picture as it is


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 digest, 32 bytes: an image's identity."""
    return hashlib.sha256(data).digest()


def md5(data: bytes) -> bytes:
    """Return the MD5 digest, 16 bytes: older lists hold nothing else."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def pdq(rgb: Rgb) -> Pdq:
    """Hash a picture with PDQ.

    Parameters
    ----------
    rgb : ndarray of shape (h, w, 3), uint8
        Upright pixels, as `images.decode` gives them.

    Returns
    -------
    Pdq
        Quality 0 and no set bits when the picture is under 5 px wide or high.
    """
    bits, quality = hash_upright(_scale(rgb))
    return Pdq(bits.tobytes(), quality)


@timed("hash")
def pdq_orientations(rgb: Rgb) -> PdqOrientations:
    """Hash a picture in its eight orientations, so that a query finds mirrored and turned copies.

    Parameters
    ----------
    rgb : ndarray of shape (h, w, 3), uint8
        Upright pixels, as `images.decode` gives them.

    Returns
    -------
    PdqOrientations
        Rows 0 to 3: turned counter-clockwise by 0, 90, 180 and 270 degrees; rows 4 to 7: mirrored
        left to right, then turned likewise. Row 0 and the quality equal those of `pdq`.

    Notes
    -----
    The pixels are turned, not the hash: `pdqhash.compute_dihedral`, which derives all eight from
    one pass, missed 2 of 7 mirrored and 5 of 7 upside-down copies within PDQ's threshold. They are
    turned after the one costly step, the blur. Of 12,000 hashes of made-up pictures 97 % equal
    those of pictures turned first; the rest differ in 2 bits, some in 4, two in 6, for sums are
    rounded in another order.
    """
    return PdqOrientations(*hash_orientations(_scale(rgb)))


def parse_fingerprint(kind: FingerprintKind, text: str) -> Fingerprint:
    """Read a fingerprint as lists write it.

    Parameters
    ----------
    kind : FingerprintKind
    text : str
        Hexadecimal digits of either case: 64 for PDQ and SHA-256, 32 for MD5.

    Raises
    ------
    InvalidFingerprint
        The text is something else.
    EmptyFingerprint
        It is the fingerprint of no content: of zero bytes, or the PDQ of a picture without any
        structure, whose bits are all 0.
    """
    length = _LENGTHS[kind]
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != length or len(text) != 2 * length:
        raise InvalidFingerprint(
            f"{text[:_QUOTED]!r} is not a valid {kind} fingerprint: it must be {2 * length} "
            "hexadecimal digits."
        )
    if value == _OF_NOTHING[kind]:
        raise EmptyFingerprint(
            f"{text} is the {kind} fingerprint of empty content, which matches by accident. "
            "Omit it."
        )
    return Fingerprint(kind, value)


def hamming(left: PdqBits, right: PdqBits) -> NDArray[np.int64]:
    """Count the bits in which two sets of fingerprints differ, each with each.

    Parameters
    ----------
    left : ndarray of shape (n, 32), uint8
    right : ndarray of shape (m, 32), uint8

    Returns
    -------
    ndarray of shape (n, m), int64
        Distances in bits, 0 to 256.
    """
    left_words = np.ascontiguousarray(left).view(np.uint64)
    right_words = np.ascontiguousarray(right).view(np.uint64)
    distances = np.zeros((len(left), len(right)), np.int64)
    for ours, theirs in zip(left_words.T, right_words.T, strict=True):  # word by word saves memory
        distances += np.bitwise_count(ours[:, np.newaxis] ^ theirs[np.newaxis, :])
    return distances


def _scale(rgb: Rgb) -> Rgb:
    """Shrink to the longest side; smaller pictures stay as they are.

    Bilinear, because it stays closest to both: on 57 photos 10.1 bits on average to the full-size
    hash (box 10.3, bicubic 10.3, Lanczos 10.4) and 0.8 bits between copies of different size
    (box 3.1, bicubic and Lanczos 0.5 to 0.6).
    """
    height, width = rgb.shape[:2]
    if max(height, width) <= _LONGEST_SIDE:
        return rgb
    scale = _LONGEST_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
