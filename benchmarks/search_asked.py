"""One contestant of search.py in a process of its own, on one core: builds it, or answers for it.

Commands come as lines of JSON on stdin; answers go to stdout likewise.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TextIO

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANCE_CPU_THREADS"):
    os.environ[_variable] = "1"

import numpy as np
import psutil

from search_contestant import Contestant, Rows
from search_vectors import TAGS, K, VectorSet, load_set

CONTESTANTS: Final = {
    "ours-t0": "search_ours.OurFlat",
    "ours-t1": "search_ours.OurCertified",
    "ours-t2": "search_lists.OurLists",
    "ours-t3": "search_lists.OurBinaryLists",
    "ours-t0-matcher": "search_ours.OurFlatMatcher",
    "ours-t1-matcher": "search_ours.OurCertifiedMatcher",
    "faiss-flat": "search_libraries.FaissFlat",
    "faiss-ivf": "search_libraries.FaissLists",
    "faiss-ivf-sq8": "search_libraries.FaissListsOfBytes",
    "faiss-hnsw": "search_libraries.FaissGraph",
    "hnswlib": "search_libraries.Hnswlib",
    "usearch": "search_libraries.Usearch",
    "scann": "search_libraries.Scann",
    "svs": "search_libraries.Svs",
    "pgvector": "search_systems.Pgvector",
    "milvus-lite": "search_systems.MilvusLite",
    "qdrant-local": "search_systems.QdrantLocal",
    "lancedb": "search_systems.Lance",
    "chroma": "search_systems.Chroma",
}
_PATIENCE: Final = 10.0  # seconds, after which no more is asked of one turn
_FEWEST: Final = 5  # queries of a turn all the same
_ROUNDING: Final = 1e-5  # of a cosine similarity, summed in another order


def contestant_named(name: str) -> type[Contestant]:
    """Return a contestant's class; what it needs may be missing."""
    module, _, kind = CONTESTANTS[name].partition(".")
    contestant: type[Contestant] = getattr(import_module(module), kind)
    return contestant


@dataclass(frozen=True, slots=True)
class Question:
    """A way to ask, and how its answers are judged."""

    what: str  # all, tagged or range
    effort: int
    below: int = TAGS  # tags of the rows that count
    column: int = 0  # of what is true: all rows, or those of a filter

    def asker(self, contestant: Contestant, vectors: VectorSet) -> Callable[[int], Rows]:
        """Return what finds the rows for the query of a number."""
        queries = vectors.queries
        if self.what == "range":
            return lambda q: contestant.search_range(queries[q], vectors.threshold, self.effort)
        if self.what == "tagged":
            return lambda q: contestant.search_tagged(queries[q], K, self.effort, self.below)
        return lambda q: contestant.search(queries[q], K, self.effort)

    def judge(self, vectors: VectorSet, query: int, rows: Rows) -> tuple[int, int]:
        """Return how many of the right rows were found, and how many there are."""
        gallery = vectors.gallery
        found = np.unique(np.asarray(rows, np.int64))
        found = found[found >= 0]
        found = found[gallery.tags[found] < self.below]
        similarities = gallery.vectors[found] @ vectors.queries[query]
        if self.what == "range":
            right = np.count_nonzero(similarities >= vectors.threshold - _ROUNDING)
            there = int(vectors.within[query])
        else:
            right = np.count_nonzero(similarities >= vectors.least[query, self.column] - _ROUNDING)
            there = K
        return min(int(right), there), there


def memory(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes that no file backs, shared ones counted once."""
    total = 0
    for process in processes:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1]) * 1024
    return total


class Asked:
    """An open contestant, its vectors and its processes."""

    def __init__(self, contestant: Contestant, vectors: VectorSet) -> None:
        self._contestant = contestant
        self._vectors = vectors

    def processes(self) -> Iterator[psutil.Process]:
        """Yield this process and all that the contestant started."""
        me = psutil.Process()
        own = [me, *me.children(recursive=True)]
        yield from own
        for pid in set(self._contestant.processes()) - {process.pid for process in own}:
            with suppress(psutil.NoSuchProcess):
                yield psutil.Process(pid)

    def processor_seconds(self) -> float:
        """Return the processor time that all threads have used."""
        nanoseconds = 0
        for process in self.processes():
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                with suppress(OSError):
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def answer(self, first: int, count: int, question: Question) -> dict[str, Any]:
        """Ask about some queries, one after the other; time and judge the answers."""
        ask = question.asker(self._contestant, self._vectors)
        numbers = [(first + i) % len(self._vectors.queries) for i in range(count)]
        ask(numbers[-1])  # a changed parameter may cost the first one more
        seconds, answers = [], []
        before = self.processor_seconds()
        for number in numbers:
            begun = time.perf_counter()
            answers.append(ask(number))
            seconds.append(time.perf_counter() - begun)
            if sum(seconds) > _PATIENCE and len(seconds) >= _FEWEST:
                break
        used = self.processor_seconds() - before
        judged = [
            question.judge(self._vectors, number, rows)
            for number, rows in zip(numbers, answers, strict=False)
        ]
        found, there = (sum(each) for each in zip(*judged, strict=True))
        return {"seconds": seconds, "processor": used, "found": found, "there": there}


def build(contestant: Contestant) -> Mapping[str, float]:
    """Build and measure; processor time is without that of servers."""
    contestant.load()
    begun, used = time.perf_counter(), time.process_time()
    contestant.build()
    measured = {
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time() - used,
        "disk": contestant.size(),
    }
    contestant.close()
    return measured


def serve(contestant: Contestant, vectors: VectorSet, answers: TextIO) -> None:
    """Open, and answer until stdin ends."""

    def say(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    contestant.load()
    asked = Asked(contestant, vectors)
    empty = memory([psutil.Process()])
    begun = time.perf_counter()
    contestant.open()
    say(
        {
            "open": time.perf_counter() - begun,
            "efforts": contestant.efforts,
            "filter": contestant.can_filter,
            "range": contestant.can_range,
            "note": contestant.note,
        }
    )
    for line in sys.stdin:
        command = json.loads(line)
        if command.pop("do") == "memory":
            say({"bytes": memory(asked.processes()) - empty})
        else:
            first, count = command.pop("first"), command.pop("count")
            say(asked.answer(first, count, Question(**command)))
    contestant.close()


def main() -> None:
    """Build, or answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("build", "serve"))
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("vectors", type=Path, help="folder of the set")
    parser.add_argument("folder", type=Path, help="what is built")
    parser.add_argument("--core", type=int, help="the only core to use")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    # What libraries print must not mix with answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    vectors = load_set(given.vectors)
    contestant = contestant_named(given.name)(vectors.gallery, given.folder)
    if given.task == "build":
        print(json.dumps(build(contestant)), file=answers, flush=True)
    else:
        serve(contestant, vectors, answers)


if __name__ == "__main__":
    main()
