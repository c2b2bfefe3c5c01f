"""A plugin of pytest: ONNX Runtime runs graphs as they stand, where the environment says so.

Its optimiser fuses layers and lays out their weights anew, by the processor. Without it each layer
is its own, and rounds by itself.
"""

import os
from typing import Any


def pytest_configure() -> None:
    if os.environ.get("TEST_ONNX_OPTIMISATION") != "none":
        return
    import onnxruntime

    open_session = onnxruntime.InferenceSession

    def unfused(graph: Any, options: Any = None, *arguments: Any, **others: Any) -> Any:
        options = options or onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return open_session(graph, options, *arguments, **others)

    onnxruntime.InferenceSession = unfused
