"""Map files: the packed maps of cluster runs, kept until what they show changes."""

import gzip
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from indexer.reports.image_columns import distances_from_medoids, principal_axes
from indexer.reports.kept_map import open_map
from indexer.reports.landmark_map import LandmarkMap
from indexer.reports.report_data import find_run, placement_on, space_of
from indexer.reports.run_map import FORMAT, Frame, LaidOut, make_run_map
from indexer.runtime.private_files import make_private_folder
from indexer.settings import Settings
from indexer.store import Catalog, Landmarks, MapPoints, Store
from indexer.types import ClusterRun, Keys

_ENDING: Final = ".safetensors.gz"


@dataclass(frozen=True, slots=True)
class MapFile:
    """The packed map of a run."""

    stamp: str
    """Other where the map shows anything else; hexadecimal."""
    packed: bytes
    """A gzipped safetensors file."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    """Where an earlier map of a run has its images."""

    image_ids: Keys
    laid: LaidOut


def map_stamp(store: Store, run_id: int | None = None) -> str:
    """Return what tells whether the map of a run is still what it was.

    Raises
    ------
    NotFoundError
        There is no such run.
    InputError
        The run did not come to its end, or its embeddings were dropped.
    """
    with store.reader() as catalog:
        return _stamp(catalog, find_run(catalog, run_id))


def open_map_file(store: Store, settings: Settings, run_id: int | None = None) -> MapFile:
    """Return the packed map of a run: the file that is kept, if it is still true.

    Making it reads the vectors of all images, once for each run: a map that is made again takes the
    places from the file before, and reads the vectors of new images only.

    Parameters
    ----------
    store : Store
    settings : Settings
    run_id : int, optional
        The newest finished run by default.

    Raises
    ------
    NotFoundError
        There is no such run.
    InputError
        The run did not come to its end, or its embeddings were dropped.
    """
    with store.reader() as catalog:
        run = find_run(catalog, run_id)
        stamp = _stamp(catalog, run)
        space, semantic = space_of(catalog, run), catalog.cluster_runs.semantic_space(run)
    folder = settings.maps_folder
    with suppress(OSError):
        return MapFile(stamp, _path(folder, run, stamp).read_bytes())
    kept = open_map(store, space, semantic)
    with store.reader() as catalog:
        stamp = _stamp(catalog, run)
        points = catalog.maps.points(run.id, space)
        laid = _lay(catalog, run, points, kept[0], _earlier(folder, run, kept[1])) if kept else None
        made = make_run_map(catalog, run, points, laid or _lay_flat(catalog, run))
    packed = made.packed()
    _keep(folder, run, stamp, packed)
    with store.reader() as catalog:
        if _stamp(catalog, run) != stamp:  # an image may have been purged meanwhile
            _path(folder, run, stamp).unlink(missing_ok=True)
    return MapFile(stamp, packed)


def _stamp(catalog: Catalog, run: ClusterRun) -> str:
    space = space_of(catalog, run)
    semantic = catalog.cluster_runs.semantic_space(run)
    state = catalog.maps.state(run, space, (semantic or space).id)
    said = json.dumps([FORMAT, run.id, asdict(state)], default=str, sort_keys=True)
    return sha256(said.encode()).hexdigest()[:16]


def _path(folder: Path, run: ClusterRun, stamp: str) -> Path:
    return folder / f"run-{run.id}-{stamp}{_ENDING}"


def _lay(
    catalog: Catalog,
    run: ClusterRun,
    points: MapPoints,
    plane: LandmarkMap,
    earlier: tuple[_Earlier | None, str],
) -> LaidOut:
    """Lay images on the map of their space: from an earlier map of the run, the others anew."""
    before, landmarks_at = earlier
    steps = np.zeros((len(points.image_ids), 2), np.uint16)
    is_new = np.ones(len(steps), np.bool_)
    if before:
        row = np.searchsorted(before.image_ids, points.image_ids)
        row = np.minimum(row, max(len(before.image_ids) - 1, 0))
        is_new = before.image_ids[row] != points.image_ids
        steps[~is_new] = before.laid.steps[row[~is_new]]
    reach = catalog.clusters.reach(run.id)
    placement = placement_on(catalog, run, reach, plane)
    places = np.empty((int(is_new.sum()), 2), np.float32)
    space, semantic = space_of(catalog, run), catalog.cluster_runs.semantic_space(run)
    ids, clusters = points.image_ids[is_new], points.cluster_ids[is_new]
    for part in catalog.cluster_scopes.vectors_of(ids, space, semantic):
        rows = np.searchsorted(ids, part.ids)
        distances = distances_from_medoids(part.vectors, clusters[rows], reach)
        places[rows] = placement.place(part.vectors, clusters[rows], distances)
    frame = before.laid.frame if before else Frame.around(places)
    steps[is_new] = frame.steps(places)
    return LaidOut(frame, steps, landmarks_at)


def _lay_flat(catalog: Catalog, run: ClusterRun) -> LaidOut:
    """Lay few images along their principal axes."""
    space = space_of(catalog, run)
    axes = principal_axes(catalog, run, space)
    parts = [axes.place(part.vectors) for part in catalog.cluster_reports.members(run.id, space)]
    places = np.concatenate([np.zeros((0, 2), np.float32), *parts])
    frame = Frame.around(places)
    return LaidOut(frame, frame.steps(places), None)


def _earlier(folder: Path, run: ClusterRun, landmarks: Landmarks) -> tuple[_Earlier | None, str]:
    """Return an earlier map of the run by the same landmarks, and when these were laid out."""
    landmarks_at = landmarks.created_at.isoformat()
    for path in folder.glob(f"run-{run.id}-*{_ENDING}"):
        with suppress(OSError, EOFError, SafetensorError, ValueError, KeyError):
            file = gzip.decompress(path.read_bytes())
            said = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]
            if json.loads(said["landmarks_at"]) == landmarks_at:
                columns = load(file)
                frame = Frame(*json.loads(said["frame"]))
                steps = np.stack([columns["x"], columns["y"]], axis=1)
                ids = np.cumsum(columns["id"], dtype=np.int64)
                return _Earlier(ids, LaidOut(frame, steps, landmarks_at)), landmarks_at
    return None, landmarks_at


def _keep(folder: Path, run: ClusterRun, stamp: str, packed: bytes) -> None:
    """Write a map in place of the earlier ones of its run; a disk that is full keeps none."""
    with suppress(OSError):
        make_private_folder(folder)
        with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            file.write(packed)
        path = _path(folder, run, stamp)
        Path(file.name).replace(path)
        for other in folder.glob(f"run-{run.id}-*{_ENDING}"):
            if other != path:
                other.unlink(missing_ok=True)
