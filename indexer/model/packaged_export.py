"""Packaged export of a model: a graph in its folder that uses the weights there.

So the shipped model needs no export on the machines it is installed on, and its weights are in the
package once. `export_builder` writes it.
"""

import hashlib
import json
from typing import Any, Final

import structlog

from indexer.model.exports import RECIPE, Export, card_of, sha256_of
from indexer.model.parity import Parity
from indexer.model.references import ModelFolder

GRAPH: Final = "export.onnx"
MANIFEST: Final = "export.json"

log = structlog.get_logger(__name__)


def read_packaged(folder: ModelFolder) -> Export | None:
    """Return the export in a model's folder; None where there is none, or one that does not fit.

    It fits if the recipe is today's, and the graph and all files of the model are the very ones
    that it was made with, by their SHA-256.
    """
    try:
        manifest = json.loads((folder.path / MANIFEST).read_bytes())
        graph = (folder.path / GRAPH).read_bytes()
        _check(manifest, graph, folder)
        return Export(
            card=card_of(manifest["card"], folder.reference),
            graph=graph,
            parity=Parity(**manifest["parity"]),
            failure=None,
            weights=folder.path,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning(
            "packaged export not used",
            folder=str(folder.path),
            reason=str(error),
        )
        return None


def manifest_of(folder: ModelFolder, export: Export, card: dict[str, Any]) -> dict[str, Any]:
    """Return what `read_packaged` compares, and what it cannot know without torch."""
    if export.parity is None:
        raise ValueError("the export was not compared with torch")
    return {
        "recipe": RECIPE,
        "graph": hashlib.sha256(export.graph).hexdigest(),
        "files": {path.name: sha256_of(path) for path in folder.files},
        "card": card,
        "parity": {
            "pictures": export.parity.pictures,
            "probability_difference": export.parity.probability_difference,
            "cosine": export.parity.cosine,
        },
    }


def _check(manifest: dict[str, Any], graph: bytes, folder: ModelFolder) -> None:
    if manifest["recipe"] != RECIPE:
        raise ValueError(f"it was made by recipe {manifest['recipe']}, this version has {RECIPE}")
    if hashlib.sha256(graph).hexdigest() != manifest["graph"]:
        raise ValueError(f"{GRAPH} is damaged")
    files = {path.name: sha256_of(path) for path in folder.files}
    if files != manifest["files"]:
        raise ValueError("it was made of other weights")
