"""Several workers of one server, each a process, answer for all of them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from search_api.telemetry.metrics import forget_worker, shared_metrics

WORKER = """
import sys
from indexer.runtime.timing import Timing
from indexer.matching.shadow_queries import ShadowResult
from search_api.telemetry.metrics import Metrics
metrics = Metrics()
metrics.time_stage(Timing("forward", 0, 10**9, size=2))
metrics.problems.labels("invalid_input").inc()
metrics.lag.set(int(sys.argv[1]))
metrics.watermark.set(int(sys.argv[1]))
metrics.waiting.set(int(sys.argv[1]))
metrics.memory.set(1000)
recall = int(sys.argv[1]) / 10
metrics.count_shadow_query(ShadowResult("embedding", "missed", 2, recall))
metrics.count_shadow_query(ShadowResult("embedding", "dropped"))
metrics.canaries.labels("pdq").set(int(sys.argv[1]))
print("counted", flush=True)
for line in sys.stdin:
    print(metrics.exposition().decode(), "end", sep="\\n", flush=True)
"""


class Worker:
    def __init__(self, number: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "counted\n"

    def scrape(self) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return "".join(iter(self.process.stdout.readline, "end\n"))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    with shared_metrics():
        started = [Worker(3), Worker(5)]
        try:
            yield started
        finally:
            for worker in started:
                worker.kill()


def value(text: str, series: str) -> float:
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_any_worker_answers_for_all(workers: list[Worker]) -> None:
    for worker in workers:
        text = worker.scrape()

        assert value(text, 'lookalike_http_problems_total{code="invalid_input"}') == 2
        assert value(text, 'lookalike_stage_duration_seconds_sum{stage="forward"}') == 2
        assert value(text, "lookalike_forward_batch_size_count") == 2
        assert value(text, "lookalike_view_lag_changes") == 5  # of the one furthest behind
        assert value(text, "lookalike_view_watermark") == 3
        assert value(text, "lookalike_queue_waiting") == 8
        assert value(text, 'lookalike_search_recall{view="embedding"}') == 0.3  # the worst
        missed = 'lookalike_search_missed_above_threshold_total{view="embedding"}'
        assert value(text, missed) == 4
        shadow = 'lookalike_shadow_queries_total{outcome="dropped",view="embedding"}'
        assert value(text, shadow) == 2
        assert value(text, 'lookalike_canaries_missed{view="pdq"}') == 5
        assert text.count("lookalike_worker_resident_memory_bytes{pid=") == 2
        assert text.count("lookalike_build_info{") == 1


def test_a_worker_that_died_counts_but_is_not_there_any_more(workers: list[Worker]) -> None:
    dead, alive = workers
    dead.kill()
    forget_worker(dead.process.pid)

    text = alive.scrape()

    assert value(text, 'lookalike_http_problems_total{code="invalid_input"}') == 2
    assert value(text, "lookalike_queue_waiting") == 5
    assert text.count("lookalike_worker_resident_memory_bytes{pid=") == 1


def test_the_folder_of_the_numbers_is_private_and_goes() -> None:
    with shared_metrics():
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        mode = os.stat(folder).st_mode & 0o777  # noqa: PTH116 -- a name from the environment

    assert mode == 0o700
    assert not os.path.exists(folder)  # noqa: PTH110 -- as above
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_without_workers_there_is_nobody_to_forget() -> None:
    forget_worker(os.getpid())
