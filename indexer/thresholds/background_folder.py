"""Background folder: picture files, hashed and embedded as for a search, but not indexed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from indexer.errors import InputError
from indexer.images import fingerprints
from indexer.images.decode import decode
from indexer.images.fingerprints import PdqOrientations
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.sources import SourceFile, read, walk
from indexer.store import Store
from indexer.thresholds.background_set import SEED
from indexer.thresholds.picture_matrix import NO_ID, Pictures, number_sources
from indexer.types import Embeddings

log = structlog.get_logger(__name__)

OnProgress = Callable[[int, int], None]
"""Called with the number of pictures done, and of all."""


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """One picture as it is searched for."""

    path: Path
    sha256: bytes
    pdq: PdqOrientations
    embedding: Embeddings  # (d,)


def read_folder(
    folder: Path,
    store: Store,
    encoder: Encoder,
    settings: Settings,
    most: int,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Pictures:
    """Measure the pictures of a folder.

    A picture whose very bytes the index holds gets their id, and is not compared with itself.

    Parameters
    ----------
    folder : Path
    store : Store
    encoder : Encoder
        That of the space to calibrate.
    settings : Settings
    most : int
        Pictures taken at most, at random but the same each time.
    on_progress : callable

    Raises
    ------
    UnreadableSource
        The folder cannot be read.
    """
    paths = [item.path for item in walk([folder]) if isinstance(item, SourceFile)]
    if len(paths) > most:
        chosen = np.random.default_rng(SEED).choice(len(paths), most, replace=False)
        paths = [paths[row] for row in sorted(chosen.tolist())]
    measured = measure_files(paths, encoder, settings, on_progress)
    with store.reader() as catalog:
        known = catalog.images.ids_by_sha256(file.sha256 for file in measured)
    ids = [known.get(file.sha256, NO_ID) for file in measured]
    return as_pictures(measured, ids, encoder.card.dimension, settings)


def measure_files(
    paths: Sequence[Path],
    encoder: Encoder,
    settings: Settings,
    on_progress: OnProgress = lambda _done, _total: None,
) -> list[MeasuredFile]:
    """Hash files in eight orientations and embed them; what cannot be read is left out, and logged.

    The order is that of the paths.
    """

    def measure(path: Path) -> MeasuredFile | None:
        try:
            data = read(path, settings.max_image_bytes)
            rgb = decode(data, settings.image_limits).rgb
            embedding = encoder.encode([rgb]).embeddings[0]
        except InputError as error:
            log.warning("background image skipped", code=error.code)
            return None
        pdq = fingerprints.pdq_orientations(rgb)
        return MeasuredFile(path, fingerprints.sha256(data), pdq, embedding)

    measured: list[MeasuredFile] = []
    with ThreadPoolExecutor(settings.worker_threads) as pool:
        for done, file in enumerate(pool.map(measure, paths), 1):
            if file is not None:
                measured.append(file)
            on_progress(done, len(paths))
    return measured


def as_pictures(
    measured: Sequence[MeasuredFile], ids: Sequence[int], dimension: int, settings: Settings
) -> Pictures:
    """Put measured files into rows, with ids of their own; each folder is a source."""
    qualities = np.array([file.pdq.quality for file in measured], np.int16)
    embeddings = np.array([file.embedding for file in measured], np.float32)
    return Pictures(
        ids=np.array(ids, np.int64),
        names=[file.path.name for file in measured],
        embeddings=embeddings.reshape(len(measured), dimension),
        pdq=np.array([file.pdq.bits for file in measured], np.uint8).reshape(-1, 8, 32),
        hashable=qualities >= settings.pdq_min_quality,
        sources=number_sources([str(file.path.parent) for file in measured]),
    )
