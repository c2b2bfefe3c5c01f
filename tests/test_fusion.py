"""Weights of the evidence: how they add up, the file that holds them, and their fit."""

import json
from dataclasses import replace
from functools import cache
from math import exp, inf, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError, InvalidModel
from indexer.model import load_traits
from indexer.model.descriptor import read_descriptor
from indexer.model.fusion_file import FUSION, read_fusion, write_fusion
from indexer.model.references import resolve
from indexer.model.training.fusion_fit import (
    UNKNOWN_BITS,
    Evidences,
    Pairs,
    fit_details,
    fit_fusion,
)
from indexer.settings import SHIPPED_MODEL
from indexer.types import (
    COMMON_FUSION,
    Contribution,
    Curve,
    Evidence,
    Fusion,
    SpaceTraits,
    count_comparisons,
)
from support.fusion import MIXED, SIMPLE
from support.models import add_descriptor, make_tiny

pytestmark = pytest.mark.numeric

ORIENTATIONS = 8
PAIRS = 1_200_000
SHIPPED = load_traits(SHIPPED_MODEL).fusion
BOUNDS = {"near_duplicate": 12.0, "lookalike": 4.6}


# --- curves and sums -----------------------------------------------------------------------------


def test_a_curve_is_linear_between_its_points_and_constant_beyond() -> None:
    curve = Curve((0.0, 1.0, 3.0), (0.0, 10.0, 20.0))

    assert curve([-5, 0, 0.5, 2, 3, 99]).tolist() == [0, 0, 5, 15, 20, 20]
    assert curve(np.zeros((2, 3))).shape == (2, 3)
    assert curve.most == 20


@pytest.mark.parametrize(
    ("nats", "least"), [(-1, 0.0), (0, 0.0), (5, 0.5), (15, 2.0), (20, 3.0), (20.1, inf)]
)
def test_the_least_value_of_a_curve_is_where_it_reaches_so_much(nats: float, least: float) -> None:
    assert Curve((0.0, 1.0, 3.0), (0.0, 10.0, 20.0)).least(nats) == least


@given(st.none() | st.floats(-1, 1), st.none() | st.integers(0, 256), st.integers(1, 10**9))
def test_log_odds_are_the_sum_of_what_was_measured(
    cosine: float | None, bits: int | None, comparisons: int
) -> None:
    weighed = SIMPLE.contributions(cosine, bits)
    evidence = Evidence(
        same_bytes=False, pdq_distance=bits, similarity=cosine, contributions=weighed
    ).among(comparisons)

    expected = (0 if cosine is None else 100 * cosine) - log(comparisons)
    expected += 0 if bits is None else max(0, 50 - bits / 2)
    assert evidence.log_odds == pytest.approx(expected, abs=1e-3)
    measured = {each.signal: each.value for each in evidence.contributions}
    assert measured.get("embedding") == cosine
    assert measured.get("pdq") == bits
    assert measured["comparisons"] == comparisons


FUSIONS = pytest.mark.parametrize(
    "fusion", [SIMPLE, MIXED, COMMON_FUSION, SHIPPED], ids=lambda fusion: fusion.version
)


@FUSIONS
@given(st.none() | st.floats(-1, 1), st.none() | st.integers(0, 256))
def test_what_each_signal_adds_makes_up_the_weight(
    fusion: Fusion, cosine: float | None, bits: int | None
) -> None:
    added = sum(each.log_odds for each in fusion.contributions(cosine, bits))

    by_embedding = 0.0 if cosine is None else fusion.embedding(cosine)
    by_pdq = 0.0 if bits is None else fusion.of_pdq(bits)
    assert added == pytest.approx(float(fusion.join(by_embedding, by_pdq)), abs=1e-3)
    if cosine is not None:
        assert added == pytest.approx(
            float(fusion.weigh(cosine, UNKNOWN_BITS if bits is None else bits)), abs=1e-3
        )


