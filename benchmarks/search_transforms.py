"""What does a real server find of each kind of edit? Every DEV query goes through POST /v1/search.

The references are indexed into a new index by `lookalike index add`, the server is `lookalike
serve` on a free loopback port, and each query is one multipart request. Recall@1 asks whether the
first match, at whatever similarity, is the true reference; the tiers are those of the default
thresholds. Prints the table of benchmarks/README.md; --pairs writes rows for the benchmark's
scorer.

Example: python benchmarks/search_transforms.py ../shared/bench/dev --pairs pairs.csv
"""

import argparse
import csv
import os
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from commands import COMMAND
from dev_set import DEFAULT, Case, load_dev_set

BANK = "references"
COLUMNS = (
    "transform",
    "n",
    "recall@1",
    "near duplicate",
    "lookalike",
    "not matched",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said of one query."""

    case: Case
    tier: str
    first_is_right: bool
    copy_tier: str | None  # the tier at which the true reference was matched
    ranked: list[tuple[str, float]]  # source, similarity


@contextmanager
def serve(home: Path, references: Path) -> Iterator[httpx.Client]:
    """Index the references, start a server and end it by its own process."""
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    for arguments in (["init"], ["index", "add", str(references), "--bank", BANK]):
        subprocess.run([COMMAND, *arguments], env=environment, check=True)
    server = subprocess.Popen(
        [COMMAND, "serve", "--port", "0"],
        env={**environment, "LOOKALIKE_LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline() if server.stdout else ""
        with httpx.Client(base_url=line.split()[2], timeout=60) as client:
            yield client
    finally:
        server.terminate()
        server.wait()


def ask(client: httpx.Client, case: Case) -> Answer:
    """Send one query twice: with the default thresholds, and without a bound for the ranking."""

    def post(**parameters: Any) -> dict[str, Any]:
        files = {"image": (case.query.name, case.query.read_bytes())}
        response = client.post("/v1/search", files=files, params={"bank": BANK, **parameters})
        return response.raise_for_status().json()

    verdict = post(k=10)
    ranked = post(k=10, min_log_odds=-100)["matches"]
    right = str(case.reference)
    return Answer(
        case=case,
        tier=verdict["tier"],
        first_is_right=bool(ranked) and ranked[0]["source"] == right,
        copy_tier=next((m["tier"] for m in verdict["matches"] if m["source"] == right), None),
        ranked=[(match["source"], match["similarity"]) for match in ranked],
    )


def print_table(answers: list[Answer]) -> None:
    """Print one row a transform, the best found first, then the queries without a copy."""
    by_transform: dict[str, list[Answer]] = defaultdict(list)
    strangers = []
    for answer in answers:
        if answer.case.reference is None:
            strangers.append(answer)
            continue
        by_transform[answer.case.transform].append(answer)
        by_transform["all copies"].append(answer)
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")

    def recall(group: list[Answer]) -> float:
        return sum(answer.first_is_right for answer in group) / len(group)

    for name, group in sorted(by_transform.items(), key=lambda item: -recall(item[1])):
        tiers = Counter(answer.copy_tier for answer in group)
        shares = [tiers[tier] / len(group) for tier in ("near_duplicate", "lookalike", None)]
        cells = " | ".join(f"{share:.2f}" for share in shares)
        print(f"| {name} | {len(group)} | {recall(group):.3f} | {cells} |")
    wrong = Counter(answer.tier for answer in strangers)
    print(f"Of {len(strangers)} queries without a copy in the index: {dict(wrong)}")


def main() -> None:
    """Run all queries and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--pairs", type=Path, help="CSV of query, reference, similarity to write")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    dev = load_dev_set(folder)
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), folder / "refs") as client,
        ThreadPoolExecutor(2) as pool,
    ):
        answers = list(pool.map(lambda case: ask(client, case), dev.cases))
    print_table(answers)
    if arguments.pairs:
        with arguments.pairs.open("w", newline="") as file:
            csv.writer(file).writerows(
                (
                    answer.case.query.relative_to(folder),
                    Path(source).relative_to(folder),
                    similarity,
                )
                for answer in answers
                for source, similarity in answer.ranked
            )


if __name__ == "__main__":
    main()
