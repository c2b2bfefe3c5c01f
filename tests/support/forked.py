"""The real command in processes that begin in a moment: torch is loaded once, for all of them.

A forkserver has imported the heavy libraries and forks a child for each command. The child is a
process of its own, shares no connection with the test, and can be ended like any other.
"""

import gc
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar
from unittest.mock import patch
from uuid import uuid4

from support.commands import Index
from support.deaths import Death

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["support.preload"])
KILLED = -signal.SIGKILL
_PATIENCE = 240  # seconds; far more than almost any command here takes
ResultT = TypeVar("ResultT")
P = ParamSpec("P")


def _process(target: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """Make a process that calls a function of a module."""
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # it takes no path of ours
        forkserver.ensure_running()
    return _CONTEXT.Process(target=target, args=arguments, daemon=True)


def start_call(call: Callable[[], object]) -> ForkServerProcess:
    """Call a function of a module in a process of its own."""
    process = _process(call)
    process.start()
    return process


def run_each(*calls: Callable[[], object]) -> list[int | None]:
    """Call functions of a module at once, each in a process of its own; return the exit codes."""
    processes = [start_call(call) for call in calls]
    for process in processes:
        process.join(_PATIENCE)
    return [process.exitcode for process in processes]


def make_gate(parties: int) -> Barrier:
    """Make a gate at which that many commands wait for each other before they begin."""
    return _CONTEXT.Barrier(parties)


@dataclass(frozen=True)
class Measured(Generic[ResultT]):
    """What a call in a process of its own gave, and what it cost."""

    result: ResultT
    seconds: float  # of the processor: other tests run beside this one
    peak: int  # bytes of memory, beyond what the process had before


def measure(call: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> Measured[ResultT]:
    """Call a function of a module in a process of its own."""
    receiving, sending = _CONTEXT.Pipe(duplex=False)
    process = _process(_measure, sending, call, args, kwargs)
    process.start()
    sending.close()
    try:
        assert receiving.poll(_PATIENCE), "it hangs"
        measured: Measured[ResultT] = receiving.recv()
    except EOFError:
        process.join()
        raise AssertionError(f"it died, with exit code {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    return measured


def _measure(
    sending: Connection,
    call: Callable[..., Any],
    arguments: Sequence[Any],
    options: dict[str, Any],
) -> None:
    before, begun = _most_memory(), time.process_time()
    result = call(*arguments, **options)
    sending.send(Measured(result, time.process_time() - begun, _most_memory() - before))


def _most_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@dataclass(frozen=True)
class Forked:
    """A running command."""

    process: ForkServerProcess
    output: Path
    errors: Path

    @property
    def stdout(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def running(self) -> bool:
        return self.process.is_alive()

    def address(self) -> str:
        """Wait until a server answers, and return its address."""
        while "\n" not in self.stdout:
            assert self.running(), self.stderr
            time.sleep(0.02)
        first = self.stdout.partition("\n")[0]
        assert first.startswith("Console: http://127.0.0.1:"), first
        return first.split()[1].removesuffix("/console")

    def kill(self) -> None:
        """End it by SIGKILL; it must have been running."""
        self.process.kill()
        code = self.wait()
        assert code == KILLED, f"it had ended before, with exit code {code}\n{self.stderr}"

    def die(self, death: Death) -> None:
        """Wait until it has died as it was to: anything else fails."""
        code = self.wait()
        assert (code, self.stderr.strip().rpartition("\n")[2]) == (KILLED, str(death)), self.stderr

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.kill(self.pid, signal.SIGINT)

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Wait for the end and return the exit code."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"it hangs\n{self.stdout}\n{self.stderr}"
        return self.process.exitcode

    def finish(self, code: int = 0, seconds: float = _PATIENCE) -> str:
        """Wait for the end, hold it to an exit code, and return what it printed."""
        ended = self.wait(seconds)
        assert ended == code, f"exit {ended}\n{self.stdout}\n{self.stderr}"
        assert "Traceback" not in self.stderr, self.stderr
        return self.stdout


def start(
    index: Index,
    *arguments: object,
    gate: Barrier | None = None,
    death: Death | None = None,
    niceness: int = 5,
    prepare: Callable[[], object] | None = None,
) -> Forked:
    """Start a command.

    Parameters
    ----------
    index : Index
    arguments : object
        The command's.
    gate : Barrier, optional
        Where to wait for others before beginning.
    death : Death, optional
        When it kills itself; if that moment never comes, it ends as ever.
    niceness : int
        By default the test that watches it, and ends it in time, comes first.
    prepare : callable, optional
        A function of a module, to be called in the process before the command.
    """
    folder = index.home.parent / "output"
    folder.mkdir(exist_ok=True)
    name = uuid4().hex
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    before = [partial(os.nice, niceness), prepare, death and death.arm, gate and gate.wait]
    process = _process(
        _run,
        index.environment,
        [str(argument) for argument in arguments],
        (output, errors),
        [call for call in before if call],
    )
    errors.touch()
    output.touch()
    process.start()
    return Forked(process, output, errors)


def _run(
    environment: dict[str, str],
    arguments: Sequence[str],
    streams: tuple[Path, Path],
    before: Sequence[Callable[[], object]],
) -> None:
    """Be the command."""
    if "support.preload" not in sys.modules:  # the forkserver says nothing of what it cannot import
        raise ImportError("support.preload cannot be imported")
    gc.freeze()  # a server's `gc.collect` would go through all that was loaded for it: 0.4 s
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined] # noqa: SLF001 -- a server may start workers
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in zip((sys.stdout, sys.stderr), streams, strict=True):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, stream.fileno())
        os.close(opened)
    for call in before:
        call()

    from search_api.cli import app

    app(list(arguments), prog_name="lookalike")
