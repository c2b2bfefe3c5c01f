"""Report as one tree of values, which all writers write."""

from dataclasses import dataclass
from datetime import date, datetime

from indexer.types import Alert, ClusterRun, LineageEvent, Tier


@dataclass(frozen=True, slots=True)
class Count:
    """How many images have something in common."""

    name: str
    images: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Where images come from: the most frequent places, and all others together."""

    top: tuple[Count, ...]
    others: int
    """How many further places there are ..."""
    images_of_others: int
    """... and how many images come from them."""
    unknown: int
    """Images of which it is not known."""


@dataclass(frozen=True, slots=True)
class Day:
    """How many members of a cluster were added on a day (UTC)."""

    day: date
    added: int


@dataclass(frozen=True, slots=True)
class Hour:
    """How many members of a cluster were added in an hour (UTC)."""

    hour: datetime
    """Its beginning."""
    added: int


@dataclass(frozen=True, slots=True)
class NearEntry:
    """An entry of a block bank, and how alike a cluster's medoid is to it."""

    entry_id: int
    bank: str
    image_id: int
    similarity: float
    """Cosine, higher is closer."""
    tier: Tier
    """What a search for the medoid would call it, by its embedding."""


@dataclass(frozen=True, slots=True)
class BankHit:
    """A bank that holds members of a cluster."""

    bank: str
    kind: str
    severity: str | None
    members: int


@dataclass(frozen=True, slots=True)
class Within:
    """How much lies within a distance of the medoid."""

    distance: float
    """Cosine distance (1 - similarity)."""
    images: int
    clusters: int
    """Clusters that keep at least two members; 1 or 0 within one cluster."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a run would have found with another bound, of the images that are still there."""

    parameter: str
    """max_link or min_cluster_size of hdbscan; min_log_odds of families; size of either and kmeans.

    The first two are clustered anew. Of the others is told what of the run's own clusters would be
    left: with a higher bound of the links with the hubs, and without smaller clusters."""
    value: float
    clusters: int
    images: int
    """Images in a cluster."""
    of_run: bool
    """Whether it is the bound of the run itself."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a cluster."""

    image_id: int
    source: str | None
    distance: float | None
    """Cosine distance from the medoid; null where it has left the index since."""
    outlier_score: float
    thumbnail: str | None = None
    """A small, grey and blurred copy as a data URI; null where there is none."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a cluster since the run before."""

    event: LineageEvent
    cluster_id: int
    name: str
    other_id: int | None
    other_name: str | None
    size_before: int
    size_after: int


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a report says about one cluster."""

    id: int
    name: str
    note: str | None
    size: int
    growth_per_day: float
    growth_per_hour: float | None
    """As of `Cluster`: while it is younger than two days."""
    growth: tuple[Day, ...]
    """Days without new members are left out."""
    hours: tuple[Hour, ...]
    """The same by hour, where all images were added within three days."""
    first_seen: datetime
    last_seen: datetime
    event: LineageEvent | None
    """What became of it since the run before; null in the first run."""
    size_before: int | None
    classes: tuple[Count, ...]
    """Members by their most probable class, the most frequent first."""
    banks: tuple[BankHit, ...]
    nearest_entries: tuple[NearEntry, ...]
    """Entries of block banks that are nearest to the medoid, nearest first."""
    sources: Spread
    """By the folder, archive or host that holds them."""
    uploaders: Spread
    radius: float
    max_pair_distance: float
    mean_distance: float
    """Mean cosine distance of the members from the medoid."""
    within: tuple[Within, ...]
    """How many members would be left at smaller radii."""
    medoid: Picture
    exemplars: tuple[Picture, ...]
    """Without the medoid."""
    outliers: tuple[Picture, ...]
    """Members with the highest outlier scores, then the farthest ones."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest other members of each image, by their places in `Members`."""

    rows: tuple[tuple[int, ...], ...]
    distances: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Members:
    """All images of a run that are still in the index, column by column, by ascending id."""

    image_ids: tuple[int, ...]
    cluster_ids: tuple[int | None, ...]
    """None for noise."""
    probabilities: tuple[float, ...]
    outlier_scores: tuple[float, ...]
    distances: tuple[float | None, ...]
    """Cosine distance from the medoid; None for noise."""
    assigned: tuple[bool, ...]
    """Whether each was assigned after the run."""
    x: tuple[float, ...]
    y: tuple[float, ...]
    added_at: tuple[datetime, ...]
    labels: tuple[str | None, ...]
    """The most probable class."""
    sources: tuple[str | None, ...]
    uploaders: tuple[str | None, ...]
    neighbours: Neighbours | None = None


@dataclass(frozen=True, slots=True)
class MapFacts:
    """The map that the images of all reports of a space are laid on."""

    made_at: datetime
    images: int
    """Images that the index had then."""
    landmarks: int
    """Images that it was laid out by and that are still in the index."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an analyst reads first."""

    images: int
    clusters: int
    noise: int
    assigned: int
    """Images that were assigned to a cluster after the run."""
    removed: int
    """Images of the run that have left the index since."""
    first_seen: datetime | None
    last_seen: datetime | None
    events: dict[LineageEvent, int]
    """How many clusters of each kind of change there are."""
    changes: tuple[Change, ...]
    """What became of each cluster since the run before; empty in the first run."""
    changed_parameters: str | None
    """Parameters in which the run before differs, with both values; null if it does in none.

    Clusters may differ by that alone, so growth is neither told in alerts nor urgent."""
    alerts: tuple[Alert, ...]
    """What is worth a look, by the rules that `cluster alerts` has by default."""
    within: tuple[Within, ...]
    """What smaller radii would leave of all clusters."""
    growth: tuple[Day, ...]
    hours: tuple[Hour, ...]
    """The same by hour, where all images were added within three days."""
    alternatives: tuple[Alternative, ...] = ()
    """What other bounds and sizes would have found, parameter by parameter; none where that was not
    asked for, or is too much."""


@dataclass(frozen=True, slots=True)
class Report:
    """A cluster run as an analyst reads it."""

    run: ClusterRun
    model: str
    """Name of the model that made the embeddings."""
    made_at: datetime
    version: str
    """Version of the program that made the report."""
    summary: Summary
    clusters: tuple[ClusterReport, ...]
    """The most urgent first: known to a block bank and growing, known to one, then by growth."""
    members: Members
    map: MapFacts | None = None
    """Null where there are too few images: they lie along their two principal axes then."""
