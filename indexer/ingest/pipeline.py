"""Threaded pipeline: each stage takes from one queue and puts into the next."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, TypeVar

from indexer.ingest.bounded_queue import Abandoned, BoundedQueue

ItemT = TypeVar("ItemT")


class Pipeline:
    """A chain of stages that ends with its source, when it is stopped, or at the first error.

    A stage closes its output queue when its last thread has ended, so the end propagates through
    the chain. Neither a stop nor an error touches the last queue: what was complete by then can
    still be taken.

    Threads are daemons: one that hangs in a network read or a long forward pass must not keep a
    process alive that its user has interrupted.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._between: list[BoundedQueue[Any]] = []
        self._error: BaseException | None = None
        self.stopping = Event()
        """Set once no new work may begin."""

    def source(self, name: str, produce: Callable[[], None], sink: BoundedQueue[Any]) -> None:
        """Start the source thread; `produce` itself puts into `sink`."""
        self._start(name, 1, produce, sink)

    def stage(
        self,
        name: str,
        threads: int,
        work: Callable[[list[ItemT]], None],
        queues: tuple[BoundedQueue[ItemT], BoundedQueue[Any]],
        most: int = 1,
    ) -> None:
        """Start a stage.

        Parameters
        ----------
        name : str
            Of its threads.
        threads : int
        work : callable
            Processes up to `most` items, and itself puts its results into the output queue.
        queues : (BoundedQueue, BoundedQueue)
            Input queue, and the output queue to close at the end.
        most : int
        """
        source, sink = queues

        def loop() -> None:
            while items := source.take(most):
                work(items)

        self._between.append(source)
        self._start(name, threads, loop, sink)

    def stop(self) -> None:
        """Let each thread finish its current items, and begin nothing else.

        Items between the stages are dropped; those in the last queue are kept.
        """
        self.stopping.set()
        for queue in self._between:
            queue.abandon()

    def join(self, seconds: float) -> None:
        """Wait for the threads, at most `seconds` in all."""
        end = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))

    def raise_error(self) -> None:
        """Raise the error of the first thread that failed, if any."""
        if self._error is not None:
            raise self._error

    def _start(
        self, name: str, threads: int, loop: Callable[[], None], sink: BoundedQueue[Any]
    ) -> None:
        running = threads

        def run() -> None:
            nonlocal running
            try:
                loop()
            except Abandoned:
                pass  # there was a reason, and whoever had it knows
            except BaseException as error:  # noqa: BLE001 -- raised again by `raise_error`
                self._fail(error)
            finally:
                with self._lock:
                    running -= 1
                    last = running == 0
                if last:
                    sink.close()

        for number in range(threads):
            thread = Thread(target=run, name=f"{name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self.stop()
