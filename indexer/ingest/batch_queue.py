"""Batch queue: the outcomes of a pipeline, gathered into batches."""

from collections.abc import Iterator
from threading import Event
from time import monotonic
from typing import Final, Self

from indexer.ingest.batch import Batch
from indexer.ingest.bounded_queue import BoundedQueue
from indexer.ingest.pipeline import Pipeline
from indexer.ingest.stage_messages import Outcome

_WAITING_BATCHES: Final = 4  # of outcomes, between the model and the disk
_LOOK_UP: Final = 0.2  # seconds between two looks whether to stop
_LONGEST_WAIT: Final = 5.0  # seconds until a batch is given that does not fill
_PATIENCE: Final = 1.0  # seconds that a run which is given up waits for its threads


class BatchQueue:
    """A pipeline, the queue of its outcomes, and their batches; its threads end with the block.

    Parameters
    ----------
    size : int
        Outcomes of a batch.
    stop : Event, optional
        Once it is set nothing new is begun, and what is under way is finished.
    """

    def __init__(self, size: int, stop: Event | None = None) -> None:
        self.pipeline: Final = Pipeline()
        self.outcomes: Final = BoundedQueue[Outcome](_WAITING_BATCHES * size)
        self.interrupted = False
        """Whether it was stopped before its end; known after the last batch."""
        self._size = size
        self._stop = stop or Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """End the threads, also when Ctrl-C or a failed commit ends the block."""
        self.pipeline.stop()
        self.outcomes.abandon()
        self.pipeline.join(_PATIENCE)

    def batches(self) -> Iterator[Batch]:
        """Yield batches: full ones, or what there is after a while.

        Raises
        ------
        LookalikeError
            What a stage could not go on after; what was complete by then was yielded before.
        """
        batch, opened = Batch(), monotonic()
        while not self.outcomes.ended:
            if self._stop.is_set() and not self.pipeline.stopping.is_set():
                self.pipeline.stop()
            for outcome in self.outcomes.take(self._size - len(batch), _LOOK_UP):
                batch.add(outcome)
            only_unchanged = batch.unchanged and not len(batch)
            if len(batch) == self._size or only_unchanged or monotonic() - opened > _LONGEST_WAIT:
                yield batch
                batch, opened = Batch(), monotonic()
        # a stop or an error drops what was between the stages
        batch.is_last = not self.pipeline.stopping.is_set()
        yield batch
        self.pipeline.raise_error()
        self.interrupted = self.pipeline.stopping.is_set()
