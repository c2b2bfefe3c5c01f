"""Fingerprints: PDQ does not care how a picture is stored or turned; distances are exact."""

import hashlib

import numpy as np
import pdqhash
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from indexer.errors import EmptyFingerprint, InvalidFingerprint
from indexer.images.decode import decode
from indexer.images.fingerprints import (
    hamming,
    md5,
    parse_fingerprint,
    pdq,
    pdq_orientations,
    sha256,
)
from indexer.images.pdq import _functions
from indexer.settings import Settings
from indexer.types import Fingerprint, FingerprintKind, Pdq, PdqBits, Rgb
from support import pictures

pytestmark = pytest.mark.numeric

LIMITS = Settings().image_limits
bit_rows = npst.arrays(np.uint8, st.tuples(st.integers(0, 5), st.just(32)))


def photo() -> Rgb:
    return np.asarray(pictures.photo())


def row(fingerprint: Pdq) -> PdqBits:
    return np.frombuffer(fingerprint.bits, np.uint8)[np.newaxis]


def distance(left: Pdq, right: Pdq) -> int:
    return int(hamming(row(left), row(right))[0, 0])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", pictures.GOOD)
def test_pdq_does_not_depend_on_how_the_picture_is_stored(name: str) -> None:
    stored = pdq(decode(pictures.GOOD[name](), LIMITS).rgb)
    assert distance(stored, pdq(photo())) <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pdq_does_not_depend_on_the_exif_orientation(orientation: int) -> None:
    stored = pdq(decode(pictures.exif_rotated(orientation), LIMITS).rgb)
    assert distance(stored, pdq(photo())) <= 12


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_turned_or_mirrored_copy_is_found_in_one_orientation(
    turns: int, *, mirrored: bool
) -> None:
    copy = np.rot90(photo()[:, ::-1] if mirrored else photo(), turns)
    stored = decode(pictures.encode(Image.fromarray(copy), "JPEG", quality=90), LIMITS)
    distances = hamming(pdq_orientations(photo()).bits, row(pdq(stored.rgb)))[:, 0]
    assert distances.min() <= 6
    assert (distances > 31).sum() == 7  # the other seven are other pictures


def test_the_first_orientation_is_the_picture_as_it_is() -> None:
    upright, all_eight = pdq(photo()), pdq_orientations(photo())
    assert all_eight.bits.shape == (8, 32)
    assert all_eight.bits[0].tobytes() == upright.bits
    assert all_eight.quality == upright.quality == 100


def test_bits_are_in_the_order_of_threatexchange_hexadecimal() -> None:
    rgb = np.asarray(pictures.photo().resize((512, 342)))
    vector, quality = pdqhash.compute(rgb)
    digits = "".join(str(bit) for bit in vector)  # as threatexchange's pdq_hasher.py writes it
    assert pdq(rgb) == Pdq(int(digits, 2).to_bytes(32, "big"), quality)


@given(height=st.integers(64, 512), width=st.integers(64, 512), seed=st.integers(0, 2**32 - 1))
@example(height=64, width=64, seed=1)  # is not blurred
@example(height=129, width=256, seed=1)  # windows of 2, which reach over the edge when mirrored
@example(height=385, width=512, seed=1)  # of 4
def test_every_orientation_is_what_pdqhash_makes_of_the_turned_picture(
    height: int, width: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8))
    fine = random.integers(0, 40, (height, width, 3), np.uint8)
    rgb = np.asarray(coarse.resize((width, height)), np.uint8) // 2 + fine
    sides = (rgb, rgb[:, ::-1])
    turned = [np.rot90(side, turns) for side in sides for turns in range(4)]
    hashes = [pdqhash.compute(np.ascontiguousarray(side)) for side in turned]

    made = pdq_orientations(rgb)

    expected = np.stack([np.packbits(vector) for vector, _ in hashes])
    distances = np.diagonal(hamming(made.bits, expected))
    assert distances[0] == 0
    assert distances.max() <= 8  # sums are rounded in another order: bits at the median may turn
    assert made.quality == hashes[0][1]


def test_a_picture_too_small_to_hash_has_no_bits_in_any_orientation() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (4, 300, 3), np.uint8)
    assert not pdq_orientations(tiny).bits.any()
    assert not pdqhash.compute(tiny)[0].any()


def test_pdq_needs_no_more_of_pdqhash_than_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = pdq_orientations(photo())
    monkeypatch.setattr("indexer.images.pdq._HASH", "not_in_this_build")
    _functions.cache_clear()

    slow = pdq_orientations(photo())

    _functions.cache_clear()
    assert np.diagonal(hamming(slow.bits, fast.bits)).max() <= 2
    assert slow.quality == fast.quality


def test_pdq_of_the_photo_stays_what_it_is() -> None:
    # Stored fingerprints must stay comparable when pdqhash or Pillow is upgraded. This one was made
    # with pdqhash 0.2.8 and Pillow 13.0; a JPEG decoder may round differently, hence the 4 bits.
    stored = "3f18cef3407e8678e483fb1937d14067188e58d21c6eac5f783103f157a3f50e"
    assert distance(pdq(photo()), Pdq(bytes.fromhex(stored), 100)) <= 4


def test_a_smaller_copy_keeps_its_pdq() -> None:
    large = np.asarray(pictures.photo().resize((1920, 1281), Image.Resampling.BICUBIC))
    assert distance(pdq(large), pdq(photo())) <= 12


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 600, 3), (5000, 8, 3), (300, 300, 3)])
def test_a_flat_or_tiny_picture_has_no_quality(shape: tuple[int, int, int]) -> None:
    assert pdq(np.full(shape, 128, np.uint8)).quality == 0


@given(left=bit_rows, right=bit_rows)
def test_hamming_counts_differing_bits(left: PdqBits, right: PdqBits) -> None:
    naive = [
        [(int.from_bytes(a.tobytes()) ^ int.from_bytes(b.tobytes())).bit_count() for b in right]
        for a in left
    ]
    assert hamming(left, right).tolist() == naive
    assert hamming(left, right).shape == (len(left), len(right))


def test_digests_are_those_of_the_bytes() -> None:
    assert sha256(b"abc") == hashlib.sha256(b"abc").digest()
    assert md5(b"abc").hex() == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321


@given(kind=st.sampled_from(FingerprintKind), value=st.binary(min_size=32, max_size=32).filter(any))
def test_a_fingerprint_is_read_as_it_is_written(kind: FingerprintKind, value: bytes) -> None:
    made = Fingerprint(kind, value[:16] if kind is FingerprintKind.MD5 else value)

    assert parse_fingerprint(kind, made.hex) == parse_fingerprint(kind, made.hex.upper()) == made


@pytest.mark.parametrize("kind", FingerprintKind)
@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 63, "g" * 64, "g" * 32, "a " * 32, " " + "a" * 64, "\udcff" * 64]
)
def test_what_is_no_fingerprint_is_refused(kind: FingerprintKind, text: str) -> None:
    with pytest.raises(InvalidFingerprint, match="hexadecimal digits"):
        parse_fingerprint(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FingerprintKind.MD5, md5(b"").hex()),
        (FingerprintKind.SHA256, sha256(b"").hex().upper()),
        (FingerprintKind.PDQ, "0" * 64),
    ],
)
def test_a_fingerprint_of_no_content_is_refused(kind: FingerprintKind, text: str) -> None:
    with pytest.raises(EmptyFingerprint, match="empty content"):
        parse_fingerprint(kind, text)
