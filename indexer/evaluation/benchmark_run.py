"""Benchmark run: every query through the matcher, with retrieval metrics."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from indexer.errors import InputError
from indexer.evaluation.benchmark_gallery import Named
from indexer.evaluation.exactness import Exactness
from indexer.evaluation.ground_truth import BenchmarkQuery
from indexer.evaluation.operating_point import OperatingPoint, measure_operating_point
from indexer.evaluation.ranked_pairs import SIGNALS, RankedCandidate, candidates, pairs
from indexer.evaluation.retrieval_metrics import Score, score
from indexer.evaluation.score_curves import ScoreCurve, trace_curve
from indexer.matching import Matcher, Query, SearchOptions
from indexer.matching.ranking import most_alike_first
from indexer.settings import Settings
from indexer.sources import read
from indexer.types import Signal
from indexer.vectors.binary_index import PDQ_BITS


@dataclass(frozen=True, slots=True)
class Failure:
    """A query that could not be asked; it counts as missed."""

    query: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the matcher said of every query."""

    candidates: list[list[RankedCandidate]]  # of each case; empty where it could not be asked
    failures: list[Failure]
    seconds: float  # wall time of all queries


@dataclass(frozen=True, slots=True)
class GalleryResult:
    """What is found in one gallery."""

    made_up: int
    """Strangers that were made up and added to the references."""
    scores: dict[Signal, Score]
    """By what the pairs are ranked, that of searches first: geometry, which is fused and
    verified (where local features are kept), fused alone, or one signal alone."""
    at_bounds: OperatingPoint
    """Recall and false matches at the bounds in force."""
    curves: dict[Signal, ScoreCurve]
    """Precision, recall and false matches at every bound, by ranking."""
    milliseconds_per_query: float
    """Wall time over the number of queries, with decoding and forward pass, all threads busy."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an index finds of a benchmark."""

    queries: int
    references: int
    """Pictures of the benchmark that the index holds."""
    missing: tuple[str, ...]
    """References that it does not hold; their copies cannot be found."""
    k: int
    """Pairs of each query that count."""
    scores: dict[Signal, Score]
    """Those of the first gallery."""
    failures: list[Failure]
    """Queries that could not be read."""
    milliseconds_per_query: float
    """That of the first gallery."""
    galleries: tuple[GalleryResult, ...]
    """By the number of made-up strangers, the smallest first."""
    exactness: tuple[Exactness, ...] = ()
    """What each view finds of the true nearest keys of the last gallery, if asked for."""


def ask(
    named: Named,
    matcher: Matcher,
    settings: Settings,
    *,
    k: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> Answers:
    """Ask the matcher about every query, in as many threads as the settings say.

    Parameters
    ----------
    named : Named
        The benchmark, as the matcher's index sees it.
    matcher : Matcher
    settings : Settings
    k : int
        Nearest images considered by each signal.
    on_progress : callable
        Called with the number of queries done, by the calling thread.
    """
    # Nothing is cut off or missed: each signal is measured.
    options = SearchOptions(k=k, exact=True, pdq_reach=PDQ_BITS)

    def answer(case: BenchmarkQuery) -> list[RankedCandidate] | Failure:
        try:
            data = read(named.benchmark.path(case.query), settings.max_image_bytes)
            compared = matcher.matches(Query.picture(data, case.query), options)
            ranked = sorted(compared.matches, key=most_alike_first)
            return candidates(case.query, ranked, named.references)
        except InputError as error:
            return Failure(case.query, error.code, str(error))

    begun = perf_counter()
    found: list[list[RankedCandidate]] = []
    failures = []
    pool = ThreadPoolExecutor(settings.worker_threads)
    try:
        for given in pool.map(answer, named.benchmark.cases):
            if isinstance(given, Failure):
                failures.append(given)
                found.append([])
            else:
                found.append(given)
            on_progress(len(found))
    finally:  # also when Ctrl-C ends it
        pool.shutdown(cancel_futures=True)
    return Answers(found, failures, perf_counter() - begun)


def evaluate(
    named: Named,
    answers: Mapping[int, Answers],
    exactness: tuple[Exactness, ...] = (),
    *,
    k: int,
    verified: bool,
) -> Evaluation:
    """Measure the answers to every query of a benchmark, ranked by each signal.

    Parameters
    ----------
    named : Named
    answers : mapping of int to Answers
        By the number of made-up strangers in the gallery, the smallest first.
    exactness : tuple of Exactness
    k : int
        Pairs of each query that count.
    verified : bool
        Whether undecided candidates were verified, so that there is a ranking with their details.
    """
    cases = named.benchmark.cases
    galleries = tuple(
        _measure_gallery(cases, made_up, each, k, verified=verified)
        for made_up, each in answers.items()
    )
    return Evaluation(
        queries=len(cases),
        references=len(named.references),
        missing=named.missing,
        k=k,
        scores=galleries[0].scores,
        failures=next(iter(answers.values())).failures,
        milliseconds_per_query=galleries[0].milliseconds_per_query,
        galleries=galleries,
        exactness=exactness,
    )


def _measure_gallery(
    cases: Sequence[BenchmarkQuery], made_up: int, answers: Answers, k: int, *, verified: bool
) -> GalleryResult:
    signals = [signal for signal in SIGNALS if verified or signal is not Signal.GEOMETRY]
    ranked = {signal: pairs(answers.candidates, signal, k) for signal in signals}
    return GalleryResult(
        made_up=made_up,
        scores={signal: score(cases, each) for signal, each in ranked.items()},
        at_bounds=measure_operating_point(cases, answers.candidates),
        curves={signal: trace_curve(cases, each) for signal, each in ranked.items()},
        milliseconds_per_query=1000 * answers.seconds / len(cases),
    )
