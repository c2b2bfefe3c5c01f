"""Background set of a model: embeddings of unrelated images, to measure a query's bias."""

from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from indexer.errors import InvalidModel
from indexer.model.descriptor import read_descriptor
from indexer.model.references import ModelFolder
from indexer.types import Embeddings

BACKGROUND: Final = "background.safetensors"
_TENSOR: Final = "embeddings"
_VERSION: Final = "descriptor"  # in the file's metadata: the version of the head that made them


def read_background(folder: ModelFolder) -> Embeddings | None:
    """Read the background of a model; None where it has none.

    Returns
    -------
    ndarray of shape (m, d), float32, unit rows

    Raises
    ------
    InvalidModel
        The file is damaged, or was made by another head than the folder's.
    """
    path = folder.path / BACKGROUND
    if folder.descriptor is None or not path.is_file():
        return None
    descriptor = read_descriptor(folder.descriptor)
    try:
        with safe_open(path, framework="np") as file:
            version = (file.metadata() or {}).get(_VERSION)
            rows = file.get_tensor(_TENSOR).astype(np.float32)
    except (OSError, SafetensorError) as error:
        raise InvalidModel(
            f"{path} is not a readable background: {error}. Fetch it again, or delete it: scores "
            "are then not normalised."
        ) from error
    if version != descriptor.version or rows.shape[1:] != (descriptor.dimension,):
        raise InvalidModel(
            f"{path} was made by the head {version}, and the folder holds {descriptor.version}. "
            "Fetch the model again, or delete the file: scores are then not normalised."
        )
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def write_background(rows: Embeddings, version: str, path: Path) -> None:
    """Write embeddings (m, d) as `read_background` takes them, in half precision."""
    path.write_bytes(save({_TENSOR: rows.astype(np.float16)}, metadata={_VERSION: version}))
