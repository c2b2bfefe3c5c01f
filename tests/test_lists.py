from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.vectors import KeySet
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.inverted_lists.codebook import Codebook
from indexer.vectors.inverted_lists.list_codes import ListCodes
from indexer.vectors.inverted_lists.list_search import Probing, nearest_listed, up_to_listed
from indexer.vectors.segments import Segment, Selection, sealed
from support.extent import extent

pytestmark = pytest.mark.numeric

DIMENSION = 16
Vectors = NDArray[np.float32]


def unit(count: int, seed: int, families: int = 7) -> Vectors:
    random = np.random.default_rng(seed)
    origins = random.standard_normal((families, DIMENSION))
    vectors = origins[random.integers(families, size=count)]
    vectors = vectors + 0.4 * random.standard_normal(vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def segment(
    vectors: Vectors, codebook: Codebook | None, first_key: int, *, binary: bool
) -> Segment:
    flat = FlatRows(vectors)
    keys = np.arange(first_key, first_key + len(vectors))
    if codebook is None:
        return sealed(f"{first_key:032x}", keys, flat, None)
    codes = ListCodes.build(vectors, codebook, binary=binary)
    return sealed(f"{first_key:032x}", keys, CodedRows(codes.kind, codes, flat), None)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    binary=st.booleans(),
    probes=st.integers(1, 12),
    k=st.integers(1, 12),
    members=st.none() | st.lists(st.integers(0, 200)),
    dead=st.lists(st.integers(0, 200)),
    threshold=st.sampled_from([-0.5, 0.0, 0.5, 0.8, 0.95]),
)
@settings(max_examples=extent(20, 200), deadline=None)
def test_what_lists_find_is_true_and_what_is_called_complete_is(  # noqa: PLR0913 - its cases
    sizes: list[int],
    *,
    seed: int,
    binary: bool,
    probes: int,
    k: int,
    members: list[int] | None,
    dead: list[int],
    threshold: float,
) -> None:
    vectors = unit(sum(sizes), seed)
    codebook = Codebook.train(vectors, len(vectors), seed=1)
    segments, first = [], 0
    for size in sizes:
        listed = size > 8
        some = vectors[first : first + size]
        segments.append(segment(some, codebook if listed else None, first, binary=binary))
        first += size
    segments = [each.without(np.unique(np.array(dead, np.int64))) for each in segments]
    within = None if members is None else KeySet(members)
    allowed = np.ones(len(vectors), np.bool_)
    allowed[[key for key in dead if key < len(vectors)]] = False
    if members is not None:
        allowed &= np.isin(np.arange(len(vectors)), members)
    queries = unit(3, seed + 1)
    cosines = np.where(allowed, queries @ vectors.T, -np.inf)

    keys, distances = nearest_listed(segments, Probing(codebook, probes, k), queries, k, within)
    offsets, found, far, incomplete = up_to_listed(
        segments, Probing(codebook, probes), queries, -threshold, within
    )

    for row in range(len(queries)):
        present = keys[row] >= 0
        assert len(set(keys[row, present])) == present.sum()
        assert np.allclose(-distances[row, present], cosines[row, keys[row, present]], atol=1e-5)
        assert (np.diff(distances[row, present]) >= 0).all()
        part = slice(offsets[row], offsets[row + 1])
        assert np.allclose(-far[part], cosines[row, found[part]], atol=1e-5)
        assert (cosines[row, found[part]] >= threshold - 1e-5).all()
        if row not in incomplete:
            wanted = np.flatnonzero(cosines[row] >= threshold + 1e-5)
            assert set(wanted) <= set(found[part])


@pytest.mark.parametrize("binary", [False, True], ids=["sq8", "rabitq"])
def test_all_lists_hold_all_vectors(binary: bool) -> None:
    vectors, queries = unit(500, 1), unit(5, 2)
    codebook = Codebook.train(vectors, len(vectors))

    codes = ListCodes.build(vectors, codebook, binary=binary)
    nominees = codes.nominate(queries, len(vectors), None)

    assert (np.sort(nominees.rows, axis=1) == np.arange(len(vectors))).all()
    cosines = np.take_along_axis(queries @ vectors.T, nominees.rows, axis=1)
    if binary:
        assert np.corrcoef(nominees.similarities.ravel(), cosines.ravel())[0, 1] > 0.8
    else:
        assert np.abs(nominees.similarities - cosines).max() <= nominees.errors[0] < 0.05


def test_nominees_that_codes_rule_out_are_not_read_and_belong_to_no_answer() -> None:
    vectors, queries = unit(2000, 1, families=50), unit(20, 2)
    codebook = Codebook.train(vectors, len(vectors))
    listed = segment(vectors, codebook, 0, binary=False)
    assert isinstance(listed.rows, CodedRows)
    nominees = listed.rows.codes.nominate(queries, 200, None)

    likely = listed.rows.likely(queries, nominees, k=10)
    keys, distances = nearest_listed(
        [listed], Probing(codebook, len(codebook), 200), queries, 10, None
    )

    assert np.count_nonzero(likely.rows >= 0) < nominees.rows.size / 3
    flat = listed.rows.flat.nearest(queries, 10, Selection(None, len(vectors)))
    assert (keys == flat[1]).all()
    assert (distances == flat[0]).all()


@pytest.mark.parametrize("binary", [False, True], ids=["sq8", "rabitq"])
def test_a_file_of_lists_is_read_with_its_own_codebook_only(tmp_path: Path, binary: bool) -> None:
    vectors = unit(300, 1)
    codebook, other = Codebook.train(vectors, 300), Codebook.train(vectors[:100], 100)
    codes = ListCodes.build(vectors, codebook, binary=binary)
    whole, short = tmp_path / "whole", tmp_path / "short"
    with whole.open("wb") as file:
        codes.write(file)
    short.write_bytes(whole.read_bytes()[:-50])

    read = ListCodes.read(whole, codebook)

    before, after = codes.nominate(vectors[:9], 20, None), read.nominate(vectors[:9], 20, None)
    assert (before.rows == after.rows).all()
    assert (before.errors == after.errors).all()
    for path, expected in ((whole, other), (short, codebook)):
        with pytest.raises(SnapshotMismatch):
            ListCodes.read(path, expected)


def test_a_codebook_finds_the_nearest_lists_and_is_read_as_it_was(tmp_path: Path) -> None:
    vectors = unit(5000, 1, families=200)
    codebook = Codebook.train(vectors, 250_000)
    assert len(codebook) == pytest.approx(5000, rel=0.1)
    path = tmp_path / "codebook"
    with path.open("wb") as file:
        codebook.write(file)

    read = Codebook.read(path, codebook.id, codebook.trained_on, DIMENSION)

    cosines = vectors[:50] @ codebook.centroids.T
    nearest = np.argsort(-cosines, axis=1)[:, :20]
    found = read.nearest(vectors[:50], 20)
    shared = [len(set(a) & set(b)) for a, b in zip(nearest, found.lists, strict=True)]
    assert np.mean(shared) > 18
    nearer = [len(set(a[:5]) & set(b)) for a, b in zip(nearest, found.lists, strict=True)]
    assert np.mean(nearer) > 4.9
    assert np.allclose(found.similarities, np.take_along_axis(cosines, found.lists, axis=1))
    assert (codebook.assign(vectors[:50]) == nearest[:, 0]).mean() > 0.8
    with pytest.raises(SnapshotMismatch):
        Codebook.read(path, codebook.id, codebook.trained_on, DIMENSION + 1)
