"""Choice of nprobe by measurement: the fewest lists with which a search finds enough."""

from collections.abc import Callable
from typing import Final, NamedTuple

from indexer.types import Completeness, Embeddings
from indexer.vectors.inverted_lists.search_plan import ListSettings
from indexer.vectors.recall import NEIGHBOURS, measure_recall
from indexer.vectors.results import SimilarityHits

QUERIES: Final = 1_000
"""Held-out queries on which recall is measured."""
_MORE: Final = 2**0.25
"""How many times more lists the next trial looks into, at least one."""
_SHORTLISTS: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)

Search = Callable[[Embeddings, int, ListSettings], SimilarityHits]
"""Finds the k nearest of each query with these settings."""


class MeasuredLists(NamedTuple):
    """How lists are searched, and what share of the true nearest they then find."""

    settings: ListSettings
    completeness: Completeness


def choose_probes(
    search: Search,
    queries: Embeddings,
    truth: SimilarityHits,
    *,
    lists: int,
    target: float,
    longest: int,
) -> MeasuredLists:
    """Find the fewest lists, then the shortest shortlist, whose recall is known to be enough.

    Recall rises with either, so both are found by halving the range of what is tried.

    Parameters
    ----------
    search : callable
    queries : ndarray of shape (n, d), float32, unit rows
        Not stored vectors themselves.
    truth : SimilarityHits
        Their true `NEIGHBOURS` nearest.
    lists : int
        All that there are.
    target : float
        What the lower end of the recall's 95 % interval (Wilson's) has to reach.
    longest : int
        The longest shortlist that is tried.

    Returns
    -------
    MeasuredLists
        Below the target if no settings reach it; those are of all lists.
    """
    tried: dict[tuple[int, int], MeasuredLists] = {}

    def measured(probes: int, shortlist: int) -> MeasuredLists:
        settings = ListSettings(probes, shortlist, NEIGHBOURS)
        if (probes, shortlist) not in tried:
            sample = measure_recall(
                lambda asked, k: search(asked, k, settings), lambda _asked, _k: truth, queries
            )
            tried[probes, shortlist] = MeasuredLists(settings, sample.completeness)
        return tried[probes, shortlist]

    def least(trials: list[tuple[int, int]]) -> MeasuredLists:
        """Return the first trial that reaches the target, or the last."""
        low, high = 0, len(trials) - 1
        while low < high:
            middle = (low + high) // 2
            if measured(*trials[middle]).completeness.reaches(target):
                high = middle
            else:
                low = middle + 1
        return measured(*trials[low])

    shortlists = [each for each in _SHORTLISTS if each < longest] + [longest]
    found = least([(probes, longest) for probes in _ladder(lists)])
    if not found.completeness.reaches(target):
        return found
    return least([(found.settings.probes, shortlist) for shortlist in shortlists])


def _ladder(lists: int) -> list[int]:
    """Return numbers of lists to try, ascending, up to all."""
    steps, last = [], 0
    while last < lists:
        last = min(lists, max(last + 1, round(last * _MORE)))
        steps.append(last)
    return steps
