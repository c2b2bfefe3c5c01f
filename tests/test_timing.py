from time import sleep

import pytest

from indexer.runtime.timing import Timing, listening, record, stage, timed


def test_a_stage_is_told_to_those_who_listen() -> None:
    heard: list[Timing] = []

    with listening(heard.append), stage("decode", size=3):
        sleep(0.01)

    assert [(timing.stage, timing.size) for timing in heard] == [("decode", 3)]
    assert 0.01 <= heard[0].seconds < 5


def test_nobody_is_told_after_listening() -> None:
    heard: list[Timing] = []
    with listening(heard.append):
        pass

    with stage("decode"):
        pass

    assert heard == []


def test_a_stage_that_fails_is_told_too() -> None:
    heard: list[Timing] = []

    @timed("decode")
    def fail() -> None:
        raise ValueError("cut off")

    with listening(heard.append), pytest.raises(ValueError, match="cut off"):
        fail()

    assert [timing.stage for timing in heard] == ["decode"]


def test_what_was_timed_elsewhere_is_told_to_all() -> None:
    first: list[Timing] = []
    second: list[Timing] = []
    waited = Timing("queue", 0, 2_500_000_000)

    with listening(first.append, second.append):
        record(waited)

    assert first == second == [waited]
    assert waited.seconds == 2.5
