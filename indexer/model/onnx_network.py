"""ONNX Runtime network, on the CPU."""

import os
from pathlib import Path
from typing import Any, Final

# Official builds report to their makers unless told not to, and keep a device id and a database of
# events in the user's cache: https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read when the library is loaded

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray

from indexer.runtime.cpu import Cores

INPUT: Final = "pixels"
OUTPUTS: Final = ("logits", "embeddings")

log = structlog.get_logger(__name__)


class OnnxNetwork:
    """An exported model, in a session of one thread, and one of several for a caller that is alone.

    Our own threads call it at once, each for one picture: that keeps every core busy, and one wide
    session or larger batches gain nothing on a CPU. A caller that is alone leaves the other cores
    idle, though. The wide session is for it, and is used only if it answers as the other does to
    the bit: an answer must not depend on what else is asked at the time. How a session rounds
    depends on the processor and on the shape of its input, never on the values, so both are
    compared when the model is loaded, on the machine itself, and each picture has a pass of its
    own: the one shape that was compared.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    weights : Path, optional
        Folder of the files that it takes weights from; without one they are all in it.
    cores : Cores, optional
        Those of the process, if its callers wait for one picture at a time; one by default. With
        more the weights are in memory twice.
    """

    runtime = "onnx"
    batch_size = 1

    def __init__(
        self, graph: bytes, weights: Path | None = None, cores: Cores | None = None
    ) -> None:
        self._cores = cores or Cores(1)
        self._narrow = _session(graph, weights, threads=1)
        self._wide = _wide_session(graph, weights, self._cores.count, self._narrow)

    def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and raw embeddings; safe to call from several threads.

        A picture's answer is the same to the bit whatever else is in the batch.
        """
        rows = [_run(self._session(), picture[np.newaxis]) for picture in batch]
        logits, embeddings = zip(*rows, strict=True)
        return np.concatenate(logits), np.concatenate(embeddings)

    def _session(self) -> Any:
        return self._wide if self._wide and self._cores.spare else self._narrow


def _wide_session(graph: bytes, weights: Path | None, threads: int, narrow: Any) -> Any | None:
    """Return a session of several threads; None where it gains nothing, or answers otherwise."""
    if threads == 1:
        return None
    wide = _session(graph, weights, threads)
    shape = (1, *narrow.get_inputs()[0].shape[1:])
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    pairs = zip(_run(narrow, noise), _run(wide, noise), strict=True)
    if all(np.array_equal(one, other) for one, other in pairs):
        return wide
    log.info("single-image session limited to one core: results differ with more")
    return None


def _session(graph: bytes, weights: Path | None, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # its threads wait for each other by spinning: within a pass that is quicker, later a waste
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if weights is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(weights)
        )
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _run(
    session: Any, batch: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    logits, embeddings = session.run(OUTPUTS, {INPUT: batch})
    return logits, embeddings
