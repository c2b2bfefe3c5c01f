"""The network run by ONNX Runtime, on the CPU."""
# ruff: noqa: TID253 -- the adapter; it is imported when a model is loaded

from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

INPUT: Final = "pixels"
OUTPUTS: Final = ("logits", "embeddings")


class OnnxNetwork:
    """An exported model, in a session of one thread.

    Our own threads call it at once, each for one picture: that keeps every core busy, and one wide
    session or larger batches gain nothing on a CPU.
    """

    runtime = "onnx"
    batch_size = 1

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self._session: Any = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and raw embeddings; safe to call from several threads."""
        logits, embeddings = self._session.run(OUTPUTS, {INPUT: batch})
        return logits, embeddings
