"""Log view protocol: what every view of the log promises, wherever its vectors are."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from indexer.types import ChangeFeed
from indexer.vectors.base import VectorIndex


class LogView(Protocol):
    """An index that follows the log; all methods may be called from any thread."""

    @property
    def name(self) -> str:
        """What it is called in messages and on the disk."""

    @property
    def index(self) -> VectorIndex:
        """What is searched, from any thread at any time."""

    @property
    def feed(self) -> ChangeFeed:
        """The log that it follows."""

    @property
    def watermark(self) -> int:
        """The number of the last change that can be found by searching."""

    def lag(self) -> int:
        """Count the committed changes that are not applied yet."""

    def catch_up(self) -> int:
        """Apply what was committed until now; return how many changes were applied."""

    def snapshot(self, *, alone: bool = False) -> Path | None:
        """Write the view to disk, unless it is kept elsewhere; return where.

        Parameters
        ----------
        alone : bool
            Whether no other snapshot stays.
        """

    def improve(self, on_progress: Callable[[], None] = ...) -> bool:
        """Make what searches will be quicker by, if it is due; return whether anything changed.

        Parameters
        ----------
        on_progress : callable
            Called now and then; what it raises ends the work.
        """

    def check_snapshots(self) -> list[str]:
        """Compare what is on disk with its checksums; return a sentence for each problem."""

    def check_index(self, *, sample: int | None = None, seed: int = 0) -> list[str]:
        """Compare the index with the log; return a sentence for each problem.

        Parameters
        ----------
        sample : int, optional
            Images whose vectors are compared; those of all by default.
        seed : int
            Which images those are.
        """