def test_a_signal_that_an_edit_destroyed_does_not_speak_against_the_other() -> None:
    by_pdq, by_cosine = MIXED.weigh(-1, 0), MIXED.weigh(0.9, 100)

    assert SIMPLE.weigh(-1, 0) == pytest.approx(-50)
    assert by_pdq == pytest.approx(MIXED.pdq_alone + 50, abs=1e-3)
    assert by_cosine == pytest.approx(MIXED.embedding_alone + 90, abs=0.1)
    assert MIXED.weigh(0.9, 0) == pytest.approx(90 + 50, abs=1e-3)  # both speak for it


def test_where_nothing_was_weighed_nothing_is_added() -> None:
    nothing = Evidence(same_bytes=True, pdq_distance=None, similarity=None)

    assert nothing.log_odds is None
    assert nothing.among(1000) == nothing
    assert nothing.adding(Contribution("geometry", 20, 9.0)) == nothing


# --- the file ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return add_descriptor(make_tiny(tmp_path / "with head"))


def version_of(folder: Path) -> str:
    return read_descriptor(folder / "descriptor.json").version


def write(folder: Path, **changes: Any) -> None:
    write_fusion(SIMPLE, version_of(folder), {"images": 3}, folder / FUSION)
    stated = json.loads((folder / FUSION).read_text()) | changes
    (folder / FUSION).write_text(json.dumps(stated))


def test_a_fusion_reads_back_as_it_was_written(folder: Path) -> None:
    written = write_fusion(SIMPLE, version_of(folder), {"images": 3}, folder / FUSION)

    assert read_fusion(resolve(str(folder))) == written == replace(SIMPLE, version=written.version)
    assert load_traits(str(folder)) == SpaceTraits(written, None)


def test_the_version_names_the_weights_and_not_how_they_were_fitted(folder: Path) -> None:
    def version(fusion: Fusion, **fitted: int) -> str:
        return write_fusion(fusion, "1", fitted, folder / FUSION).version

    assert version(SIMPLE, images=3) == version(SIMPLE, images=4)
    assert version(SIMPLE) != version(replace(SIMPLE, prior=1.0))


def test_a_model_without_a_fusion_has_the_common_one(tmp_path: Path) -> None:
    plain = make_tiny(tmp_path / "plain")

    assert read_fusion(resolve(str(plain))) is None
    assert load_traits(str(plain)) == SpaceTraits(COMMON_FUSION, None)


