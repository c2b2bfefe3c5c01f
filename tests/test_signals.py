"""Signals by themselves: what holds of every value."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InvalidFingerprint
from indexer.settings import Settings
from indexer.signals import flip
from indexer.signals.registry import signal_types
from indexer.types import Space

pytestmark = pytest.mark.numeric

SPACE = Space(1, "ab" * 32, "model", 8, ("a",))
TYPES = signal_types(SPACE, Settings())
PDQ = TYPES["pdq"]
EMBEDDING = TYPES["embedding-abababababab"]
hashes = st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex)
vectors = (
    st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8)
    .map(lambda numbers: np.array(numbers, np.float32))
    .filter(lambda vector: np.linalg.norm(vector) > 1e-3)
    .map(lambda vector: (vector / np.linalg.norm(vector)).astype(np.float32))
)


@given(hashes, hashes)
def test_the_distance_of_two_hashes_is_that_of_the_other_way_round(one: str, other: str) -> None:
    left, right = PDQ.parse(one), PDQ.parse(other)

    distance = PDQ.distance(left, right)

    assert distance == PDQ.distance(right, left) == (int(one, 16) ^ int(other, 16)).bit_count()
    assert PDQ.show(PDQ.distance(left, left)) == "0"


@given(hashes)
def test_a_hash_is_read_as_it_is_written(text: str) -> None:
    assert PDQ.write(PDQ.parse(text.upper())) == text


@given(vectors, vectors)
def test_embeddings_are_read_as_they_are_written(one: np.ndarray, other: np.ndarray) -> None:
    text = EMBEDDING.write(one)

    read = EMBEDDING.parse(text)

    assert read == pytest.approx(one, abs=1e-6)
    assert EMBEDDING.parse(text.replace("-", "+").replace("_", "/") + "=") == pytest.approx(read)
    assert EMBEDDING.distance(read, other) == EMBEDDING.distance(other, read)
    assert 0 <= float(EMBEDDING.show(EMBEDDING.distance(one, other))) <= 2


@given(st.text(max_size=80))
def test_any_other_text_is_refused_and_breaks_nothing(text: str) -> None:
    for each in TYPES.values():
        with suppress(InvalidFingerprint):
            assert each.parse(text) is None or text


@given(st.text(max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_seed_flips_the_same_coin_and_a_greater_ratio_takes_part_no_less(
    seed: str, one: float, other: float
) -> None:
    coin = flip(seed)

    assert coin == flip(seed)
    assert 0 <= coin < 1
    low, high = sorted((one, other))
    assert (low >= coin) <= (high >= coin)
    assert flip(seed, bypass=True) == 0
