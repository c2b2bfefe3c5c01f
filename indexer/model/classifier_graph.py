"""Graph of an exported model with another last layer."""

import onnx
from onnx import helper, numpy_helper

from indexer.errors import UnexportableModel
from indexer.model.classifier_file import LinearClassifier

_LOGITS = "logits"
_FEATURES = "pooled_features"


def replace_classifier(
    graph: bytes, classifier: LinearClassifier | None, *, had_classes: bool
) -> bytes:
    """Put another layer in place of a graph's last one before its output `logits`.

    Parameters
    ----------
    graph : bytes
        An ONNX model as `onnx_export` makes it.
    classifier : LinearClassifier or None
        What to put there; None puts out the pooled features themselves as `logits`.
    had_classes : bool
        Whether the graph ends in a classifier; without one its logits are the features.

    Raises
    ------
    UnexportableModel
        The graph does not end in a linear layer.
    """
    model = onnx.load_model_from_string(graph)
    nodes = model.graph.node
    last = next(node for node in nodes if _LOGITS in node.output)
    if not had_classes:
        last.output[list(last.output).index(_LOGITS)] = _FEATURES
        source, place = _FEATURES, len(nodes)
    elif last.op_type == "Gemm":
        source, place = last.input[0], list(nodes).index(last)
        nodes.remove(last)
        _drop(model.graph, set(last.input[1:]))
    else:
        raise UnexportableModel(
            f"The exported network ends in {last.op_type} instead of a linear layer, so its "
            "classifier cannot be replaced there. Set LOOKALIKE_RUNTIME=torch."
        )
    nodes.insert(place, _layer(model.graph, source, classifier))
    output = next(each for each in model.graph.output if each.name == _LOGITS)
    output.type.tensor_type.shape.dim[1].ClearField("dim_value")
    changed: bytes = model.SerializeToString()
    return changed


def _drop(graph: onnx.GraphProto, names: set[str]) -> None:
    """Take out weights that no other node reads."""
    used = {name for node in graph.node for name in node.input}
    for tensor in [each for each in graph.initializer if each.name in names - used]:
        graph.initializer.remove(tensor)


def _layer(
    graph: onnx.GraphProto, source: str, classifier: LinearClassifier | None
) -> onnx.NodeProto:
    if classifier is None:
        return helper.make_node("Identity", [source], [_LOGITS])
    weight = numpy_helper.from_array(classifier.weight, "replaced.weight")
    bias = numpy_helper.from_array(classifier.bias, "replaced.bias")
    graph.initializer.extend([weight, bias])
    return helper.make_node("Gemm", [source, weight.name, bias.name], [_LOGITS], transB=1)
