"""Progress of long commands on stderr: a bar on a terminal, else a line every ten seconds."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.text import Text

from indexer.runtime.terminal import echo

INTERVAL: Final = 10.0
"""Seconds between two lines."""
_WINDOW: Final = 30.0  # seconds that the rate is measured over
_SAMPLES_APART: Final = 0.5  # seconds
_BAR: Final = 12  # columns; what else is said fits 80 with it

OnProgress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is to do, if known."""


class Reporter:
    """Keeps how far a command is, and says it in words; safe to use from several threads.

    Parameters
    ----------
    clock : callable
        Gives seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._begun = clock()
        self._samples: deque[tuple[float, int]] = deque([(self._begun, 0)])
        self.what = "opening"
        self.done = 0
        self.total: int | None = None
        self.detail = ""
        self.on_terminal = False

    def __call__(self, what: str, done: int, total: int | None, detail: str = "") -> None:
        """Say what is being done, how much is done and to do, and what else there is to tell."""
        now = self._clock()
        with self._lock:
            if what != self.what or done < self.done:  # another stage, with a rate of its own
                self._samples = deque([(now, done)])
            self.what, self.done, self.total, self.detail = what, done, total, detail
            if now - self._samples[-1][0] >= _SAMPLES_APART:
                self._samples.append((now, done))
            while len(self._samples) > 2 and now - self._samples[1][0] > _WINDOW:  # noqa: PLR2004 -- two make a rate
                self._samples.popleft()

    def figures(self) -> str:
        """Return how much is done, how fast, for how long, and how long it will take."""
        with self._lock:
            now = self._clock()
            since, before = self._samples[0]
            done, total = self.done, self.total
        rate = (done - before) / (now - since) if now > since else 0.0
        parts = []
        if done or total is not None:
            parts.append(f"{done:,}" if total is None else f"{done:,} of {total:,}")
        if rate:
            parts.append(f"{rate:,.1f}/s")
        parts.append(f"{_duration(now - self._begun)} elapsed")
        if rate and total is not None and total > done:
            parts.append(f"{_duration((total - done) / rate)} left")
        return ", ".join(parts)

    def line(self) -> str:
        """Return all of it in a line."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.what}: {self.figures()}{detail}"


@contextmanager
def show_progress() -> Iterator[Reporter]:
    """Give what to tell of progress; nothing of it is left on a terminal at the end."""
    console = Console(stderr=True)
    reporter = Reporter()
    reporter.on_terminal = console.is_terminal
    with _bar(reporter, console) if console.is_terminal else _lines(reporter):
        yield reporter


@contextmanager
def _lines(reporter: Reporter) -> Iterator[None]:
    """Print a line now and then, whether or not anything was told meanwhile."""
    ended = Event()

    def print_lines() -> None:
        while not ended.wait(INTERVAL):
            echo(reporter.line(), err=True)

    thread = Thread(target=print_lines, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _bar(reporter: Reporter, console: Console) -> Iterator[None]:
    """Show a bar, for one stage after the other."""
    columns = (_What(reporter), BarColumn(_BAR), _Figures(reporter, console))
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task("opening", total=None)
        yield


class _What(ProgressColumn):
    """What is being done."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter

    def render(self, task: Task) -> Text:
        """Return it, and move the bar, which is drawn next."""
        task.completed, task.total = self._reporter.done, self._reporter.total
        return Text(self._reporter.what, no_wrap=True)


class _Figures(ProgressColumn):
    """The figures, read anew whenever they are drawn."""

    def __init__(self, reporter: Reporter, console: Console) -> None:
        super().__init__()
        self._reporter = reporter
        self._console = console

    def render(self, task: Task) -> Text:  # noqa: ARG002 -- rich's name
        """Return the figures as they are now, and the detail where there is room."""
        reporter = self._reporter
        text = reporter.figures()
        detail = f" ({reporter.detail})" if reporter.detail else ""
        room = self._console.width - len(reporter.what) - _BAR - 3
        return Text(text + detail if len(text) + len(detail) <= room else text, no_wrap=True)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
