import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError, UnreadableSource
from indexer.evaluation import (
    BenchmarkQuery,
    Pair,
    RankedCandidate,
    Rate,
    load_benchmark,
    measure_operating_point,
    score,
    trace_curve,
)
from indexer.types import Signal, Tier

pytestmark = pytest.mark.numeric

SCORER = Path(__file__).parents[2] / "shared" / "bench" / "score.py"
COPY, OTHER, STRANGER = (
    BenchmarkQuery("q/copy", "r/1", "blur"),
    BenchmarkQuery("q/other", "r/2", "crop"),
    BenchmarkQuery("q/stranger", None, "blur"),
)
CASES = (COPY, OTHER, STRANGER)
FUSED = Signal.FUSED


def right(case: BenchmarkQuery, value: float) -> Pair:
    assert case.reference is not None
    return Pair(case.query, case.reference, value)


def wrong(case: BenchmarkQuery, value: float) -> Pair:
    return Pair(case.query, "r/9", value)


# --- metrics -------------------------------------------------------------------------------------


def test_a_ranking_with_every_right_pair_first_is_worth_1() -> None:
    overall = score(CASES, [right(COPY, 0.9), right(OTHER, 0.8), wrong(STRANGER, 0.1)]).overall

    assert (overall.mu_ap, overall.recall_at_1, overall.recall_at_precision) == (1, 1, 1)
    assert overall.bound == 0.8
    assert (overall.copies, overall.strangers) == (2, 1)


def test_a_wrong_pair_lowers_the_precision_of_those_below_it() -> None:
    overall = score(CASES, [right(COPY, 0.9), wrong(STRANGER, 0.85), right(OTHER, 0.8)]).overall

    assert overall.mu_ap == pytest.approx((1 + 2 / 3) / 2)
    assert overall.recall_at_1 == 1
    assert (overall.recall_at_precision, overall.bound) == (0.5, 0.9)


def test_a_query_without_pairs_is_missed() -> None:
    overall = score(CASES, [right(COPY, 0.9)]).overall

    assert (overall.mu_ap, overall.recall_at_1, overall.recall_at_precision) == (0.5, 0.5, 0.5)


def test_no_pairs_at_all_are_worth_nothing() -> None:
    overall = score(CASES, []).overall

    assert (overall.mu_ap, overall.recall_at_1, overall.recall_at_precision) == (0, 0, 0)
    assert overall.bound is None


def test_a_tie_counts_against_the_ranking() -> None:
    overall = score([COPY], [right(COPY, -30), wrong(COPY, -30)]).overall

    assert (overall.mu_ap, overall.recall_at_1) == (0.5, 0)


def test_pairs_of_a_query_that_is_no_case_are_passed_over() -> None:
    assert score([COPY], [wrong(OTHER, 2), right(COPY, 1)]).overall.mu_ap == 1


def test_a_transform_is_measured_with_its_copies_and_all_strangers() -> None:
    scored = score(CASES, [wrong(STRANGER, 0.9), right(COPY, 0.8), wrong(OTHER, 0.95)])

    assert list(scored.by_transform) == ["blur", "crop"]
    blur = scored.by_transform["blur"]
    assert (blur.mu_ap, blur.recall_at_1, blur.copies, blur.strangers) == (0.5, 1, 1, 1)


# --- curves --------------------------------------------------------------------------------------


def test_a_curve_has_precision_and_false_matches_at_each_bound_that_finds_a_copy() -> None:
    ranked = [right(COPY, 0.9), wrong(STRANGER, 0.85), wrong(COPY, 0.8), right(OTHER, 0.8)]

    curve = trace_curve(CASES, ranked)

    assert curve.bounds == [0.9, 0.8]
    assert curve.recall == [0.5, 1]
    assert curve.precision == [1, 0.5]
    assert curve.false_matches == [0, 1]


def test_a_curve_of_many_copies_ends_with_the_last_and_has_about_200_points() -> None:
    cases = [BenchmarkQuery(f"q/{row}", f"r/{row}", "blur") for row in range(1001)]

    curve = trace_curve(cases, [right(case, -row) for row, case in enumerate(cases)])

    assert 190 < len(curve.bounds) <= 202
    assert (curve.recall[-1], curve.bounds[-1]) == (1, -1000)
    assert curve.false_matches == []


def test_without_a_right_pair_there_is_no_curve() -> None:
    assert trace_curve(CASES, [wrong(COPY, 1)]).bounds == []


# --- operating point -----------------------------------------------------------------------------


def seen(query: str, reference: str, tier: Tier, signal: Signal) -> RankedCandidate:
    return RankedCandidate(query, reference, (), 0.5, 90, None, tier, signal)


def test_matches_at_the_bounds_in_force_are_counted_by_tier_and_signal() -> None:
    lookalike, none = Tier.LOOKALIKE, Tier.NONE
    given = [
        [seen("q/copy", "r/1", lookalike, FUSED)],
        [seen("q/other", "r/2", none, Signal.EMBEDDING), seen("q/other", "r/1", lookalike, FUSED)],
        [
            seen("q/stranger", "r/1", Tier.NEAR_DUPLICATE, Signal.PDQ),
            seen("q/stranger", "r/2", lookalike, FUSED),
            seen("q/stranger", "r/3", lookalike, FUSED),
            seen("q/stranger", "r/4", none, Signal.EMBEDDING),
        ],
    ]

    point = measure_operating_point(CASES, given)

    assert (point.recall.count, point.recall.queries) == (1, 2)
    assert {name: rate.share for name, rate in point.recall_by_transform.items()} == {
        "blur": 1,
        "crop": 0,
    }
    assert point.strangers is not None
    assert (point.strangers.overall.uploads.count, point.strangers.overall.per_upload) == (1, 3)
    of_lookalike = point.strangers.by_tier[lookalike]
    assert (of_lookalike.overall.per_upload, list(of_lookalike.by_signal)) == (2, [FUSED])
    assert (point.copies.overall.uploads.count, point.copies.overall.per_upload) == (1, 0.5)


