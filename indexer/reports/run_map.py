"""Run map: the images of a cluster run as columns, packed for a client that draws them."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from indexer.reports.map import Places
from indexer.store import Catalog, MapPoints
from indexer.types import Bank, BankKind, ClusterRun, Keys

FORMAT: Final = "lookalike-map-1"
_STEPS: Final = np.iinfo(np.uint16).max  # of a coordinate, and hours of an age at most
_MARGIN: Final = 0.02  # of the square, on each side
_HOUR: Final = 3600.0  # seconds
_SEVERITIES: Final = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class Frame:
    """The square of the map that coordinates count in."""

    left: float
    bottom: float
    side: float

    @classmethod
    def around(cls, places: Places) -> Self:
        """Return the smallest square with a margin that holds all places.

        Parameters
        ----------
        places : ndarray of shape (n, 2), float32
        """
        if not len(places):
            return cls(0.0, 0.0, 1.0)
        low, high = places.min(axis=0).astype(float), places.max(axis=0).astype(float)
        side = max(float((high - low).max()), 1e-9) * (1 + 2 * _MARGIN)
        left, bottom = ((low + high - side) / 2).tolist()
        return cls(left, bottom, side)

    def steps(self, places: Places) -> NDArray[np.uint16]:
        """Return places as steps of the square, those outside on its edge.

        Parameters
        ----------
        places : ndarray of shape (n, 2), float32

        Returns
        -------
        ndarray of shape (n, 2), uint16
        """
        share = (places.astype(np.float64) - (self.left, self.bottom)) / self.side
        return np.rint(np.clip(share, 0, 1) * _STEPS).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Where the images of a run are, by ascending id."""

    frame: Frame
    steps: NDArray[np.uint16]
    """(n, 2), x to the right and y upwards, in steps of the frame."""
    landmarks_at: str | None
    """When the map of the space was laid out; None for principal axes."""


@dataclass(frozen=True, slots=True)
class RunMap:
    """What is drawn of a run: a column of n values for each property of its images."""

    run_id: int
    made_at: datetime
    points: MapPoints
    laid: LaidOut
    clusters: tuple[tuple[int, str, int], ...]
    """Id, name and medoid of each, the largest first."""
    classes: tuple[str, ...]
    """The most frequent first."""
    banks: tuple[Bank, ...]
    """Block banks first, the most severe first."""
    bank_places: NDArray[np.int64]
    """(n,), the first bank in `banks` that holds each image, from 1; 0 for none."""

    def packed(self) -> bytes:
        """Return a gzipped safetensors file, as docs/reports.md describes it."""
        points, frame = self.points, self.laid.frame
        of_class = np.array([self.classes.index(name) + 1 for name in points.labels] + [0])
        newest = float(points.added_at.max(initial=0))
        hours = np.floor((newest - points.added_at) / _HOUR)
        columns: dict[str, NDArray[Any]] = {
            "x": self.laid.steps[:, 0],
            "y": self.laid.steps[:, 1],
            "id": np.diff(points.image_ids, prepend=0),
            "cluster": _ranked(points.cluster_ids, [each[0] for each in self.clusters]),
            "class": of_class[points.label_codes],
            "bank": self.bank_places,
            "age": np.clip(hours, 0, _STEPS),
        }
        said = {
            "format": FORMAT,
            "run": self.run_id,
            "made_at": self.made_at.isoformat(),
            "newest": datetime.fromtimestamp(newest, UTC).isoformat(),
            "clusters": self.clusters,
            "classes": self.classes,
            "banks": [(each.name, each.kind, each.severity) for each in self.banks],
            "frame": (frame.left, frame.bottom, frame.side),
            "landmarks_at": self.laid.landmarks_at,
        }
        file = save(
            {name: np.ascontiguousarray(_narrow(column)) for name, column in columns.items()},
            {name: json.dumps(value, ensure_ascii=False) for name, value in said.items()},
        )
        return gzip.compress(file, 6, mtime=0)


def make_run_map(catalog: Catalog, run: ClusterRun, points: MapPoints, laid: LaidOut) -> RunMap:
    """Gather what is drawn of a run.

    Parameters
    ----------
    catalog : Catalog
    run : ClusterRun
    points : MapPoints
    laid : LaidOut
        Where the points are.
    """
    names, medoids = catalog.clusters.names(run.id), catalog.clusters.medoids(run.id)
    medoid_of = {cluster_id: image_id for image_id, cluster_id in medoids.items()}
    found, counts = np.unique(points.cluster_ids[points.cluster_ids >= 0], return_counts=True)
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    ids = sorted(sizes, key=lambda each: (-sizes[each], each))
    times = np.bincount(points.label_codes[points.label_codes >= 0], minlength=len(points.labels))
    order = np.argsort(-times, kind="stable")
    image_ids, bank_ids = catalog.maps.banked(run.id)
    banks = sorted(
        (bank for bank in catalog.banks.all() if bank.id in set(bank_ids.tolist())),
        key=lambda bank: (
            bank.kind is not BankKind.BLOCK,
            _SEVERITIES.get(bank.severity or "", len(_SEVERITIES)),
            bank.name,
        ),
    )
    return RunMap(
        run_id=run.id,
        made_at=datetime.now(UTC),
        points=points,
        laid=laid,
        clusters=tuple((each, names[each], medoid_of.get(each, 0)) for each in ids),
        classes=tuple(points.labels[code] for code in order),
        banks=tuple(banks),
        bank_places=_first_banks(points.image_ids, image_ids, bank_ids, [b.id for b in banks]),
    )


def _first_banks(
    image_ids: Keys, of_images: Keys, bank_ids: Keys, order: Sequence[int]
) -> NDArray[np.int64]:
    """Return the place, from 1, of the first bank that holds each image; 0 for none."""
    places = np.zeros(len(image_ids), np.int64)
    for place in range(len(order), 0, -1):
        held = of_images[bank_ids == order[place - 1]]
        places[np.isin(image_ids, held)] = place
    return places


def _ranked(cluster_ids: Keys, order: Sequence[int]) -> NDArray[np.int64]:
    """Return the place of each image's cluster in an order, from 1; 0 for noise."""
    if not order:
        return np.zeros(len(cluster_ids), np.int64)
    sorted_ids = np.sort(order)
    rank = np.argsort(order, kind="stable") + 1
    row = np.clip(np.searchsorted(sorted_ids, cluster_ids), 0, len(order) - 1)
    return np.where(sorted_ids[row] == cluster_ids, rank[row], 0)


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the smallest of uint8, uint16 and uint32 that holds them."""
    most = int(column.max(initial=0))
    narrowest = np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32
    return column.astype(narrowest)
