"""A caller that is alone gets a second core; several keep to their own."""

import subprocess
import sys
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path
from threading import Barrier, Event, Thread, get_ident

import pytest

from indexer.runtime import cpu as module
from indexer.runtime.cpu import Cores, usable_cores

WAIT = 10  # seconds; what should happen at the same time hangs otherwise


def test_a_call_runs_during_the_block_of_whoever_is_alone() -> None:
    meeting = Barrier(2)

    def call() -> int:
        meeting.wait(WAIT)
        return get_ident()

    cores = Cores(2)
    with cores.caller(), cores.beside(call) as result:
        meeting.wait(WAIT)
    assert result() != get_ident()


@pytest.mark.parametrize(("count", "callers"), [(1, 1), (2, 2), (8, 3)])
def test_without_a_core_to_spare_it_runs_before_the_block(count: int, callers: int) -> None:
    cores, ended = Cores(count), Event()

    with ExitStack() as present:
        for _ in range(callers):
            present.enter_context(cores.caller())
        assert not cores.spare
        with cores.beside(lambda: ended.set() or get_ident()) as result:
            assert ended.is_set()
        assert result() == get_ident()
    assert cores.spare is (count > 1)


def test_callers_are_counted_until_they_end_even_in_an_error() -> None:
    cores = Cores(2)

    def fail() -> None:
        with cores.caller(), cores.caller():
            assert not cores.spare
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert cores.spare


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_call_raises_is_raised_to_who_asks_for_its_result(count: int) -> None:
    def ask() -> None:
        with Cores(count).beside(lambda: {}["lost"]) as result:
            pass
        result()

    with pytest.raises(KeyError, match="lost"):
        ask()


def test_the_call_has_ended_when_the_block_fails() -> None:
    begun, go_on, ended = Event(), Event(), Event()

    def call() -> None:
        begun.set()
        go_on.wait(WAIT)
        ended.set()

    def fail() -> None:
        with Cores(2).beside(call):
            assert begun.wait(WAIT)
            raise ZeroDivisionError

    def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert ended.is_set()

    failing = Thread(target=ask)
    failing.start()
    failing.join(0.1)
    assert failing.is_alive()
    go_on.set()
    failing.join(WAIT)
    assert ended.is_set()


def test_the_call_sees_the_context_of_its_caller() -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    request.set("a")
    with Cores(2).beside(request.get) as result:
        pass
    assert result() == "a"


@pytest.mark.parametrize(
    ("quota", "most"),
    [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2), ("6400000 100000", 64)],
)
def test_a_containers_quota_bounds_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, most: int
) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(module, "_QUOTA", tmp_path / "cpu.max")
    for unlimited in (None, "max 100000", "", "what"):
        if unlimited is not None:
            (tmp_path / "cpu.max").write_text(unlimited)
        assert usable_cores() == 64
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores() == most
    assert Cores().count == most


def test_threads_of_a_command_wait_a_millisecond_for_the_interpreter() -> None:
    code = "import sys, indexer.cli; print(sys.getswitchinterval())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert float(done.stdout) == pytest.approx(0.001)
