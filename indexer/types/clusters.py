"""Cluster runs, clusters, members and lineage."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from indexer.types.described import described


class ClusterAlgorithm(StrEnum):
    """How images are grouped."""

    FAMILIES = "families"  # copies of one picture: a hub, and what matches it as a lookalike
    NEAR_DUPLICATES = "near_duplicates"  # the same, as a near duplicate
    HDBSCAN = "hdbscan"  # similar pictures, of any density; what is in no cluster is noise
    KMEANS = "kmeans"  # spherical; every image is in a cluster


class RunState(StrEnum):
    """How far a cluster run is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class LineageEvent(StrEnum):
    """What became of a cluster between two runs."""

    NEW = "new"
    CONTINUED = "continued"
    GROWN = "grown"
    MERGED = "merged"
    SPLIT = "split"
    GONE = "gone"


@described
@dataclass(frozen=True, slots=True)
class ClusterScope:
    """Which images a run looks at; what is not said does not narrow it."""

    banks: tuple[str, ...] = ()
    """Images with an active entry in one of these banks."""
    label: str | None = None
    """Images whose most probable class this is ..."""
    min_probability: float | None = None
    """... with at least this probability, 0 to 1 (of the label, or of the most probable class)."""
    since: datetime | None = None
    """Images added at this moment or later ..."""
    until: datetime | None = None
    """... and before this one."""
    uploader: str | None = None
    """Images that this uploader sent."""


@described
@dataclass(frozen=True, slots=True)
class ClusterRun:
    """One clustering of the images in a scope, as they were at one change of the log."""

    id: int
    """Rises with time."""
    algorithm: ClusterAlgorithm
    """families, near_duplicates, hdbscan or kmeans."""
    parameters: dict[str, Any]
    """Those of the algorithm, seed included: the same ones on the same images give the same."""
    scope: ClusterScope
    """Which images it looked at."""
    model: str
    """Fingerprint of the embedding space."""
    watermark: int
    """The last change of the log that it has seen."""
    previous_run: int | None
    """The run whose clusters it continues; null for the first of its kind."""
    state: RunState
    """running, done, cancelled or failed."""
    images: int
    """Images in scope."""
    clusters: int
    """Clusters found."""
    noise: int
    """Images in no cluster."""
    created_at: datetime
    """When it began."""
    finished_at: datetime | None
    """When it ended."""


@described
@dataclass(frozen=True, slots=True)
class ClusterShare:
    """What more members of a cluster have in common than any other of its kind."""

    name: str
    """A class, or a folder, archive or host."""
    images: int
    """Members that have it."""


@described
@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as one run found it; its id and an analyst's name are the same in every run."""

    id: int
    """The cluster's identity, kept from run to run."""
    run_id: int
    """The run that found it so."""
    name: str
    """An analyst's (`cluster label`), or made of its size, sources and classes."""
    note: str | None
    """What an analyst wrote down."""
    size: int
    """Images in it."""
    top_class: ClusterShare | None
    """The most frequent of its members' most probable classes."""
    top_source: ClusterShare | None
    """Where most of its first 1,000 members were found; null if they were all uploaded."""
    medoid: int
    """The image that is nearest to all others of the cluster; of a family its hub."""
    exemplars: tuple[int, ...]
    """Images that stand for it: the medoid first, then far from each other."""
    radius: float
    """Cosine distance (1 - similarity) from the medoid within which the members lie."""
    max_pair_distance: float
    """Largest cosine distance between two members; of a sample of them where there are many."""
    first_seen: datetime
    """When its earliest member was added."""
    last_seen: datetime
    """When its latest member was added."""
    growth_per_day: float
    """Members added a day since the run before; since its earliest member in its first run."""
    growth_per_hour: float | None
    """Members added an hour from its earliest to its latest, while it is younger than two days."""