def test_a_query_that_could_not_be_asked_is_missed_and_has_no_false_match() -> None:
    point = measure_operating_point(CASES, [[], [], []])

    assert point.recall.share == 0
    assert point.strangers is not None
    assert point.strangers.overall.uploads == Rate(0, 1, 0, 0, pytest.approx(0.975))


@cache
def their_metrics() -> Callable[..., dict[str, Any]]:
    if not SCORER.is_file():
        pytest.skip("the benchmark's own scorer is not there")
    spec = importlib.util.spec_from_file_location("score", SCORER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metrics: Callable[..., dict[str, Any]] = module.metrics
    return metrics


names = st.sampled_from([f"r/{number}" for number in range(4)])


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[BenchmarkQuery], list[Pair]]:
    """Draw queries, one of them a copy at least, and pairs of which many tie."""
    references = draw(st.lists(st.none() | names, min_size=1, max_size=8))
    transforms = st.sampled_from(["blur", "crop", "jpeg"])
    cases = [
        BenchmarkQuery(f"q/{number}", reference, draw(transforms))
        for number, reference in enumerate([*references, "r/0"])
    ]
    pair = st.builds(
        Pair,
        st.sampled_from([case.query for case in cases]),
        names,
        st.integers(-4, 4).map(float),
    )
    return cases, draw(st.lists(pair, max_size=30))


@given(rankings())
def test_the_figures_are_those_of_the_benchmark_s_own_scorer(
    ranking: tuple[list[BenchmarkQuery], list[Pair]],
) -> None:
    cases, ranked = ranking
    truth = {case.query: (case.reference or "", case.transform) for case in cases}
    theirs = their_metrics()(truth, ranked)

    ours = score(cases, ranked)

    assert ours.overall.mu_ap == pytest.approx(theirs["muAP"])
    assert ours.overall.recall_at_1 == pytest.approx(theirs["recall@1"])
    assert ours.overall.recall_at_precision == pytest.approx(theirs["recall@P90"])
    assert ours.overall.bound == theirs["threshold@P90"]
    assert {
        name: [pytest.approx(of.recall_at_1), of.copies] for name, of in ours.by_transform.items()
    } == theirs["per_transform_recall@1"]


# --- ground truth --------------------------------------------------------------------------------

HEADER = "query_path,reference_path,transform,params"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a ground truth, and two references beside it."""
    (folder / "refs").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / "refs" / name).write_bytes(b"")
    path = folder / "ground_truth.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def test_a_benchmark_is_read_from_its_folder_or_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "queries/1.jpg,refs/a.jpg,blur,r=2", "queries/2.jpg,,crop,")

    benchmark = load_benchmark(tmp_path)

    assert load_benchmark(path) == benchmark
    assert benchmark.cases == (
        BenchmarkQuery("queries/1.jpg", "refs/a.jpg", "blur"),
        BenchmarkQuery("queries/2.jpg", None, "crop"),
    )
    assert benchmark.references == ("refs/a.jpg", "refs/b.jpg")
    assert benchmark.path("refs/a.jpg") == tmp_path / "refs" / "a.jpg"


def test_a_reference_elsewhere_is_searched_as_well(tmp_path: Path) -> None:
    written(tmp_path, "1.jpg,more/c.jpg,blur,", "2.jpg,./refs/a.jpg,blur,")

    assert load_benchmark(tmp_path).references == ("more/c.jpg", "refs/a.jpg", "refs/b.jpg")


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (["1.jpg,refs/a.jpg,blur,"], "query,reference_path,transform,", "no column query_path"),
        (["1.jpg,refs/a.jpg,blur,"] * 2, HEADER, "line 3: 1.jpg is listed twice"),
        (["1.jpg,refs/a.jpg"], HEADER, "line 2: the row is incomplete"),
        (["1.jpg,,blur,"], HEADER, "lists no copies"),
        ([], HEADER, "lists no copies"),
    ],
    ids=["column", "twice", "short", "no copy", "empty"],
)
def test_a_ground_truth_that_cannot_be_used_is_refused(
    tmp_path: Path, rows: list[str], header: str, words: str
) -> None:
    written(tmp_path, *rows, header=header)

    with pytest.raises(InputError, match=words):
        load_benchmark(tmp_path)


def test_a_folder_without_a_ground_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match=r"ground_truth\.csv cannot be read"):
        load_benchmark(tmp_path)


def test_some_transforms_keep_all_queries_without_a_reference(tmp_path: Path) -> None:
    written(tmp_path, "1,refs/a.jpg,blur,", "2,refs/a.jpg,crop,", "3,,crop,", "4,,jpeg,")
    benchmark = load_benchmark(tmp_path)

    assert [case.query for case in benchmark.select(["blur"]).cases] == ["1", "3", "4"]
    with pytest.raises(InputError, match=r"by jpeg\..* transforms are blur, crop"):
        benchmark.select(["jpeg"])


def test_a_limit_takes_queries_from_all_over_the_ground_truth(tmp_path: Path) -> None:
    written(tmp_path, *(f"{number},refs/a.jpg,blur," for number in range(10)))
    benchmark = load_benchmark(tmp_path)

    assert [case.query for case in benchmark.select(limit=4).cases] == ["0", "2", "5", "7"]
    assert benchmark.select(limit=100) == benchmark
