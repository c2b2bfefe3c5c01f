"""Evaluation: a copy-detection benchmark, and recall against exact search."""

from indexer.evaluation.benchmark_gallery import REFERENCES, Named, name_references, temporary_index
from indexer.evaluation.benchmark_run import (
    Answers,
    Evaluation,
    Failure,
    GalleryResult,
    ask,
    evaluate,
)
from indexer.evaluation.exactness import Exactness, measure_exactness
from indexer.evaluation.ground_truth import Benchmark, BenchmarkQuery, load_benchmark
from indexer.evaluation.made_up_images import add_made_up, add_made_up_with
from indexer.evaluation.operating_point import (
    FalseMatches,
    FalseMatchRates,
    OperatingPoint,
    Rate,
    TierFalseMatches,
    measure_operating_point,
)
from indexer.evaluation.plot import check_drawable, draw, draw_curves
from indexer.evaluation.ranked_pairs import SIGNALS, RankedCandidate, candidates, pairs, rank
from indexer.evaluation.retrieval_metrics import Pair, RetrievalMetrics, Score, score
from indexer.evaluation.score_curves import ScoreCurve, trace_curve

__all__ = [
    "REFERENCES",
    "SIGNALS",
    "Answers",
    "Benchmark",
    "BenchmarkQuery",
    "Evaluation",
    "Exactness",
    "Failure",
    "FalseMatchRates",
    "FalseMatches",
    "GalleryResult",
    "Named",
    "OperatingPoint",
    "Pair",
    "RankedCandidate",
    "Rate",
    "RetrievalMetrics",
    "Score",
    "ScoreCurve",
    "TierFalseMatches",
    "add_made_up",
    "add_made_up_with",
    "ask",
    "candidates",
    "check_drawable",
    "draw",
    "draw_curves",
    "evaluate",
    "load_benchmark",
    "measure_exactness",
    "measure_operating_point",
    "name_references",
    "pairs",
    "rank",
    "score",
    "temporary_index",
    "trace_curve",
]
