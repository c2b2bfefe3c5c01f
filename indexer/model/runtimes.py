"""Choice of the runtime that runs a model."""

import platform
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import structlog

from indexer.errors import ExportNotWritten, SettingsError, UnexportableModel
from indexer.model.classifier_file import ClassifierInput, LinearClassifier, read_classifier
from indexer.model.encoder import Encoder
from indexer.model.exports import Export, KeptExport
from indexer.model.feature_extractor import FeatureExtractor
from indexer.model.packaged_export import read_packaged
from indexer.model.references import ModelFolder
from indexer.runtime.cpu import Cores
from indexer.settings import Runtime
from indexer.types import ExportFormat, Rgb

if TYPE_CHECKING:  # it loads torch
    from indexer.model.portable_export import PortableExport

if TYPE_CHECKING:  # it is slow to load
    from indexer.model.onnx_network import OnnxNetwork

_GPU_NODES: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # NVIDIA, Windows' Linux, AMD

log = structlog.get_logger(__name__)


def load(
    folder: ModelFolder, device: str, runtime: Runtime, cache: Path | None, cores: Cores | None
) -> Encoder:
    """Load a model; parameters and errors are those of `indexer.model.load_encoder`."""
    if runtime == "onnx":
        if not _is_cpu(device) and device != "auto":
            raise SettingsError(
                f"LOOKALIKE_RUNTIME=onnx runs on the CPU and LOOKALIKE_DEVICE is {device!r}. Leave "
                "one of the two at auto."
            )
        return _load_onnx(folder, cache, cores)
    if runtime == "auto" and cache is not None and _runs_on_cpu(device):
        try:
            return _load_onnx(folder, cache, cores)
        except (UnexportableModel, ExportNotWritten) as error:
            log.warning("model runs on torch, slower than ONNX Runtime", reason=str(error))
    from indexer.model import torch_encoder

    return torch_encoder.load_encoder(folder, device)


def load_extractor(
    folder: ModelFolder, device: str, runtime: Runtime, cache: Path
) -> FeatureExtractor:
    """Load a model without its classifier, on ONNX Runtime where it runs there, else on torch.

    Errors are those of `indexer.model.load_encoder`.
    """
    if runtime != "torch" and _runs_on_cpu(device):
        try:
            export = find_or_export(folder, cache)[1]
            check_usable(export)
            return FeatureExtractor(export.card, _onnx_network(export, None, bare=True))
        except (UnexportableModel, ExportNotWritten) as error:
            log.warning("model runs on torch, slower than ONNX Runtime", reason=str(error))
    from indexer.model import torch_encoder

    return torch_encoder.load_extractor(folder, device)


def find_or_export(folder: ModelFolder, cache: Path) -> tuple[Path, Export]:
    """Return a model's export and where it is: with the model, or in the cache.

    It is made when there is none yet.

    Raises
    ------
    ExportNotWritten
        The folder cannot be written.
    InvalidModel
        The model cannot be used at all.
    """
    packaged = read_packaged(folder)
    if packaged is not None:
        return folder.path, packaged
    kept = KeptExport(cache, folder)
    export = kept.read()
    if export is None:
        with kept.turn():
            export = kept.read()  # another process may have made it meanwhile
            if export is None:
                export = _export(folder)
                kept.write(export)
    return kept.path, export


def write_portable(
    model: ModelFolder, form: ExportFormat, folder: Path, photos: Sequence[Rgb]
) -> "PortableExport":
    """Write a model for other programs; parameters and errors are `portable_export`'s."""
    from indexer.model import portable_export

    return portable_export.write_portable(model, form, folder, photos)


def _export(folder: ModelFolder) -> Export:
    log.info("model export for ONNX Runtime, step 1 of 3: torch")
    from indexer.model.onnx_export import export_model

    begun = perf_counter()
    export = export_model(folder)
    log.info("model exported", seconds=round(perf_counter() - begun))
    return export


def _load_onnx(folder: ModelFolder, cache: Path | None, cores: Cores | None) -> Encoder:
    from indexer.model.classified_network import classified_encoder

    if cache is None:
        export = read_packaged(folder) or _export(folder)
    else:
        export = find_or_export(folder, cache)[1]
    check_usable(export)
    classifier = read_classifier(folder)
    if classifier is not None:
        classifier.check_fits(export.card)
    network = _onnx_network(export, cores, classifier)
    return classified_encoder(export.card, network, classifier)


def _onnx_network(
    export: Export,
    cores: Cores | None,
    classifier: LinearClassifier | None = None,
    *,
    bare: bool = False,  # without any classifier: the logits are the features
) -> "OnnxNetwork":
    from indexer.model.onnx_network import OnnxNetwork

    graph = export.graph
    if bare or (classifier is not None and classifier.input is ClassifierInput.FEATURES):
        from indexer.model.classifier_graph import replace_classifier

        graph = replace_classifier(graph, classifier, had_classes=bool(export.card.labels))
    return OnnxNetwork(
        graph, export.weights, cores, has_descriptor=export.card.descriptor is not None
    )


def check_usable(export: Export) -> None:
    """Refuse an export that failed.

    Raises
    ------
    UnexportableModel
        With the reason.
    """
    if export.failure is not None:
        raise UnexportableModel(
            f"The model {export.card.reference} cannot run on ONNX Runtime: {export.failure}. Set "
            "LOOKALIKE_RUNTIME=torch."
        )


def _runs_on_cpu(device: str) -> bool:
    if device != "auto":
        return _is_cpu(device)
    if not _may_have_gpu():
        return True
    from indexer.model.torch_encoder import finds_gpu

    return not finds_gpu()


def _is_cpu(device: str) -> bool:
    return device.partition(":")[0] == "cpu"


def _may_have_gpu() -> bool:
    """Tell whether it is worth asking torch for a GPU, which takes seconds."""
    match platform.system():
        case "Linux":
            return any(Path(node).exists() for node in _GPU_NODES)
        case "Darwin":
            return platform.machine() == "arm64"
        case _:
            return True
