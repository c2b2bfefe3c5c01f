"""Models: cards, encoders, runtimes and exports."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.model import runtimes
from indexer.model.background import read_background
from indexer.model.card import ModelCard
from indexer.model.classifier_file import (
    ClassifierInput,
    LinearClassifier,
    read_classifier,
    required_fit,
    write_classifier,
)
from indexer.model.encoder import Encoder, Prepared
from indexer.model.exports import Export
from indexer.model.feature_extractor import FeatureExtractor
from indexer.model.fusion_file import read_fusion
from indexer.model.references import ModelFolder, resolve
from indexer.runtime.c_allocator import keep_small_blocks
from indexer.runtime.cpu import Cores
from indexer.settings import Runtime
from indexer.types import COMMON_FUSION, Embeddings, ExportFormat, Rgb, SpaceTraits

if TYPE_CHECKING:  # it loads torch
    from indexer.model.portable_export import PortableExport

__all__ = [
    "ClassifierInput",
    "Encoder",
    "Export",
    "ExportFormat",
    "FeatureExtractor",
    "LinearClassifier",
    "ModelCard",
    "ModelFolder",
    "Prepared",
    "export_model",
    "export_portable",
    "load_background",
    "load_encoder",
    "load_extractor",
    "load_traits",
    "read_classifier",
    "required_fit",
    "resolve",
    "write_classifier",
]


def load_encoder(
    reference: str,
    device: str = "auto",
    runtime: Runtime = "auto",
    cache: Path | None = None,
    cores: Cores | None = None,
) -> Encoder:
    """Load a model; torch and timm are imported only where they are needed.

    A process that has one goes through many pictures: its C allocator is set for that.

    Parameters
    ----------
    reference : str
        `shipped`, a directory in timm's format, or `hf-hub:owner/name[@revision]`.
    device : str
        A torch device such as `cpu` or `cuda:1`; `auto` takes a GPU when there is one.
    runtime : str
        `torch`; `onnx` for ONNX Runtime on the CPU, which takes the model exported; `auto` takes
        that on a CPU where the export answers as torch does, else torch.
    cache : Path, optional
        Folder that keeps exports. Without one `auto` is torch, and `onnx` exports at every call.
    cores : Cores, optional
        Those of a process whose callers wait for one picture at a time: ONNX Runtime gives a caller
        that is alone all of them, for which it has the model's weights in memory twice.

    Raises
    ------
    NotFoundError
        The directory or hub repository does not exist.
    InvalidModel
        It exists and cannot be used: no safetensors, damaged, or not a classifier we can split.
    UnavailableError
        The hub cannot be reached and the model is not in its cache; or, with `onnx`, the export
        could not be kept.
    SettingsError
        The device does not exist here, or is not one for the runtime.
    UnexportableModel
        With `onnx`: the model cannot be exported, or answers otherwise then.
    """
    keep_small_blocks()
    return runtimes.load(resolve(reference), device, runtime, cache, cores)


def load_extractor(reference: str, device: str, runtime: Runtime, cache: Path) -> FeatureExtractor:
    """Load a model without its classifier; parameters and errors are those of `load_encoder`."""
    return runtimes.load_extractor(resolve(reference), device, runtime, cache)


def export_model(reference: str, cache: Path) -> tuple[Path, Export]:
    """Export a model for ONNX Runtime, unless it is kept already; return where, and the export.

    Raises
    ------
    NotFoundError, InvalidModel, UnavailableError
        As for `load_encoder`.
    UnexportableModel
        The model cannot be exported, or answers otherwise then.
    """
    path, export = runtimes.find_or_export(resolve(reference), cache)
    runtimes.check_usable(export)
    return path, export


def export_portable(
    reference: str, form: ExportFormat, folder: Path, photos: Sequence[Rgb]
) -> "PortableExport":
    """Write a model for other programs; parameters and errors are those of `write_portable`."""
    return runtimes.write_portable(resolve(reference), form, folder, photos)


def load_background(reference: str) -> Embeddings | None:
    """Load the embeddings of pictures of no interest that come with a model; None without any.

    Returns
    -------
    ndarray of shape (m, d), float32, unit rows
        In the model's own space.

    Raises
    ------
    NotFoundError, InvalidModel, UnavailableError
        As for `load_encoder`; also for a background that is damaged or of another head.
    """
    return read_background(resolve(reference))


def load_traits(reference: str) -> SpaceTraits:
    """Load what comes with a model to measure similarities by; errors are `load_background`'s."""
    folder = resolve(reference)
    return SpaceTraits(read_fusion(folder) or COMMON_FUSION, read_background(folder))
