"""Request and response schemas of clusters, in addition to the library's types."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from indexer.types import (
    ActionPreview,
    Alert,
    Cluster,
    ClusterAction,
    ClusterAlgorithm,
    Outcome,
)
from search_api.schemas import MAX_ID, Moment, Page

MOST = 2**31 - 1
"""No index has more images, and no algorithm takes a larger seed."""
NAMES = 100
Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Probability = Annotated[float, Field(ge=0, le=1)]


class AlertPage(Page[Alert]):
    """All alerts of a run."""

    not_compared: str | None = Field(
        description="Why the run is not compared with the one before, such as other parameters."
    )


class RunScope(BaseModel):
    """Which images to cluster; what is left out does not narrow it."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    banks: list[Text] = Field(default_factory=list, max_length=NAMES)
    """Images with an active entry in one of these banks."""
    label: Text | None = None
    """Images whose most probable class this is ..."""
    min_probability: Probability | None = None
    """... with at least this probability (of the label, or of the most probable class)."""
    since: Moment | None = None
    """Images added at this moment or later, ISO 8601 with its zone ..."""
    until: Moment | None = None
    """... and before this one."""
    uploader: Text | None = None
    """Images that this uploader sent."""


class RunParameters(BaseModel):
    """How to cluster; each algorithm heeds its own."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    min_cluster_size: int | None = Field(default=None, ge=2, le=MOST)
    """hdbscan: images, copies aside, that a cluster has at least; chosen when null."""
    min_samples: int | None = Field(default=None, ge=1, le=1000)
    """hdbscan: how many must lie close for a place to be dense; chosen when null."""
    max_link: float | None = Field(default=None, ge=0, le=2)
    """hdbscan: cosine distance beyond which nothing is linked; chosen when null."""
    k: int | None = Field(default=None, ge=1, le=MOST)
    """kmeans: clusters; chosen when null."""
    seed: int = Field(default=0, ge=0, le=MOST)
    """The same seed on the same images gives the same."""
    verify: bool = True
    """families, near_duplicates: whether details and frames are compared."""


class RunRequest(BaseModel):
    """What to cluster, and how."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    algorithm: ClusterAlgorithm = ClusterAlgorithm.FAMILIES
    """families, near_duplicates, hdbscan or kmeans."""
    scope: RunScope = Field(default_factory=RunScope)
    """Which images; all by default."""
    parameters: RunParameters = Field(default_factory=RunParameters)
    """Those of the algorithm."""
    since_last: bool = False
    """Do only what is needed since the last run of the same images by the same parameters."""


class ClusterEdit(BaseModel):
    """What is said of a cluster; what is left out or null stays, an empty note takes it back."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: str | None = None
    """1 to 100 printable characters; later runs keep it."""
    note: str | None = None
    """At most 10,000 characters, in place of what was there."""


class EditedCluster(BaseModel):
    """A cluster, and what was done to it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cluster: Cluster
    """As it is now."""
    actions: list[ClusterAction]
    """One for the name and one for the note, if each was given; each can be undone by itself."""


class EditPreview(BaseModel):
    """What an edit of a cluster would touch."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    actions: list[ActionPreview]
    """One for the name and one for the note, if each was given."""


class MembersToBank(BaseModel):
    """Which members of a cluster are to be entries of which bank."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    bank: str
    """The bank's name."""
    min_probability: Probability = 0.0
    """Only members that belong to it at least so strongly."""
    run_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Members as this run found them; as the newest that has the cluster by default."""


class ClusterDecision(BaseModel):
    """A decision about all matches that retro-scans listed for the members of a cluster."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    outcome: Outcome
    """confirmed, rejected or escalated."""
    bank: str | None = None
    """Let the members join this bank: a block bank if confirmed, an allow bank if rejected."""
    min_probability: Probability = 0.0
    """Only members that belong to it at least so strongly."""
    run_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Members as this run found them; as the newest that has the cluster by default."""
    analyst: str | None = None
    """Who decided."""
    note: str | None = None
    """Why."""
