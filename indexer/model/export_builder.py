"""Builder of a model's own export: `python -m indexer.model.export_builder [FOLDER]`.

A graph as it is exported holds the weights again. Here each tensor that is in the model's own
files, value for value, is named there instead (ONNX's external data), and what the exporter notes
for its developers is left out.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from indexer.errors import UnexportableModel
from indexer.model.exports import Export
from indexer.model.onnx_export import compare_with_torch, export_model
from indexer.model.packaged_export import GRAPH, MANIFEST, manifest_of
from indexer.model.references import ModelFolder, resolve
from indexer.settings import SHIPPED_MODEL

_SMALL: Final = 4096  # bytes of a tensor that stays in the graph
_TYPES: Final = {"F32": np.float32, "F16": np.float16}


@dataclass(frozen=True, slots=True)
class _Stored:
    """A tensor of a safetensors file, and where its bytes are."""

    path: Path
    offset: int
    values: NDArray[Any]


def package(folder: ModelFolder) -> Export:
    """Export a model and write the export into its folder.

    Raises
    ------
    InvalidModel
        The model cannot be used.
    UnexportableModel
        It cannot be exported, or the export answers otherwise than torch.
    """
    full = export_model(folder)
    if full.failure is not None:
        raise UnexportableModel(f"{folder.path} cannot be exported: {full.failure}.")
    model = onnx.load_model_from_string(full.graph)
    _strip(model)
    _take_weights_out(model.graph, folder)
    graph: bytes = model.SerializeToString(deterministic=True)
    bare = replace(full, graph=graph, weights=folder.path)
    export = replace(bare, parity=compare_with_torch(folder, bare))
    card = asdict(export.card) | {"reference": ""}  # whoever reads it knows from where
    manifest = manifest_of(folder, export, card)
    (folder.path / GRAPH).write_bytes(graph)
    (folder.path / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return export


def _strip(model: onnx.ModelProto) -> None:
    """Leave out stack traces and the like."""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _take_weights_out(graph: onnx.GraphProto, folder: ModelFolder) -> None:
    """Name the model's own files as the place of each tensor that they hold."""
    stored = [
        tensor
        for path in folder.files
        if path.suffix == ".safetensors"
        for tensor in _tensors(path)
    ]
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.nbytes < _SMALL:
            continue
        found = (each for each in stored if np.array_equal(each.values, values))
        if place := next(found, None):
            _refer(graph, tensor, place)


def _refer(graph: onnx.GraphProto, tensor: onnx.TensorProto, place: _Stored) -> None:
    """Let a tensor of a graph be the bytes of a file; half precision is widened when it is read."""
    if place.values.dtype == np.float16:
        wide, tensor.name = tensor.name, f"{tensor.name}.half"
        widen = onnx.helper.make_node("Cast", [tensor.name], [wide], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, widen)
        tensor.data_type = onnx.TensorProto.FLOAT16
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    facts = {
        "location": place.path.name,
        "offset": place.offset,
        "length": place.values.nbytes,
    }
    for key, value in facts.items():
        tensor.external_data.add(key=key, value=str(value))


def _tensors(path: Path) -> Iterator[_Stored]:
    """Yield the tensors of a safetensors file: 8 bytes of length, a header in JSON, the data."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    for name, facts in json.loads(data[8:start]).items():
        if name == "__metadata__" or facts["dtype"] not in _TYPES:
            continue
        begin, end = (start + offset for offset in facts["data_offsets"])
        values = np.frombuffer(data[begin:end], _TYPES[facts["dtype"]]).reshape(facts["shape"])
        yield _Stored(path, begin, values)


if __name__ == "__main__":
    written = package(resolve(sys.argv[1] if len(sys.argv) > 1 else SHIPPED_MODEL))
    sys.stdout.write(f"{written.weights}: {len(written.graph)} bytes, {written.parity}\n")