def test_the_shipped_model_has_weights_of_its_own_and_a_background() -> None:
    traits = load_traits(SHIPPED_MODEL)

    assert traits.fusion != COMMON_FUSION
    assert traits.fusion.lookalike < traits.fusion.near_duplicate
    assert traits.background is not None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "its format is 2, and 1 can be read"),
        ({"prior": None}, "None is not a finite number"),
        ({"lookalike": float("nan")}, "nan is not a finite number"),
        ({"pdq": {"values": [0, 1], "nats": [1]}}, "as many nats as values"),
        ({"pdq": {"values": [0], "nats": [1]}}, "at least two"),
        ({"pdq": {"values": [1, 0], "nats": [1, 0]}}, "must ascend"),
        ({"embedding": {"values": [0, 1, 2], "nats": [0, 2, 1]}}, "must be monotone"),
        ({"details": {}}, "KeyError: 'values'"),
        ({"details": 7}, "TypeError"),
    ],
    ids=lambda given: str(given) if isinstance(given, str) else "",
)
def test_a_damaged_fusion_is_refused_with_advice(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    write(folder, **changes)

    with pytest.raises(InvalidModel, match=message) as caught:
        load_traits(str(folder))
    assert str(folder / FUSION) in str(caught.value)
    assert "Fetch the model again, or delete the file" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no json", b"\xff\xfe", b"[]"])
def test_what_is_no_fusion_file_is_refused_with_advice(folder: Path, content: bytes) -> None:
    (folder / FUSION).write_bytes(content)

    with pytest.raises(InvalidModel, match=r"cannot be used.*or delete the file"):
        load_traits(str(folder))


def test_a_fusion_of_another_head_is_refused(folder: Path, tmp_path: Path) -> None:
    write(folder, descriptor="another")
    with pytest.raises(InvalidModel, match=r"fitted to the head another.*fit-fusion"):
        load_traits(str(folder))

    plain = make_tiny(tmp_path / "plain")
    write_fusion(SIMPLE, "1", {}, plain / FUSION)
    with pytest.raises(InvalidModel, match="the folder holds None"):
        load_traits(str(plain))


# --- the fit -------------------------------------------------------------------------------------


def strangers(seed: int, count: int = PAIRS) -> Pairs:
    """Make up pairs that have nothing to do with each other; one of fifty is flat."""
    random = np.random.default_rng(seed)
    normalised = random.normal(-0.1, 0.09, count).astype(np.float32)
    bits = np.round(random.normal(116, 6.5, count)).astype(np.int16)
    bits[random.random(count) < 0.02] = UNKNOWN_BITS
    return Pairs(normalised, bits)


def evidence(copies: int = 400, pairs: int = PAIRS) -> Evidences:
    """Make up copies of two pieces, of which the second shows something else."""
    random = np.random.default_rng(7)
    normalised = random.normal(0.45, 0.15, (copies, 2)).astype(np.float32)
    bits = np.abs(random.normal(40, 30, (copies, 2))).astype(np.int16)
    others = strangers(8, copies)
    normalised[:, 1], bits[:, 1] = others.normalised, others.bits
    return Evidences(
        copies=Pairs(normalised.ravel(), bits.ravel()),
        owners=np.repeat(np.arange(copies), 2),
        strangers=strangers(9, pairs),
        verified_copies=random.integers(5, 80, 300),
        verified_strangers=random.integers(0, 9, 300),
        orientations=ORIENTATIONS,
        bias=0.34,
    )


@cache
def fitted() -> Fusion:
    return fit_fusion(evidence(), **BOUNDS)


@pytest.mark.parametrize("nats", [7.0, 8.0, 9.0])
def test_strangers_that_were_not_fitted_reach_x_nats_once_in_exp_x_comparisons(nats: float) -> None:
    fusion = fitted()
    bound = nats + log(ORIENTATIONS)

    reached = sum(
        int((fusion.weigh(unseen.normalised, unseen.bits) >= bound).sum())
        for unseen in (strangers(seed) for seed in (101, 102))
    )

    expected = 2 * PAIRS * exp(-nats)
    assert expected / 2 < reached < 2 * expected


def test_a_fit_tells_copies_from_strangers() -> None:
    fusion, given = fitted(), evidence()

    weights = fusion.weigh(given.copies.normalised, given.copies.bits).reshape(-1, 2).max(axis=1)

    assert np.median(weights) > 20
    assert (weights - log(1000 * ORIENTATIONS) > fusion.lookalike).mean() > 0.9
    assert (fusion.near_duplicate, fusion.lookalike) == (12.0, 4.6)
    assert fusion.bias == pytest.approx(0.34)


def test_what_is_fitted_can_be_read_back(folder: Path) -> None:
    fusion = write_fusion(fitted(), version_of(folder), {}, folder / FUSION)

    assert read_fusion(resolve(str(folder))) == fusion


def test_details_weigh_by_how_often_copies_and_strangers_have_as_many() -> None:
    counts = np.random.default_rng(3).integers(0, 60, 2000)

    alike = fit_details(counts, counts)
    apart = fit_details(counts + 20, counts // 8)

    assert np.abs(alike.nats).max() < 0.5
    assert apart(4) < -2
    assert apart(30) > 2
    assert list(apart.nats) == sorted(apart.nats)


@pytest.mark.parametrize(("copies", "pairs"), [(19, PAIRS), (400, 999_999), (0, 0)])
def test_too_few_copies_or_strangers_are_refused(copies: int, pairs: int) -> None:
    with pytest.raises(InputError, match=f"{copies} copies and {pairs} pairs of strangers are too"):
        fit_fusion(evidence(copies, pairs), **BOUNDS)


def test_a_small_bank_counts_as_a_thousand_vectors() -> None:
    assert count_comparisons(1) == count_comparisons(1_000) == 1_000
    assert count_comparisons(2_000, pieces=3, orientations=8) == 48_000