@described
@dataclass(frozen=True, slots=True)
class ClusterMember:
    """One image of a run, and how well it belongs."""

    image_id: int
    """The stored image."""
    cluster_id: int | None
    """The cluster; null for noise."""
    probability: float
    """How strongly it belongs, 0 to 1; 0 for noise."""
    outlier_score: float
    """How far it lies from any density, 0 to 1 (GLOSH for hdbscan), 1 is an outlier."""
    assigned: bool
    """Whether it was assigned after the run, because it lies within the cluster's radius."""
    source: str | None
    """Where it was found last; null if it is no longer there."""


@described
@dataclass(frozen=True, slots=True)
class Lineage:
    """What became of one cluster from the run before to this one."""

    id: int
    """The cursor of a page: rises within a run."""
    run_id: int
    """The later run."""
    event: LineageEvent
    """new, continued, grown, merged, split or gone."""
    cluster_id: int
    """The cluster."""
    other_id: int | None
    """The cluster that a merged one went into, or that a split one came from."""
    shared: int
    """Images in both, of those that both runs looked at."""
    size_before: int
    """Images in it in the run before; 0 for a new one."""
    size_after: int
    """Images in it now; 0 for one that is gone or merged into another."""


class ActionKind(StrEnum):
    """What an analyst did about a cluster."""

    LABEL = "label"
    NOTE = "note"
    BANK = "bank"
    DECISION = "decision"


@described
@dataclass(frozen=True, slots=True)
class ClusterAction:
    """What an analyst did about a cluster, in one step that can be undone in one step."""

    id: int
    """Rises with time."""
    cluster_id: int
    """The cluster."""
    run_id: int | None
    """The run whose members it was done to; null for a label or a note."""
    kind: ActionKind
    """label, note, bank or decision."""
    detail: dict[str, Any]
    """What was asked for, and how much of it was new."""
    created_at: datetime
    """When it was done."""
    undone_at: datetime | None
    """When it was undone; null while it holds."""


@described
@dataclass(frozen=True, slots=True)
class ActionPreview:
    """What an action would touch, if it were carried out now."""

    kind: ActionKind
    """label, note, bank or decision."""
    cluster_id: int
    """The cluster."""
    run_id: int | None
    """The run whose members it would be done to; null for a label or a note."""
    detail: dict[str, Any]
    """What the action would say of itself."""
    weak: int
    """Members that are left out, for they belong to it less strongly than wanted."""
    removed: int
    """Members that are left out, for they have left the index."""
    suppressed: int
    """Members whose matches are suppressed: rejected by an analyst, or entries of an allow bank."""


class Refreshed(StrEnum):
    """How clusters were brought up to date."""

    UNCHANGED = "unchanged"  # nothing in scope had changed
    ASSIGNED = "assigned"  # new images were assigned to the clusters of the last run
    CLUSTERED = "clustered"  # a new run


@described
@dataclass(frozen=True, slots=True)
class Refresh:
    """The run that holds now, and what was done for it."""

    run: ClusterRun
    """The run that holds now."""
    how: Refreshed
    """unchanged, assigned or clustered."""
    assigned: int
    """Images that joined a cluster of it now."""


class AlertKind(StrEnum):
    """What is worth a look."""

    GROWTH = "growth"  # grew fast, or is new and large at once
    BANK_HIT = "bank_hit"  # hits a block bank that it did not hit
    DRIFT = "drift"  # its classes are others than they were


@described
@dataclass(frozen=True, slots=True)
class Alert:
    """One cluster, and why it is worth a look."""

    kind: AlertKind
    """growth, bank_hit or drift."""
    run_id: int
    """The run that shows it."""
    cluster_id: int
    """The cluster."""
    name: str
    """Its name."""
    size: int
    """Its members now."""
    before: float
    """Members in the run before for growth, members that hit the bank then for bank_hit, else 0."""
    now: float
    """Members now for growth, that hit the bank for bank_hit, the distance for drift."""
    bank: str | None
    """The bank that it hits; null for the other kinds."""
    per_hour: float | None
    """Members that came an hour, from the first since the run before to the last, for growth."""
    message: str
    """All of it in a sentence."""
