"""Compare searches by embedding: ours, libraries and whole systems, at equal recall.

    python benchmarks/search.py [BENCH] --folder FOLDER [--sizes 100000 1000000] [--only NAME ...]

For each set of vectors (see search_vectors.py) every contestant is built once, in a process of its
own that keeps to one core; what is built stays in the folder. Then all are opened, each in its own
process on that core, and measured:

- of its search parameters the least that reaches recall@10 of 0.95 and of 0.99
- queries one at a time, the contestants turn by turn about the same ones: queries a second, the
  99th percentile, processor time (which another program's load disturbs less)
- under filters of 1, 10 and 50 % and by threshold, with the parameter that reached 0.95
- memory that no file backs, and bytes on disk

What is measured is added to FOLDER/results.json, from which the tables are printed: contestants
can be measured in pieces, and each says beside which it was. Peers that cannot be imported are
named and left out: `pip install 'lookalike[benchmarks]'` brings them. Sizes beyond 1,000,000 take
hours.

Example: python benchmarks/search.py ../shared/bench/dev --folder /tmp/search --sizes 100000
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from dev_set import DEFAULT
from search_asked import CONTESTANTS, contestant_named
from search_tables import print_tables
from search_vectors import SHARES, TAGS, make_set

TARGETS: Final = (0.95, 0.99)
_WORKER: Final = Path(__file__).with_name("search_asked.py")
_FEWER: Final = (
    4  # times fewer queries of a turn under filters and by threshold, and to prove exactness
)


class Asker:
    """The parent's side of search_asked.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.said: dict[str, Any] = self._read()
        self.efforts: Sequence[int] = self.said.pop("efforts")

    def memory(self) -> int:
        """Return the bytes that opening and searching took."""
        size: int = self._ask(do="memory")["bytes"]
        return size

    def answer(self, first: int, count: int, **question: Any) -> dict[str, Any]:
        """Ask about some queries, see `Question`."""
        return self._ask(do="answer", first=first, count=count, **question)

    def recall(self, effort: int, count: int) -> float:
        """Measure the recall over the first queries."""
        answer = self.answer(0, count, what="all", effort=effort)
        return float(answer["found"] / answer["there"])

    def _ask(self, **command: Any) -> dict[str, Any]:
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise SystemExit("A contestant ended; what it printed says why.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def command(task: str, name: str, vectors: Path, folder: Path, core: int) -> list[str]:
    """Return what starts a contestant's process."""
    paths = [str(vectors), str(folder)]
    return [sys.executable, str(_WORKER), task, name, *paths, "--core", str(core)]


def built(name: str, vectors: Path, core: int) -> tuple[Path, dict[str, Any]]:
    """Build a contestant unless that was done; return its folder and what it took."""
    folder, said = vectors / name, vectors / f"{name}.json"
    if not said.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        done = subprocess.run(
            command("build", name, vectors, folder, core), stdout=subprocess.PIPE, check=True
        )
        said.write_bytes(done.stdout)
        print(f"built {name}: {said.read_text()}", file=sys.stderr, flush=True)
    measured: dict[str, Any] = json.loads(said.read_text())
    return folder, measured


@contextmanager
def opened(name: str, vectors: Path, folder: Path, core: int) -> Iterator[Asker]:
    """Start a contestant's process; it ends when its stdin does."""
    with subprocess.Popen(
        command("serve", name, vectors, folder, core),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Asker(process)


def least_efforts(asker: Asker, count: int) -> dict[str, tuple[int, float]]:
    """Find for each target the least search parameter that reaches it, and its recall.

    Recall grows with the parameter, so halving finds it. Where none reaches a target, it has none.
    """
    known: dict[int, float] = {}
    asked = count if len(asker.efforts) > 1 else count // _FEWER

    def recall(position: int) -> float:
        if position not in known:
            known[position] = asker.recall(asker.efforts[position], asked)
        return known[position]

    reached = {}
    for target in TARGETS:
        low, high = 0, len(asker.efforts)
        while low < high:
            middle = (low + high) // 2
            if recall(middle) >= target:
                high = middle
            else:
                low = middle + 1
        if low < len(asker.efforts):
            reached[str(target)] = asker.efforts[low], recall(low)
    best = max(known, key=lambda position: known[position])
    return {**reached, "best": (asker.efforts[best], known[best])}


def take_turns(
    askers: Mapping[str, Asker], questions: Mapping[str, Sequence[dict[str, Any]]], given: Any
) -> dict[str, list[list[dict[str, Any]]]]:
    """Ask all contestants in turns; return the answers by contestant, question and turn."""
    answers: dict[str, list[list[dict[str, Any]]]] = {
        name: [[] for _ in asked] for name, asked in questions.items()
    }
    for turn in range(given.turns):
        for name, asked in questions.items():
            for number, question in enumerate(asked):
                count = given.turn if question["what"] == "all" else max(1, given.turn // _FEWER)
                answer = askers[name].answer(turn * given.turn, count, **question)
                answers[name][number].append(answer)
    return answers


def questions_for(asker: Asker, efforts: Mapping[str, tuple[int, float]]) -> list[dict[str, Any]]:
    """List what a contestant is asked: at each target, then under filters and by threshold."""
    at = {effort for effort, _ in efforts.values()}
    asked: list[dict[str, Any]] = [{"what": "all", "effort": effort} for effort in sorted(at)]
    effort = efforts.get(str(TARGETS[0]), efforts["best"])[0]
    if asker.said["filter"]:
        asked += [
            {"what": "tagged", "effort": effort, "below": share * TAGS // 100, "column": column}
            for column, share in enumerate(SHARES, 1)
        ]
    if asker.said["range"]:
        asked.append({"what": "range", "effort": effort})
    return asked


def measure(name: str, count: int, names: Sequence[str], given: Any) -> dict[str, Any]:
    """Measure contestants beside each other on one set; return a record of each."""
    vectors = given.folder / f"{name}-{count}"
    make_set(name, count, vectors, given.bench, given.folder)
    folders = {each: built(each, vectors, given.core) for each in names}
    if given.build:
        return {}
    with ExitStack() as stack:
        askers = {
            each: stack.enter_context(opened(each, vectors, folders[each][0], given.core))
            for each in names
        }
        efforts = {}
        for each, asker in askers.items():
            efforts[each] = least_efforts(asker, given.queries)
            print(f"{each}: {efforts[each]}", file=sys.stderr, flush=True)
        questions = {each: questions_for(askers[each], efforts[each]) for each in names}
        answers = take_turns(askers, questions, given)
        return {
            f"{name}/{count}/{each}": {
                "built": folders[each][1],
                "opened": askers[each].said,
                "memory": askers[each].memory(),
                "efforts": efforts[each],
                "asked": [
                    {**question, "turns": turns}
                    for question, turns in zip(questions[each], answers[each], strict=True)
                ],
                "beside": list(names),
                "load": os.getloadavg()[0],
                "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
            }
            for each in names
        }


def installed(names: Iterable[str]) -> list[str]:
    """Return the contestants that can be imported; name the others."""
    there = []
    for name in names:
        missing = [m for m in contestant_named(name).needs if not find_spec(m.partition(".")[0])]
        if missing:
            print(f"left out: {name}, for {', '.join(missing)} cannot be imported", file=sys.stderr)
        else:
            there.append(name)
    return there


def main() -> None:
    """Measure, keep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--folder", type=Path, required=True, help="keeps sets, indexes, results")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--sets", nargs="+", choices=("real", "random"), default=["real", "random"])
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--queries", type=int, default=400, help="that recall is measured on")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--turn", type=int, default=100, help="queries of a turn")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--build", action="store_true", help="build only")
    parser.add_argument("--tables", action="store_true", help="print what was measured before")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "results.json"
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    if not given.tables:
        names = installed(given.only)
        for count in given.sizes:
            for name in given.sets:
                results |= measure(name, count, names, given)
                kept.write_text(json.dumps(results))
    print_tables(results)


if __name__ == "__main__":
    main()
