"""Fit of a semantic head: the network's own features, averaged and reduced by PCA whitening.

`python -m indexer.model.training.semantic_fit PICTURES MODEL [TAP]` writes it into a folder.
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from indexer.errors import InputError
from indexer.model.descriptor import Descriptor, Tap, write_descriptor
from indexer.model.references import SEMANTIC, resolve
from indexer.model.torch_loading import load_model
from indexer.model.training.features import compute_views, find_pictures
from indexer.settings import ImageLimits, Settings

COMPONENTS: Final = 128
_LEAST_SPREAD: Final = 1e-3
"""Deviation along a component, of the first one's, below which it is rounding and not a feature."""
POOLED: Final = "global_pool"
"""What timm calls the module that makes the features of the classifier, in most networks."""


def fit_semantic(
    reference: str,
    photos: Path,
    *,
    limits: ImageLimits,
    tap: str = POOLED,
    components: int = COMPONENTS,
    on_picture: Callable[[int], None] = lambda _number: None,
) -> Descriptor:
    """Fit a semantic head and write it into the folder of its model.

    The space is a new one: images of an index get their embeddings there by `model reembed`.

    Parameters
    ----------
    reference : str
        The model, as `load_encoder` takes it.
    photos : Path
        Folder of pictures, thousands of them, as different as can be.
    limits : ImageLimits
        What a picture may cost.
    tap : str
        Submodule of the network whose output is averaged over the picture.
    components : int
        Length of the embeddings.
    on_picture : callable
        Told the number of each picture that is begun, from 1.

    Raises
    ------
    InputError
        There are fewer pictures than components.
    NotFoundError, InvalidModel, UnavailableError
        As for `load_encoder`; also for a tap that the network does not have.
    """
    folder = resolve(reference)
    model = load_model(folder, torch.device("cpu"))
    planned = Descriptor("semantic", "", (Tap(tap, 1.0),), components, {})
    views = compute_views(
        model,
        planned,
        find_pictures(photos),
        limits=limits,
        views=1,
        rotations=0,
        seed=0,
        on_picture=on_picture,
    )
    features = views[:, 0]
    projection, bias = whiten(features, components)
    tensors = {"projection.weight": projection, "projection.bias": bias}
    most = max(np.abs(tensor).max() for tensor in tensors.values())
    precision = np.float16 if most < np.finfo(np.float16).max else np.float32
    weights = save({name: tensor.astype(precision) for name, tensor in tensors.items()})
    descriptor = replace(
        planned,
        version=hashlib.sha256(weights).hexdigest()[:8],
        training={"pictures": len(features), "components": components},
    )
    folder.semantic_weights.write_bytes(weights)
    write_descriptor(descriptor, folder.path / SEMANTIC)
    return descriptor


def whiten(
    features: NDArray[np.float16], components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the projection onto the principal components, each divided by its deviation.

    Parameters
    ----------
    features : ndarray of shape (n, c)
    components : int
        The first k of them; at most n and c.

    Returns
    -------
    projection : ndarray of shape (k, c)
    bias : ndarray of shape (k,)
        Of the mean to zero.

    Raises
    ------
    InputError
        There are too few rows or columns.
    """
    rows = features.astype(np.float64)
    if min(rows.shape) < components:
        raise InputError(
            f"{rows.shape[0]} pictures with {rows.shape[1]} features do not give {components} "
            "components. Take more pictures or fewer components."
        )
    mean = rows.mean(axis=0)
    _, deviations, directions = np.linalg.svd(rows - mean, full_matrices=False)
    spread = np.maximum(deviations[:components], _LEAST_SPREAD * deviations[0])
    scale = np.sqrt(len(rows)) / spread
    projection = directions[:components] * scale[:, np.newaxis]
    return projection, -projection @ mean


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, reference]:
            tapped = POOLED
        case [folder, reference, tapped]:
            pass
        case _:
            sys.exit((__doc__ or "").strip())
    done = fit_semantic(reference, Path(folder), limits=Settings().image_limits, tap=tapped)
    sys.stdout.write(f"{done}, of {done.training['pictures']} pictures\n")
