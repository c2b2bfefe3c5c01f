"""ONNX Runtime network, on the CPU."""

import os
from pathlib import Path
from threading import Lock
from typing import Any, Final

# Official builds report to their makers unless told not to, and keep a device id and a database of
# events in the user's cache: https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read when the library is loaded

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray

from indexer.model.network_encoder import RawOutputs
from indexer.runtime.cpu import Cores

INPUT: Final = "pixels"
OUTPUTS: Final = ("logits", "embeddings", "semantics")
"""In the order of `RawOutputs`; the last one only of a model with semantic embeddings."""
_EMBEDDINGS: Final = "embeddings"

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

    Embeddings alone come from a second graph, cut out of the first, under the same condition.

    Parameters
    ----------
    graph : bytes
        An ONNX model.
    weights : Path, optional
        Folder of the files that it takes weights from; without one they are all in it.
    cores : Cores, optional
        Those of the process, if its callers wait for one picture at a time; one by default. With
        more the weights are in memory twice.
    has_descriptor : bool
        Whether embeddings need only a part of the graph, so that cutting it out gains something.
    """

    runtime = "onnx"
    batch_size = 1

    def __init__(
        self,
        graph: bytes,
        weights: Path | None = None,
        cores: Cores | None = None,
        *,
        has_descriptor: bool = False,
    ) -> None:
        self._graph = graph if has_descriptor else b""
        self._weights, self._cores = weights, cores or Cores(1)
        self._full = _Sessions(graph, weights, self._cores)
        self._for_embeddings = None if has_descriptor else self._full
        self._loading = Lock()

    def run(self, batch: NDArray[np.float32]) -> RawOutputs:
        """Run the whole graph; safe to call from several threads.

        A picture's answer is the same to the bit whatever else is in the batch.
        """
        return RawOutputs(**self._full.run(batch))

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw embeddings that `run` gives, to the bit, without its logits.

        The first call loads the graph for it.
        """
        with self._loading:
            if self._for_embeddings is None:
                self._for_embeddings = self._load_short()
                self._graph = b""  # it may hold the weights
        return self._for_embeddings.run(batch)[_EMBEDDINGS]

    def _load_short(self) -> "_Sessions":
        """Return the sessions of the shorter pass; the full ones where it answers otherwise."""
        short = _Sessions(embedding_graph(self._graph), self._weights, self._cores)
        if np.array_equal(self._full.probe[_EMBEDDINGS], short.probe[_EMBEDDINGS]):
            return short
        log.info("embeddings take full forward passes: a shorter pass gives others")
        return self._full


class _Sessions:
    """A graph in a session of one thread and, where it answers alike, one of several.

    Parameters
    ----------
    graph, weights, cores
        As for `OnnxNetwork`.
    """

    def __init__(self, graph: bytes, weights: Path | None, cores: Cores) -> None:
        self._cores = cores
        self._narrow = open_session(graph, weights, threads=1)
        self._outputs = [output.name for output in self._narrow.get_outputs()]
        shape = (1, *self._narrow.get_inputs()[0].shape[1:])
        noise = np.random.default_rng(0).standard_normal(shape, np.float32)
        self.probe = self._run(self._narrow, noise)
        """What it answers to noise that is always the same."""
        self._wide = None
        if cores.count > 1:
            wide = open_session(graph, weights, cores.count)
            answers = self._run(wide, noise)
            if all(np.array_equal(self.probe[name], answers[name]) for name in self._outputs):
                self._wide = wide
            else:
                log.info("single-image session limited to one core: results differ with more")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return each output for the batch, from one pass for each picture."""
        rows = [self._run(self._session(), picture[np.newaxis]) for picture in batch]
        return {name: np.concatenate([row[name] for row in rows]) for name in self._outputs}

    def _session(self) -> Any:
        return self._wide if self._wide and self._cores.spare else self._narrow

    def _run(self, session: Any, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        answers: list[NDArray[np.float32]] = session.run(self._outputs, {INPUT: batch})
        return dict(zip(self._outputs, answers, strict=True))


def embedding_graph(graph: bytes) -> bytes:
    """Return the part of an ONNX model that its embeddings are computed by.

    ONNX Runtime cannot cut it out: its option `only_execute_path_to_fetches` changes nothing here.
    """
    import onnx

    extractor = onnx.utils.Extractor(onnx.load_model_from_string(graph))
    part: bytes = extractor.extract_model([INPUT], [_EMBEDDINGS]).SerializeToString()
    return part


def open_session(graph: bytes, weights: Path | None, threads: int) -> Any:
    """Open a session of ONNX Runtime on the CPU, whose threads sleep between two passes."""
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
