"""Cluster descriptions: top class, top source, and the name made of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, func, select

from indexer.store.images.rows import WHOLE
from indexer.store.models import (
    ClassificationRow,
    ClusterMemberRow,
    ClusterRow,
    ClusterRunRow,
    RunClusterRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks
from indexer.types import (
    ClusterAlgorithm,
    ClusterShare,
    file_of,
    place_of,
)

_KINDS: Final = frozenset({ClusterAlgorithm.HDBSCAN, ClusterAlgorithm.KMEANS})
"""Algorithms that find pictures of a kind; the others find copies of one picture."""
_LOOKED_AT: Final = 1000  # members of a cluster whose sources are read
_MOST: Final = 0.5  # share of the members that a name tells of
_Named = Row[*tuple[int, str, int, str]]  # id, name, size, source of the medoid
_LONGEST: Final = 40  # characters of a file or a folder in a name
_END: Final = 12  # characters kept at its end


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """What most members of a cluster have in common."""

    name: str
    """An analyst's, or else one made of the rest."""
    top_class: ClusterShare | None
    top_source: ClusterShare | None


class ClusterDescriptions(Queries):
    """Descriptions of clusters within one transaction."""

    def of(self, run_id: int, cluster_ids: Iterable[int]) -> dict[int, ClusterDescription]:
        """Describe clusters as a run found them, by id.

        Sources are those of the first 1,000 members of each cluster.
        """
        wanted = sorted(set(cluster_ids))
        classes = self._classes(run_id, wanted)
        sources = self._sources(run_id, wanted)
        kinds = self._finds_kinds(run_id)
        described = {}
        for row in self._clusters(run_id, wanted):
            top_class, top_source = classes.get(row.id), sources.get(row.id)
            name = _given(row) or (
                _name_of_kind(row, top_class, top_source) if kinds else _name_of_copies(row)
            )
            described[row.id] = ClusterDescription(name or row.name, top_class, top_source)
        return described

    def names(self, run_id: int, cluster_ids: Iterable[int]) -> dict[int, str]:
        """Return the names of clusters as a run found them, by id."""
        wanted = sorted(set(cluster_ids))
        if self._finds_kinds(run_id):
            return {each: found.name for each, found in self.of(run_id, wanted).items()}
        rows = self._clusters(run_id, wanted)
        return {row.id: _given(row) or _name_of_copies(row) or row.name for row in rows}

    def _finds_kinds(self, run_id: int) -> bool:
        statement = select(ClusterRunRow.algorithm).where(ClusterRunRow.id == run_id)
        return self._connection.scalar(statement) in _KINDS

    def _clusters(self, run_id: int, wanted: list[int]) -> Iterator[_Named]:
        """Yield id, name, size, and the newest source of the medoid of each cluster."""
        table = RunClusterRow
        uri = (
            select(SourceRow.uri)
            .where(SourceRow.image_id == table.medoid_id, SourceRow.closed_at.is_(None))
            .order_by(SourceRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        statement = (
            select(ClusterRow.id, ClusterRow.name, table.size, uri.label("uri"))
            .join(ClusterRow, ClusterRow.id == table.cluster_id)
            .where(table.run_id == run_id)
        )
        return self._rows(statement, table.cluster_id, wanted)

    def _classes(self, run_id: int, wanted: list[int]) -> dict[int, ClusterShare]:
        """Return the class that most members of each cluster are most probably of."""
        member, classified = ClusterMemberRow, ClassificationRow
        statement = (
            select(member.cluster_id, classified.top_label, func.count())
            .join(ClusterRunRow, ClusterRunRow.id == member.run_id)
            .join(classified, classified.image_id == member.image_id)
            .where(
                member.run_id == run_id,
                ~member.assigned,
                classified.space_id == ClusterRunRow.space_id,
                classified.part == WHOLE,
            )
            .group_by(member.cluster_id, classified.top_label)
        )
        counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for cluster_id, label, images in self._rows(statement, member.cluster_id, wanted):
            if cluster_id is not None:
                counts[cluster_id][label] = images
        return _top(counts)

    def _sources(self, run_id: int, wanted: list[int]) -> dict[int, ClusterShare]:
        """Return the place that most of the first members of each cluster come from."""
        counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for chunk in chunks(wanted):
            member = ClusterMemberRow
            order = func.row_number().over(partition_by=member.cluster_id, order_by=member.image_id)
            first = (
                select(member.cluster_id, member.image_id, order.label("number"))
                .where(member.run_id == run_id, member.cluster_id.in_(chunk), ~member.assigned)
                .subquery()
            )
            statement = (
                select(first.c.cluster_id, first.c.image_id, SourceRow.uri)
                .join(SourceRow, SourceRow.image_id == first.c.image_id)
                .where(first.c.number <= _LOOKED_AT, SourceRow.closed_at.is_(None))
                .order_by(SourceRow.id)
            )
            newest = {(row[0], row[1]): row[2] for row in self._connection.execute(statement)}
            for (cluster_id, _), uri in newest.items():
                if place := place_of(uri):
                    counts[cluster_id][place] += 1
        return _top(counts)


def _top(counts: Mapping[int, Mapping[str, int]]) -> dict[int, ClusterShare]:
    """Return the most frequent of each cluster, of equals the first by name."""
    return {
        cluster_id: ClusterShare(*min(each.items(), key=lambda item: (-item[1], item[0])))
        for cluster_id, each in counts.items()
    }


def _given(row: _Named) -> str | None:
    """Return the name that an analyst gave a cluster."""
    return None if row.name == f"cluster-{row.id}" else row.name


def _name_of_copies(row: _Named) -> str | None:
    file = file_of(row.uri) if row.uri else None
    if file is None:
        return None
    copies = row.size - 1
    return f"{_short(file)} and {copies:,} {'copy' if copies == 1 else 'copies'}"


def _name_of_kind(
    row: _Named,
    top_class: ClusterShare | None,
    top_source: ClusterShare | None,
) -> str | None:
    """Name the folder, the medoid's file and the class; two clusters have different medoids."""
    file = file_of(row.uri) if row.uri else None
    images = f"{row.size:,} images{f' like {_short(file)}' if file else ''}"
    in_folder = top_source and top_source.images > _MOST * min(row.size, _LOOKED_AT)
    of_class = top_class and top_class.images > _MOST * row.size
    if top_source and in_folder:
        place = _short(top_source.name.rstrip("/").rpartition("/")[2])
        images = f"{place}{'' if '://' in top_source.name else '/'}: {images}"
    if top_class and of_class:
        images = f"{images}, mostly {top_class.name}"
    return images if file or in_folder or of_class else None


def _short(name: str) -> str:
    """Shorten a long name in the middle, where it says least."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - _END - 1]}…{name[-_END:]}"
