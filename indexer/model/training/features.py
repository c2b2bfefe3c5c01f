"""Pooled features of augmented views of a folder of pictures."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import InputError
from indexer.images.decode import decode
from indexer.model.descriptor import Descriptor
from indexer.model.descriptor_head import attach_taps, pool
from indexer.model.preprocessing import Preprocessor
from indexer.model.torch_loading import LoadedModel
from indexer.model.training.augmentations import edit
from indexer.model.training.augmentations.geometric import rotate_far
from indexer.settings import ImageLimits

_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_LONGEST_SIDE: Final = 512  # px; edits of more would take most of the time
_LEAST_SIDE: Final = 64
_FEWEST: Final = 2  # pictures: one has no other to be told from

log = structlog.get_logger(__name__)


def find_pictures(folder: Path) -> list[Path]:
    """List the pictures below a folder, in the order of their names.

    Raises
    ------
    InputError
        There are too few.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if len(paths) < _FEWEST:
        raise InputError(
            f"{folder} has {len(paths)} images. Name a folder with at least {_FEWEST}; a "
            "useful descriptor needs thousands."
        )
    return paths


def compute_views(  # noqa: PLR0913 -- what of, and how
    model: LoadedModel,
    descriptor: Descriptor,
    paths: list[Path],
    *,
    limits: ImageLimits,
    views: int,
    rotations: int,
    seed: int,
    on_picture: Callable[[int], None],
) -> NDArray[np.float16]:
    """Edit each picture at random and run the network over the results.

    Pictures that cannot be read or are very small are left out.

    Parameters
    ----------
    limits : ImageLimits
        What a picture may cost.
    views : int
        Of each picture: itself and edited ones.
    rotations : int
        Of the edited ones, those rotated by 20 degrees or more; at most half of them.
    on_picture : callable
        Told the number of each picture that is begun, from 1.

    Returns
    -------
    ndarray of shape (pictures, views, inputs), float16
        What the taps of `descriptor` give, pooled and joined.
    """
    taps = attach_taps(model.network, descriptor, Path("the descriptor"))
    prepare = Preprocessor(model.card)
    random = Random(seed)  # noqa: S311 -- nothing secret

    def other() -> Image.Image:
        while True:  # ends: one that can be read is being edited
            picture = read_picture(random.choice(paths), limits)
            if picture is not None:
                return picture

    rows = []
    for number, path in enumerate(paths, start=1):
        on_picture(number)
        picture = read_picture(path, limits)
        if picture is None:
            continue
        far = min(rotations, (views - 1) // 2)
        edited = [edit(picture, random, other) for _ in range(views - 1 - far)]
        rotated = [rotate_far(picture, random, other) for _ in range(far)]
        batch = [picture, *edited, *rotated]
        pixels = np.stack([prepare(np.asarray(view)) for view in batch])
        with torch.inference_mode():
            model.network(torch.from_numpy(pixels))
            rows.append(pool(taps.take(), descriptor).numpy().astype(np.float16))
    if len(rows) < _FEWEST:
        raise InputError(
            f"Only {len(rows)} of {len(paths)} images are readable and at least "
            f"{_LEAST_SIDE} pixels wide and high. Name another folder."
        )
    return np.stack(rows)


def read_picture(path: Path, limits: ImageLimits) -> Image.Image | None:
    """Decode and shrink a picture; None where that fails or it is too small."""
    try:
        picture = Image.fromarray(decode(path.read_bytes(), limits).rgb)
    except (OSError, InputError) as error:
        log.warning("training image skipped", picture=path.name, reason=str(error))
        return None
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    return picture if min(picture.size) >= _LEAST_SIDE else None
