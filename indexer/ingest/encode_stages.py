"""Encode stages of a run: prepare pictures, run the model over batches of them."""

from typing import Final

from indexer.errors import InputError, UnusableOutput
from indexer.ingest.bounded_queue import BoundedQueue
from indexer.ingest.encoding import PictureEncoder, PreparedPicture
from indexer.ingest.pipeline import Pipeline
from indexer.ingest.stage_messages import Encoded, Loaded, Outcome, refuse
from indexer.types import NewImage

_PREPARED_BYTES: Final = 2**28  # of pixels that wait for a GPU


class EncodeStages:
    """Turns new bytes into outcomes."""

    def __init__(self, picture_encoder: PictureEncoder, outcomes: BoundedQueue[Outcome]) -> None:
        self._picture_encoder = picture_encoder
        self._outcomes = outcomes

    def start(
        self, pipeline: Pipeline, new: BoundedQueue[Loaded], threads: int, batch_size: int
    ) -> None:
        """Start the stages.

        Parameters
        ----------
        pipeline : Pipeline
        new : BoundedQueue
            Where the bytes come from.
        threads : int
            That prepare pictures.
        batch_size : int
            The encoder's. When it is 1, on a CPU, each thread goes all the way with its picture:
            no pixels wait, and no thread waits for another. Otherwise one thread runs the model,
            over as many pictures as are ready.
        """
        if batch_size == 1:
            pipeline.stage("encode", threads, self._prepare_and_encode, (new, self._outcomes))
            return
        prepared = BoundedQueue[tuple[Loaded, PreparedPicture]](2 * batch_size, _PREPARED_BYTES)

        def prepare(items: list[Loaded]) -> None:
            for pair in self._prepare(items):
                prepared.put(pair, pair[1].nbytes)

        pipeline.stage("prepare", threads, prepare, (new, prepared))
        pipeline.stage("encode", 1, self._encode, (prepared, self._outcomes), batch_size)

    def _prepare_and_encode(self, items: list[Loaded]) -> None:
        self._encode(self._prepare(items))

    def _prepare(self, items: list[Loaded]) -> list[tuple[Loaded, PreparedPicture]]:
        prepared = []
        for loaded in items:
            try:
                picture = self._picture_encoder.prepare(
                    loaded.data, loaded.sha256, loaded.wanted_parts
                )
            except InputError as error:
                self._outcomes.put(refuse(loaded, error))
            else:
                prepared.append((loaded, picture))
        return prepared

    def _encode(self, items: list[tuple[Loaded, PreparedPicture]]) -> None:
        images = self._picture_encoder.encode([picture for _, picture in items])
        for (loaded, _), image in zip(items, images, strict=True):
            self._outcomes.put(_outcome(loaded, image))


def _outcome(loaded: Loaded, image: NewImage | UnusableOutput) -> Outcome:
    if isinstance(image, UnusableOutput):
        return refuse(loaded, image)
    return Encoded(loaded.wanted, image, is_changed=loaded.wanted.replaces(loaded.image_id))
