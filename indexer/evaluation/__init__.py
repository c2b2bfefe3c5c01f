"""Evaluation: a copy-detection benchmark, and recall against exact search."""

from indexer.evaluation.benchmark_gallery import Named, name_references, temporary_index
from indexer.evaluation.benchmark_run import Answers, Evaluation, Failure, ask, evaluate
from indexer.evaluation.exactness import Exactness, measure_exactness
from indexer.evaluation.ground_truth import Benchmark, BenchmarkQuery, load_benchmark
from indexer.evaluation.plot import check_drawable, draw
from indexer.evaluation.ranked_pairs import SIGNALS, RankedCandidate, candidates, pairs, rank
from indexer.evaluation.retrieval_metrics import Pair, RetrievalMetrics, Score, score

__all__ = [
    "SIGNALS",
    "Answers",
    "Benchmark",
    "BenchmarkQuery",
    "Evaluation",
    "Exactness",
    "Failure",
    "Named",
    "Pair",
    "RankedCandidate",
    "RetrievalMetrics",
    "Score",
    "ask",
    "candidates",
    "check_drawable",
    "draw",
    "evaluate",
    "load_benchmark",
    "measure_exactness",
    "name_references",
    "pairs",
    "rank",
    "score",
    "temporary_index",
]
