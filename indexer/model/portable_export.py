"""Portable export: a model in a folder that programs run without Python, or without Lookalike.

The graph gives finished answers: class probabilities and unit embeddings. `model.json` beside it
says all that a client needs: labels, preprocessing, names of inputs and outputs, fingerprints,
SHA-256, and how far the answers differ from torch's.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch

from indexer.errors import InputError, UnexportableModel
from indexer.model.card import ModelCard
from indexer.model.classified_model import load_classified
from indexer.model.graph_writers import (
    EMBEDDING,
    PROBABILITIES,
    SEMANTIC,
    AnsweringNetwork,
    Pixels,
    WrittenGraph,
    write_graph,
)
from indexer.model.onnx_network import INPUT
from indexer.model.parity import Parity, sample_pictures
from indexer.model.preprocessing import Preprocessor
from indexer.model.references import ModelFolder
from indexer.types import ExportFormat, Rgb

DESCRIPTION: Final = "model.json"
MAX_DIFFERENCE: Final = 1e-4
"""Of a probability to torch's; int8 is only measured."""
MIN_COSINE: Final = 0.9999
"""Of an embedding to torch's."""
MIN_CALIBRATION: Final = 32
"""Pictures that int8 is calibrated on, at least."""
_METADATA: Final = "lookalike"  # key of the description in an ONNX graph


@dataclass(frozen=True, slots=True)
class PortableExport:
    """A folder that was written."""

    folder: Path
    format: ExportFormat
    graph: str  # file name
    bytes: int
    sha256: str  # of the graph, 64 hex digits
    fingerprint: str  # of the embedding space, 64 hex digits
    parity: Parity


def write_portable(
    model: ModelFolder, form: ExportFormat, folder: Path, photos: Sequence[Rgb]
) -> PortableExport:
    """Export a model into a new folder and compare its answers with torch's.

    Parameters
    ----------
    model : ModelFolder
    form : ExportFormat
    folder : Path
        Created; it must not exist.
    photos : sequence of ndarray of shape (h, w, 3), uint8
        Pictures to compare on, and to calibrate int8 on; without any, made-up ones are compared.

    Raises
    ------
    InvalidModel
        torch cannot use the model.
    InputError
        The folder exists or cannot be written, or int8 has too few pictures.
    UnexportableModel
        The model cannot be written in this form, or answers otherwise than torch then.
    """
    if form is ExportFormat.INT8 and len(photos) < MIN_CALIBRATION:
        raise InputError(
            f"int8 is calibrated on at least {MIN_CALIBRATION} images, and there are "
            f"{len(photos)}. Name a folder with more as --photos."
        )
    if folder.exists():
        raise InputError(f"{folder} exists. Name a new folder, or remove it.")
    network = AnsweringNetwork(load_classified(model, torch.device("cpu")))
    prepare = Preprocessor(network.card)
    pixels = [prepare(rgb)[np.newaxis] for rgb in photos or sample_pictures()]
    with tempfile.TemporaryDirectory() as work:
        written = _write(network, form, Path(work), pixels)
        parity = _compare(network, written, pixels)
        if form is not ExportFormat.INT8:
            _require_parity(parity, network.card, form)
        description = _describe(network, form, written.path.name, parity)
        sha256 = _seal(written.path, description)
        export = PortableExport(
            folder=folder,
            format=form,
            graph=written.path.name,
            bytes=written.path.stat().st_size,
            sha256=sha256,
            fingerprint=network.card.fingerprint,
            parity=parity,
        )
        _publish(written.path, description | {"sha256": sha256}, folder)
    return export


def _write(
    network: AnsweringNetwork, form: ExportFormat, work: Path, pixels: Sequence[Pixels]
) -> WrittenGraph:
    try:
        return write_graph(network, form, work, pixels)
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise UnexportableModel(
            f"{network.card.reference} cannot be exported as {form}: {reason}"
        ) from error


def _compare(network: AnsweringNetwork, written: WrittenGraph, pixels: Sequence[Pixels]) -> Parity:
    """Ask both about each picture, and about the first two at once: a batch must be possible."""
    difference, cosine = 0.0, 1.0
    for batch in [*pixels, np.concatenate(pixels[:2])]:
        wanted, got = network.run(batch), written.run(batch)
        for name in network.names:
            if name == PROBABILITIES:
                difference = max(difference, float(np.abs(wanted[name] - got[name]).max()))
            else:
                cosine = min(cosine, float((wanted[name] * got[name]).sum(axis=1).min()))
    return Parity(len(pixels), difference, cosine)


def _require_parity(parity: Parity, card: ModelCard, form: ExportFormat) -> None:
    if parity.probability_difference > MAX_DIFFERENCE or parity.cosine < MIN_COSINE:
        raise UnexportableModel(
            f"{card.reference} as {form} answers otherwise than torch: a probability by "
            f"{parity.probability_difference:.2g} (at most {MAX_DIFFERENCE:g}), and the least "
            f"cosine of two embeddings is {parity.cosine:.6f} (at least {MIN_COSINE:g})."
        )


def _describe(
    network: AnsweringNetwork, form: ExportFormat, graph: str, parity: Parity
) -> dict[str, Any]:
    """Return what `model.json` says, but for the hash of the graph."""
    card = network.card
    return {
        "format": form.value,
        "graph": graph,
        "architecture": card.architecture,
        "licence": card.licence,
        "weights_sha256": card.weights_sha256,
        "fingerprint": card.fingerprint,
        "labels": list(card.labels),
        "preprocessing": {
            "input_size": list(card.input_size),
            "interpolation": card.interpolation,
            "crop_pct": card.crop_pct,
            "crop_mode": card.crop_mode,
            "mean": list(card.mean),
            "std": list(card.std),
        },
        "input": INPUT,
        "probabilities": PROBABILITIES if card.labels else None,
        "embeddings": {
            name: {"output": name, "dimension": of.dimension, "fingerprint": of.fingerprint}
            for name, of in ((EMBEDDING, card), (SEMANTIC, card.semantic))
            if of
        },
        "parity": asdict(parity),
    }


def _seal(graph: Path, description: dict[str, Any]) -> str:
    """Write the description into an ONNX graph as well; return the SHA-256 of the file."""
    if graph.suffix == ".onnx":
        model = onnx.load(graph)
        onnx.helper.set_model_props(model, {_METADATA: json.dumps(description)})
        graph.write_bytes(model.SerializeToString())
    return hashlib.sha256(graph.read_bytes()).hexdigest()


def _publish(graph: Path, description: dict[str, Any], folder: Path) -> None:
    """Copy the graph into the folder and describe it there."""
    try:
        folder.mkdir(parents=True)
        shutil.copyfile(graph, folder / graph.name)
        text = json.dumps(description, indent=2) + "\n"
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}.") from error
