"""Class map by occlusion: how much a class's log-odds fall where a picture is covered.

Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. It
needs nothing but forward passes, so it holds for a model of any architecture on any runtime.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.embedding_space import decode_size
from indexer.errors import InputError
from indexer.images.decode import decoded
from indexer.model import Encoder
from indexer.settings import ImageLimits
from indexer.types import ClassMap, Rgb

_CELLS: Final = 8  # of a map, across and down
_COVERED: Final = 2  # cells that one cover hides, across and down: an object rarely fits in one
_LEAST: Final = 1e-6  # probability, and distance from 1, beyond which float32 says nothing


def explain_class(
    encoder: Encoder, limits: ImageLimits, data: bytes, name: str, label: str | None = None
) -> ClassMap:
    """Find which regions of a picture speak for a class; costs about 50 forward passes.

    Each cover is of the picture's mean colour. A cell counts the mean of the covers that hide it.

    Parameters
    ----------
    encoder : Encoder
    limits : ImageLimits
    data : bytes
        The file.
    name : str
        What the answer calls it.
    label : str, optional
        The class; by default the likeliest.

    Raises
    ------
    InputError
        The picture cannot be read or is too large, or the model has no such class.
    """
    labels = encoder.card.labels
    if label is not None and label not in labels:
        known = ", ".join(labels) or "none"
        raise InputError(f"The model has no class {label!r}. Its classes: {known}.")
    if not labels:
        raise InputError("The model has no classes, so there is no score to explain.")
    with decoded(data, limits, at_least=decode_size(encoder)) as picture:
        [whole] = encoder.encode([picture.rgb]).probabilities
        column = labels.index(label) if label else int(whole.argmax())
        starts = range(_CELLS - _COVERED + 1)
        covers = [(row, left) for row in starts for left in starts]
        covered = np.concatenate(
            [
                encoder.encode([rgb]).probabilities[:, column]
                for rgb in _cover_each(picture.rgb, covers)
            ]
        )
    falls = _log_odds(whole[column : column + 1]) - _log_odds(covered)
    total, count = np.zeros((2, _CELLS, _CELLS))
    for (row, left), fall in zip(covers, falls, strict=True):
        hidden = slice(row, row + _COVERED), slice(left, left + _COVERED)
        total[hidden] += fall
        count[hidden] += 1
    cells = (total / count).round(4)
    return ClassMap(
        query=name,
        label=labels[column],
        probability=float(whole[column]),
        model=encoder.card.fingerprint,
        cells=tuple(map(tuple, cells.tolist())),
    )


def _cover_each(rgb: Rgb, covers: list[tuple[int, int]]) -> Iterator[Rgb]:
    """Give the picture with a cover from each cell (row, column), one at a time."""
    height, width = rgb.shape[:2]
    downs = np.linspace(0, height, _CELLS + 1).round().astype(int)
    acrosses = np.linspace(0, width, _CELLS + 1).round().astype(int)
    colour = rgb.mean(axis=(0, 1)).round().astype(np.uint8)
    for row, column in covers:
        covered = rgb.copy()
        top, bottom = downs[row], downs[row + _COVERED]
        left, right = acrosses[column], acrosses[column + _COVERED]
        covered[top:bottom, left:right] = colour
        yield covered


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    certain = np.clip(probabilities.astype(np.float64), _LEAST, 1 - _LEAST)
    odds: NDArray[np.float64] = np.log(certain) - np.log1p(-certain)
    return odds
