"""Every kind of segment codes, the examples of plug-ins included, keeps the same contract."""

import math
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InvalidCodes, SnapshotMismatch
from indexer.types import CompletenessKind, Embeddings
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.codes.base import CodeKind, SegmentCodes
from indexer.vectors.codes.code_kinds import GROUP, code_kind, code_names
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.segments import Selection
from support.extent import extent

pytestmark = pytest.mark.numeric

D = 48
ROWS = 1500
PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
EXAMPLES = PROJECT["project"]["entry-points"][GROUP]
PROVEN = ["sq8", "fp16"]


def kind_of(name: str) -> CodeKind:
    """Return a kind, the examples by what pyproject.toml says, installed or not."""
    if name in EXAMPLES:
        kind: CodeKind = EntryPoint(name, EXAMPLES[name], GROUP).load()
        return kind
    return code_kind(name)


def unit(vectors: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / lengths, np.float32)


def families(rng: np.random.Generator, count: int, *, spread: float) -> Embeddings:
    """Make vectors that lie in groups, dimensions of very different ranges, some of them equal."""
    scale = np.geomspace(1, 0.01, D).astype(np.float32)
    centres = rng.standard_normal((max(1, count // 30), D), np.float32)
    chosen = centres[rng.integers(0, len(centres), count)]
    vectors = (chosen + spread * rng.standard_normal((count, D), np.float32)) * scale
    vectors[:, -1] = 0  # a dimension that says nothing
    vectors[: count // 20] = vectors[0]
    return unit(vectors)


def bitmap_of(allowed: np.ndarray) -> np.ndarray:
    return np.packbits(allowed, bitorder="little")


@pytest.fixture(scope="module")
def vectors() -> Embeddings:
    return families(np.random.default_rng(3), ROWS, spread=0.3)


@pytest.fixture(scope="module", params=[*PROVEN, *EXAMPLES])
def codes(request: pytest.FixtureRequest, vectors: Embeddings) -> SegmentCodes:
    return kind_of(request.param).build(vectors)


def test_nominees_are_allowed_rows_best_first(codes: SegmentCodes, vectors: Embeddings) -> None:
    allowed = np.arange(ROWS) % 3 == 0
    for bitmap in (None, bitmap_of(allowed)):
        similarities, rows, errors = codes.nominate(vectors[100:104], 20, bitmap)
        assert similarities.shape == rows.shape == (4, 20)
        assert similarities.dtype == np.float32
        assert rows.dtype == np.int64
        assert errors.shape == (4,)
        assert (np.diff(similarities, axis=1) <= 0).all()
        assert (rows >= 0).all()
        assert all(len(set(each)) == 20 for each in rows.tolist())
        assert bitmap is None or allowed[rows].all()


def test_a_vector_nominates_itself(codes: SegmentCodes, vectors: Embeddings) -> None:
    asked = np.arange(ROWS // 2, ROWS, 40)
    found = codes.nominate(vectors[asked], 10, None)
    assert np.mean([row in near for row, near in zip(asked, found.rows, strict=True)]) > 0.9


def test_errors_bound_every_similarity_or_are_infinite(
    codes: SegmentCodes, vectors: Embeddings
) -> None:
    queries = unit(vectors[:40] + 0.05 * vectors[300:340])
    found = codes.nominate(queries, 200, None)
    if not math.isfinite(codes.eps):
        assert np.isinf(found.errors).all()
        return
    exact = np.einsum("nd,nkd->nk", queries.astype(np.float64), vectors[found.rows])
    assert (np.abs(exact - found.similarities) <= found.errors[:, None]).all()


def test_codes_read_back_are_the_codes_written(
    codes: SegmentCodes, vectors: Embeddings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = kind_of(request.node.callspec.params["codes"])
    path = tmp_path / "codes"
    with path.open("wb") as file:
        codes.write(file)
    again = kind.read(path)
    assert len(again) == len(codes) == ROWS
    assert again.eps == codes.eps
    assert again.nbytes == codes.nbytes > 0
    for ours, theirs in zip(
        codes.nominate(vectors[500:509], 5, None),
        again.nominate(vectors[500:509], 5, None),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", PROVEN)
@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_file_of_something_else_is_refused(
    kind: str, damage: str, vectors: Embeddings, tmp_path: Path
) -> None:
    path = tmp_path / "codes"
    with path.open("wb") as file:
        kind_of(kind).build(vectors).write(file)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"of something else")
    with pytest.raises(SnapshotMismatch, match="codes"):
        kind_of(kind).read(path)


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(PROVEN),
    count=st.sampled_from([1, 30, 700, 3000]),
    spread=st.sampled_from([0.0, 0.01, 1.0]),
    k=st.integers(1, 12),
    share=st.sampled_from([None, 0.01, 0.4]),
)
@settings(max_examples=extent(15, 200), deadline=None)
def test_a_certified_answer_is_that_of_all_vectors(
    seed: int, kind: str, count: int, spread: float, k: int, share: float | None
) -> None:
    rng = np.random.default_rng(seed)
    vectors = families(rng, count, spread=spread)
    queries = unit(vectors[rng.integers(0, count, 3)] + 0.01 * families(rng, 3, spread=1.0))
    flat = FlatRows(vectors)
    rows = CodedRows(kind, kind_of(kind).build(vectors), flat)
    selection = Selection(None, count)
    if share is not None:
        allowed = rng.random(count) < share
        allowed[:k] = True
        few = np.flatnonzero(allowed) if share < 0.1 else None
        selection = Selection(bitmap_of(allowed), int(allowed.sum()), few)
    k = min(k, selection.count)
    for _ in range(2):  # the second search of few rows is of a copy
        expected, _ = flat.nearest(queries, k, selection)
        found, numbers = rows.nearest(queries, k, selection, exact=True)
        np.testing.assert_array_equal(found, expected)
        assert all(len(set(each)) == k for each in numbers.tolist())
        for distance in (*expected[:, -1].tolist(), -0.9, 1.0):
            said = flat.up_to(queries, distance, selection)
            certified = rows.up_to(queries, distance, selection, exact=True)
            np.testing.assert_array_equal(certified[0], said[0])
            for start, end in zip(said[0], said[0][1:], strict=False):
                ours, theirs = (
                    sorted(zip(each[2][start:end], each[1][start:end], strict=True))
                    for each in (certified, said)
                )
                assert ours == theirs


@pytest.mark.parametrize("name", EXAMPLES)
def test_codes_that_prove_nothing_are_not_used_where_all_must_be_found(
    name: str, vectors: Embeddings
) -> None:
    flat, kind = FlatRows(vectors), kind_of(name)
    rows = CodedRows(name, kind.build(vectors), flat)
    every = Selection(None, ROWS)
    queries = vectors[::100].copy()
    assert rows.completeness.kind is CompletenessKind.UNMEASURED
    for ours, theirs in zip(
        rows.nearest(queries, 5, every, exact=True), flat.nearest(queries, 5, every), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    exactly, _ = flat.nearest(queries, 5, every)
    nearly, _ = rows.nearest(queries, 5, every, exact=False)
    assert (nearly >= exactly).all()
    assert np.mean(nearly == exactly) > 0.8


def test_a_vector_that_changed_in_its_file_is_found_out(vectors: Embeddings) -> None:
    codes, damaged = kind_of("sq8").build(vectors), vectors.copy()
    damaged[1200] = vectors[300]
    rows = CodedRows("sq8", codes, FlatRows(damaged))
    with pytest.raises(SnapshotMismatch, match=r"Row 1200 .* does not fit its code"):
        rows.nearest(vectors[1200:1201], 5, Selection(None, ROWS), exact=True)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Put a package with one entry point on the path."""
    metadata = folder / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{line}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_a_plug_in_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "mine = indexer.vectors.codes.fp16:FP16")
    assert code_names()[:3] == ["flat", "sq8", "fp16"]
    assert "mine" in code_names()
    assert code_kind("mine") is code_kind("fp16")


def test_unknown_codes_are_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidCodes, match=r"no vector codes 'sq9'.*flat, sq8, fp16"):
        code_kind("sq9")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("broken = no_such_package:KIND", "ModuleNotFoundError.*Install what they need"),
        ("broken = math:pi", "lack build and read"),
    ],
)
def test_a_broken_plug_in_is_refused_by_name(
    line: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, line)
    with pytest.raises(InvalidCodes, match=f"(?s)'broken'.*third-party.*{why}"):
        code_kind("broken")
