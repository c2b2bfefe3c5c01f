"""The tables of clusters: runs, what each found, and what analysts did about it."""

from datetime import datetime
from typing import Any

from numpy import float32
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, CheckConstraint, Float, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id
from indexer.store.models.columns import Embedding32


class ClusterRunRow(Base):
    """One clustering of the images in a scope."""

    __tablename__ = "cluster_runs"
    __table_args__ = (
        CheckConstraint(
            "algorithm IN ('families', 'near_duplicates', 'hdbscan', 'kmeans')", "algorithm"
        ),
        CheckConstraint("state IN ('running', 'done', 'cancelled', 'failed')", "state"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(16))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    scope: Mapped[dict[str, Any]] = mapped_column(JSON)
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"))
    watermark: Mapped[int] = mapped_column(BigInteger)
    previous_run_id: Mapped[int | None] = mapped_column(ForeignKey("cluster_runs.id"))
    state: Mapped[str] = mapped_column(String(16))
    images: Mapped[int] = mapped_column(BigInteger)
    clusters: Mapped[int] = mapped_column(BigInteger)
    noise: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ClusterRow(Base):
    """A cluster's identity, which it keeps from run to run."""

    __tablename__ = "clusters"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]
    created_at: Mapped[datetime]


class RunClusterRow(Base):
    """A cluster as one run found it."""

    __tablename__ = "run_clusters"

    run_id: Mapped[int] = mapped_column(ForeignKey("cluster_runs.id"), primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), primary_key=True, index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    medoid_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    exemplars: Mapped[list[int]] = mapped_column(JSON)
    radius: Mapped[float] = mapped_column(Float)
    max_pair_distance: Mapped[float] = mapped_column(Float)
    medoid: Mapped[NDArray[float32]] = mapped_column(Embedding32())
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    growth_per_day: Mapped[float] = mapped_column(Float)


class ClusterMemberRow(Base):
    """One image of a run: in a cluster, or noise."""

    __tablename__ = "cluster_members"

    run_id: Mapped[int] = mapped_column(ForeignKey("cluster_runs.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True, index=True)
    cluster_id: Mapped[int | None] = mapped_column(ForeignKey("clusters.id"))  # none for noise
    probability: Mapped[float] = mapped_column(Float)
    outlier_score: Mapped[float] = mapped_column(Float)
    assigned: Mapped[bool] = mapped_column(server_default=false())  # after the run


class LineageRow(Base):
    """What became of one cluster from the run before to this one."""

    __tablename__ = "cluster_lineage"
    __table_args__ = (
        CheckConstraint(
            "event IN ('new', 'continued', 'grown', 'merged', 'split', 'gone')", "event"
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("cluster_runs.id"), index=True)
    event: Mapped[str] = mapped_column(String(16))
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), index=True)
    other_id: Mapped[int | None] = mapped_column(ForeignKey("clusters.id"))
    shared: Mapped[int] = mapped_column(BigInteger)
    size_before: Mapped[int] = mapped_column(BigInteger)
    size_after: Mapped[int] = mapped_column(BigInteger)


class MapRow(Base):
    """The map that reports lay the images of a space on: places of some of them."""

    __tablename__ = "maps"

    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"), primary_key=True)
    images: Mapped[int] = mapped_column(BigInteger)
    landmark_ids: Mapped[bytes]  # int64, little-endian, ascending
    places: Mapped[bytes]  # float32, little-endian: x and y of each
    created_at: Mapped[datetime]


class ClusterActionRow(Base):
    """What an analyst did about a cluster, with all that is needed to undo it."""

    __tablename__ = "cluster_actions"
    __table_args__ = (CheckConstraint("kind IN ('label', 'note', 'bank', 'decision')", "kind"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("clusters.id"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("cluster_runs.id"))
    kind: Mapped[str] = mapped_column(String(16))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


Index(
    "ix_cluster_members_of_cluster",
    ClusterMemberRow.run_id,
    ClusterMemberRow.cluster_id,
    ClusterMemberRow.image_id,
)
Index(
    "ix_run_clusters_by_size",
    RunClusterRow.run_id,
    RunClusterRow.size,
    RunClusterRow.cluster_id,
)
