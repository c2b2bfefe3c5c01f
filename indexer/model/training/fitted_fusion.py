"""Fitted fusion: the weights of the evidence in a model's embedding space, from pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from indexer.errors import InputError, UnreadableSource
from indexer.model.background import read_background
from indexer.model.descriptor import read_descriptor
from indexer.model.fusion_file import write_fusion
from indexer.model.references import resolve
from indexer.model.runtimes import load
from indexer.model.training.copy_table import read_copies
from indexer.model.training.fusion_data import measure_evidence
from indexer.model.training.fusion_fit import fit_fusion
from indexer.settings import Settings
from indexer.types import Fusion

NEAR_DUPLICATE: Final = 8.0  # log-odds: about one false match in 3,000 uploads
LOOKALIKE: Final = 4.6  # about one in 100


@dataclass(frozen=True, slots=True)
class FittedFusion:
    """A fusion that was written, and what it was fitted to."""

    fusion: Fusion
    copies: int
    strangers: int  # pairs


def fit_to_pictures(  # noqa: PLR0913 -- what, to what, where to, and how
    reference: str,
    photos: Path,
    out: Path,
    settings: Settings,
    *,
    copies: Path | None = None,
    seed: int,
    on_picture: Callable[[int, int], None],
) -> FittedFusion:
    """Fit the fusion of a model to a folder of pictures and write it.

    Parameters
    ----------
    reference : str
        The model, as `load_encoder` takes it.
    photos : Path
        Hundreds of pictures at least, each source in a folder of its own.
    out : Path
        File to write, which must not exist.
    settings : Settings
        Limits, runtime, and the views of a query.
    copies : Path, optional
        Table of further copies of the pictures, as `read_copies` takes it.
    seed : int
    on_picture : callable
        Told how many pictures are done, and of how many.

    Raises
    ------
    InputError
        `out` exists already, there are too few pictures, or the table is invalid.
    UnreadableSource
        `out` cannot be written, or the table cannot be read.
    NotFoundError, InvalidModel, UnavailableError
        As for `load_encoder`.
    """
    if out.exists():
        raise InputError(f"{out} exists already. Name another file, or remove it.")
    made = read_copies(copies) if copies else {}
    folder = resolve(reference)
    encoder = load(folder, settings.device, settings.runtime, settings.resolved_model_cache, None)
    given = measure_evidence(
        encoder,
        read_background(folder),
        photos,
        settings,
        made=made,
        seed=seed,
        on_picture=on_picture,
    )
    fusion = fit_fusion(given, near_duplicate=NEAR_DUPLICATE, lookalike=LOOKALIKE, seed=seed)
    head = read_descriptor(folder.descriptor).version if folder.descriptor else None
    count, strangers = len(np.unique(given.owners)), len(given.strangers.bits)
    try:
        written = write_fusion(fusion, head, {"copies": count, "strangers": strangers}, out)
    except OSError as error:
        raise UnreadableSource(f"{out} cannot be written: {error}.") from error
    return FittedFusion(written, count, strangers)
