"""Export formats: what a model is written as for other programs."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What a model is written as."""

    ONNX = "onnx"
    INT8 = "int8"
    PT2 = "pt2"
    TORCHSCRIPT = "torchscript"
