"""Dynamic batching of the model across requests, where that is quicker: on a GPU."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UnusableOutput
from indexer.model import Encoder, ModelCard, Prepared
from indexer.types import Embeddings, Encoding, Rgb

WINDOW = 0.004  # seconds that the first picture of a batch waits for others


@dataclass(slots=True)
class _Waiting:
    """One picture, and what came of it."""

    pixels: Prepared
    encoding: Encoding | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.encoding is not None or self.error is not None


class BatchingEncoder:
    """An encoder that gathers what several threads ask for; each gets its own answer or error.

    It has no thread of its own: of those that wait, one runs the model for all. So no more pictures
    wait here than there are threads that ask.

    Parameters
    ----------
    encoder : Encoder
    batch_size : int, optional
        Most pictures of a batch; what the encoder says by default.
    window : float
        Seconds that the first picture of a batch waits for others.
    """

    def __init__(
        self, encoder: Encoder, *, batch_size: int | None = None, window: float = WINDOW
    ) -> None:
        self._encoder = encoder
        self._most = batch_size or encoder.batch_size
        self._window = window
        self._changed = Condition()
        self._queue: deque[_Waiting] = deque()
        self._running = False

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""
        return self._encoder.card

    @property
    def runtime(self) -> str:
        """What runs the network: torch or onnx."""
        return self._encoder.runtime

    @property
    def batch_size(self) -> int:
        """Pictures to give one forward pass."""
        return self._most

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""
        return self._encoder.decode_size

    def prepare(self, rgb: Rgb) -> Prepared:
        """Resize, crop and normalise one picture."""
        return self._encoder.prepare(rgb)

    def encode(self, images: Sequence[Rgb]) -> Encoding:
        """Prepare the pictures and run the network over them."""
        return self.forward([self.prepare(rgb) for rgb in images])

    def forward(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Encoding:
        """Return what the network says of these pictures, which others may share a pass with.

        Raises
        ------
        UnusableOutput
            With the rows of these pictures; those of others raise nothing here.
        """
        ours = [_Waiting(pixels) for pixels in prepared]
        if not ours:
            return self._encoder.forward(prepared)
        with self._changed:
            self._queue.extend(ours)
            self._changed.notify_all()
            while not all(waiting.done for waiting in ours):
                if self._running:
                    self._changed.wait()
                else:
                    self._run_batch()
        return self._answer(ours)

    def embed(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Embeddings:
        """Return the embeddings alone; their pictures join the passes of `forward`."""
        return self.forward(prepared).embeddings

    def _run_batch(self) -> None:
        """Gather and run one batch; the lock is held but while the model runs."""
        self._running = True
        try:
            self._changed.wait_for(lambda: len(self._queue) >= self._most, self._window)
            batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            self._changed.release()
            try:
                self._run(batch)
            finally:
                self._changed.acquire()
        finally:
            self._running = False
            self._changed.notify_all()

    def _run(self, batch: list[_Waiting]) -> None:
        """Answer each picture of a batch, leaving those out that the model has no answer for."""
        try:
            encoding = self._encoder.forward([waiting.pixels for waiting in batch])
        except UnusableOutput as error:
            for row in error.rows:
                batch[row].error = error
            if rest := [waiting for waiting in batch if not waiting.done]:
                self._run(rest)
        except Exception as error:  # noqa: BLE001 -- whoever asked raises it
            for waiting in batch:
                waiting.error = error
        else:
            for row, waiting in enumerate(batch):
                waiting.encoding = encoding.rows(slice(row, row + 1))

    def _answer(self, ours: list[_Waiting]) -> Encoding:
        for waiting in ours:
            if waiting.error is not None and not isinstance(waiting.error, UnusableOutput):
                raise waiting.error
        unusable = tuple(row for row, waiting in enumerate(ours) if waiting.encoding is None)
        if unusable:
            raise UnusableOutput(rows=unusable, model=self.card.reference)
        answers = [waiting.encoding for waiting in ours if waiting.encoding is not None]
        return Encoding.joined(answers)


def batching(encoder: Encoder) -> Encoder:
    """Return the encoder, gathering batches where its device gains by them."""
    return BatchingEncoder(encoder) if encoder.batch_size > 1 else encoder
