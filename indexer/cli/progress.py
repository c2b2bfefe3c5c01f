"""How far a long command is, on a terminal's stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is to do."""


@contextmanager
def show_progress() -> Iterator[OnProgress]:
    """Show one bar, for one stage after the other; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("opening", total=None)
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )
