"""Graph writers: a network's finished answers as ONNX, int8 ONNX, `torch.export` or TorchScript."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime import quantization

from indexer.model.onnx_network import INPUT, open_session
from indexer.model.torch_loading import LoadedModel
from indexer.types import ExportFormat

PROBABILITIES: Final = "probabilities"
SEMANTIC: Final = "semantic"
EMBEDDING: Final = "embedding"
_SAMPLES: Final = 2  # torch.export takes a batch of one for a constant
_MOST: Final = 4096  # pictures of a batch, for torch.export
_PERCENTILE: Final = 99.99  # of the activations; clipping the rest leaves finer levels

Pixels = NDArray[np.float32]
"""A batch of prepared pictures, (n, 3, h, w) float32."""
Answers = Mapping[str, NDArray[np.float32]]
"""Outputs by name, each with n rows."""
Run = Callable[[Pixels], Answers]


class WrittenGraph(NamedTuple):
    """A file, and what runs it."""

    path: Path
    run: Run


class AnsweringNetwork(torch.nn.Module):
    """A network that gives class probabilities, if it has classes, and unit embeddings."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.network = model.network  # registers the weights
        self.classifier = model.classifier  # likewise
        self.heads = torch.nn.ModuleList(
            [head.module for head in (model.head, model.semantic) if head]
        )
        self.card = model.card
        self._model = model
        self.eval()
        self.names = [
            *([PROBABILITIES] if self.card.labels else []),
            EMBEDDING,
            *([SEMANTIC] if model.semantic else []),
        ]

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs in the order of `names`."""
        logits, *raw = self._model.one_pass(pixels)
        embeddings = [torch.nn.functional.normalize(each.float(), dim=1) for each in raw]
        if not self.card.labels:
            return tuple(embeddings)
        alone = len(self.card.labels) == 1 or self.card.multi_label
        return (logits.sigmoid() if alone else logits.softmax(dim=1), *embeddings)

    def run(self, batch: Pixels) -> Answers:
        """Answer as torch does."""
        return _torch_run(self, self.names)(batch)


def write_graph(
    network: AnsweringNetwork, form: ExportFormat, folder: Path, photos: Sequence[Pixels]
) -> WrittenGraph:
    """Write a network's graph, for any number of pictures.

    Parameters
    ----------
    network : AnsweringNetwork
    form : ExportFormat
    folder : Path
    photos : sequence of ndarray of shape (1, 3, h, w), float32
        Prepared pictures; int8 is calibrated on them.

    Raises
    ------
    Exception
        Of any type: the exporters raise many.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # for the exporters' developers
        warnings.simplefilter("ignore")
        match form:
            case ExportFormat.ONNX:
                return _write_onnx(network, folder / "model.onnx")
            case ExportFormat.INT8:
                return _write_int8(network, folder, photos)
            case ExportFormat.PT2:
                return _write_pt2(network, folder / "model.pt2")
            case ExportFormat.TORCHSCRIPT:
                return _write_torchscript(network, folder / "model.torchscript.pt")


def _write_onnx(network: AnsweringNetwork, path: Path) -> WrittenGraph:
    program = torch.onnx.export(
        network,
        (_sample(network),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("pictures")},),
        input_names=[INPUT],
        output_names=network.names,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the exporter gave nothing")
    path.write_bytes(program.model_proto.SerializeToString())
    return WrittenGraph(path, _onnx_run(path, network.names))


def _write_int8(network: AnsweringNetwork, folder: Path, photos: Sequence[Pixels]) -> WrittenGraph:
    """Quantise weights by channel, and activations by what the photos give."""
    whole = _write_onnx(network, folder / "float.onnx").path
    prepared, path = folder / "prepared.onnx", folder / "model.int8.onnx"
    quantization.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(
        prepared,
        path,
        _CalibrationPhotos(photos),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        calibrate_method=quantization.CalibrationMethod.Percentile,
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        extra_options={"CalibPercentile": _PERCENTILE},
    )
    return WrittenGraph(path, _onnx_run(path, network.names))


class _CalibrationPhotos(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands pictures to the calibration, one at a time."""

    def __init__(self, photos: Sequence[Pixels]) -> None:
        self._left = iter(photos)

    def get_next(self) -> dict[str, Pixels] | None:
        """Return the next picture; None after the last."""
        photo = next(self._left, None)
        return None if photo is None else {INPUT: photo}


def _write_pt2(network: AnsweringNetwork, path: Path) -> WrittenGraph:
    pictures = torch.export.Dim("pictures", min=1, max=_MOST)
    program = torch.export.export(network, (_sample(network),), dynamic_shapes=({0: pictures},))
    torch.export.save(program, path)
    return WrittenGraph(path, _torch_run(torch.export.load(path).module(), network.names))


def _write_torchscript(network: AnsweringNetwork, path: Path) -> WrittenGraph:
    with torch.inference_mode():
        jit: Any = torch.jit  # without types, and on its way out
        jit.trace(network, (_sample(network),), check_trace=False).save(path)
    return WrittenGraph(path, _torch_run(jit.load(path), network.names))


def _sample(network: AnsweringNetwork) -> torch.Tensor:
    return torch.zeros(_SAMPLES, *network.card.input_size)


def _onnx_run(path: Path, names: Sequence[str]) -> Run:
    session = open_session(path.read_bytes(), None, threads=1)
    return lambda batch: dict(zip(names, session.run(list(names), {INPUT: batch}), strict=True))


def _torch_run(module: Any, names: Sequence[str]) -> Run:
    def run(batch: Pixels) -> Answers:
        with torch.inference_mode():
            answers = module(torch.from_numpy(batch))
        return {name: each.numpy() for name, each in zip(names, answers, strict=True)}

    return run
