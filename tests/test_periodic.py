"""What is done again and again goes on after it has failed, and ends when it is told to."""

from threading import Event

import pytest

from indexer.errors import UnavailableError
from search_api.jobs.periodic import PeriodicTask


@pytest.mark.parametrize("failure", [UnavailableError("away"), ValueError("unforeseen")])
def test_a_failure_does_not_end_it(failure: Exception) -> None:
    times: list[int] = []
    again = Event()

    def act() -> None:
        times.append(len(times))
        if len(times) == 1:
            raise failure
        again.set()

    with PeriodicTask(act, name="test", interval=0.001, doing="testing"):
        assert again.wait(10)


def test_it_is_done_once_more_at_the_end_if_asked_for() -> None:
    ended: list[bool] = []

    with PeriodicTask(
        lambda: ended.append(repeating.is_stopping),
        name="test",
        interval=60,
        doing="testing",
        at_end=True,
    ) as repeating:
        assert ended == []

    assert ended == [True]
