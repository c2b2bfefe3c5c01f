"""Export of a timm model to an ONNX graph, verified against torch."""

import textwrap
import warnings
from typing import Final

import structlog
import torch

from indexer.errors import UnusableOutput
from indexer.model.exports import Export
from indexer.model.network_encoder import NetworkEncoder
from indexer.model.onnx_network import INPUT, OUTPUTS, OnnxNetwork
from indexer.model.parity import MAX_PROBABILITY_DIFFERENCE, MIN_COSINE, Parity, compare
from indexer.model.references import ModelFolder
from indexer.model.torch_encoder import TorchNetwork
from indexer.model.torch_loading import LoadedModel, load_model

_CPU: Final = torch.device("cpu")
_LONGEST_REASON: Final = 300  # characters; the exporter adds a report of many lines
_SAMPLES: Final = 2  # torch.export takes a batch of one for a constant

log = structlog.get_logger(__name__)


class _OnePass(torch.nn.Module):
    """The module that is exported: one pass, all outputs."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.network = model.network  # registers the weights
        self.head = model.head.module if model.head else None
        self.semantic = model.semantic.module if model.semantic else None
        self._model = model

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._model.one_pass(pixels)


def export_model(folder: ModelFolder) -> Export:
    """Export a model and compare its answers with torch's; takes some seconds.

    Returns
    -------
    Export
        With the reason in `failure` when there is no graph, or one that answers otherwise.

    Raises
    ------
    InvalidModel
        torch cannot use the model either.
    """
    model = load_model(folder, _CPU)
    log.info("model export, step 2 of 3: graph")
    try:
        graph = _to_onnx(model)
        candidate = NetworkEncoder(model.card, OnnxNetwork(graph))
    except Exception as error:  # noqa: BLE001 -- the exporter and the runtime raise many types
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", _LONGEST_REASON)
        return Export(model.card, b"", None, f"it cannot be exported ({reason})")
    log.info("model export, step 3 of 3: comparison with torch")
    try:
        parity = compare(NetworkEncoder(model.card, TorchNetwork(model, _CPU)), candidate)
    except UnusableOutput as error:
        return Export(model.card, b"", None, f"its export could not be compared ({error})")
    if not parity.holds:
        return Export(model.card, b"", parity, _difference(parity))
    return Export(model.card, graph, parity, None)


def compare_with_torch(folder: ModelFolder, export: Export) -> Parity:
    """Compare the answers of an export with those of the model it was made of.

    Raises
    ------
    InvalidModel
        torch cannot use the model.
    UnusableOutput
        One of them gives no finite answer.
    """
    model = load_model(folder, _CPU)
    candidate = NetworkEncoder(model.card, OnnxNetwork(export.graph, export.weights))
    return compare(NetworkEncoder(model.card, TorchNetwork(model, _CPU)), candidate)


def _to_onnx(model: LoadedModel) -> bytes:
    """Return the graph with its weights, for any number of pictures."""
    sample = torch.zeros(_SAMPLES, *model.card.input_size)
    with warnings.catch_warnings():  # they are for the exporter's developers
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _OnePass(model).eval(),
            (sample,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("pictures")},),
            input_names=[INPUT],
            output_names=list(OUTPUTS if model.semantic else OUTPUTS[:-1]),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter gave nothing")
    graph: bytes = program.model_proto.SerializeToString()
    return graph


def _difference(parity: Parity) -> str:
    return (
        f"its results differ from torch: a probability by "
        f"{parity.probability_difference:.2g} (at most {MAX_PROBABILITY_DIFFERENCE:g}), the least "
        f"cosine of two embeddings is {parity.cosine:.6f} (at least {MIN_COSINE:g})"
    )
