import threading
from itertools import pairwise
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ingest.bounded_queue import Abandoned, BoundedQueue
from indexer.ingest.pipeline import Pipeline


def run_chain(
    numbers: list[int], threads: int, most: int, fail_at: int | None = None
) -> tuple[Pipeline, list[int]]:
    """Send numbers through two stages that add one each; return what came out."""
    pipeline = Pipeline()
    first, second, last = (
        BoundedQueue[int](2),
        BoundedQueue[int](2, most_bytes=10),
        BoundedQueue[int](2),
    )

    def produce() -> None:
        for number in numbers:
            first.put(number)

    def add(items: list[int], sink: BoundedQueue[int]) -> None:
        for item in items:
            if item == fail_at:
                raise ValueError(item)
            sink.put(item + 1, item % 20)

    pipeline.source("source", produce, first)
    pipeline.stage("one", threads, lambda items: add(items, second), (first, second), most)
    pipeline.stage("two", threads, lambda items: add(items, last), (second, last), most)
    out = []
    while not last.ended:
        out += last.take(3, timeout=0.1)
    pipeline.join(5)
    return pipeline, out


@given(st.lists(st.integers(0, 1000), max_size=60), st.integers(1, 4), st.integers(1, 5))
def test_everything_comes_through_the_stages_once(
    numbers: list[int], threads: int, most: int
) -> None:
    pipeline, out = run_chain(numbers, threads, most)

    pipeline.raise_error()
    assert sorted(out) == sorted(number + 2 for number in numbers)


def test_one_thread_a_stage_keeps_the_order() -> None:
    _, out = run_chain(list(range(50)), threads=1, most=3)

    assert all(left < right for left, right in pairwise(out))


def test_a_fault_in_a_stage_ends_the_chain_and_is_raised_afterwards() -> None:
    pipeline, out = run_chain(list(range(10_000)), threads=2, most=1, fail_at=30)

    with pytest.raises(ValueError, match="30"):
        pipeline.raise_error()
    assert len(out) < 100


def test_a_fault_in_the_source_is_raised_as_well() -> None:
    pipeline = Pipeline()
    first, last = BoundedQueue[int](2), BoundedQueue[int](2)

    def produce() -> None:
        first.put(1)
        raise OSError("gone")

    pipeline.source("source", produce, first)
    pipeline.stage("copy", 1, lambda items: last.put(items[0]), (first, last))
    while not last.ended:
        last.take(1, timeout=0.1)

    with pytest.raises(OSError, match="gone"):
        pipeline.raise_error()


def test_a_stop_lets_a_thread_finish_and_drops_what_waits() -> None:
    pipeline = Pipeline()
    first, last = BoundedQueue[int](5), BoundedQueue[int](5)
    begun, go_on = threading.Event(), threading.Event()

    def work(items: list[int]) -> None:
        begun.set()
        go_on.wait(5)
        last.put(items[0])

    pipeline.source("source", lambda: [first.put(number) for number in range(100)], first)
    pipeline.stage("slow", 1, work, (first, last))
    begun.wait(5)
    pipeline.stop()
    go_on.set()
    out = []
    while not last.ended:
        out += last.take(5, timeout=0.1)

    assert out == [0]
    pipeline.raise_error()


def test_a_producer_waits_while_the_channel_is_full() -> None:
    queue = BoundedQueue[str](most=10, most_bytes=100)
    queue.put("a", 60)
    waiting = threading.Thread(target=queue.put, args=("b", 60), daemon=True)
    waiting.start()
    sleep(0.05)
    assert waiting.is_alive()

    assert queue.take(5) == ["a"]

    waiting.join(60)
    assert queue.take(5) == ["b"]


def test_an_item_larger_than_the_bound_passes_alone() -> None:
    queue = BoundedQueue[str](most=10, most_bytes=100)

    queue.put("huge", 1000)

    assert queue.take() == ["huge"]


def test_a_take_gives_up_after_its_time() -> None:
    begun = monotonic()

    assert BoundedQueue[int](1).take(1, timeout=0.05) == []
    assert monotonic() - begun < 20


def test_a_channel_that_is_closed_gives_what_waits_and_takes_no_more() -> None:
    queue = BoundedQueue[int](5)
    queue.put(1)
    queue.close()

    assert not queue.ended
    with pytest.raises(Abandoned):
        queue.put(2)
    assert queue.take(5) == [1]
    assert queue.ended
    assert queue.take(5) == []
