"""Stored images as their pages show them: the list, and the dossier of one."""

from dataclasses import dataclass
from typing import Final

from indexer.matching import ComparedMatches
from indexer.store import AuditQuery, Catalog, NamedMedoid, RemovalQuery
from indexer.types import (
    AuditEntry,
    ClusterRun,
    Decision,
    ImageSummary,
    Reveal,
    Space,
)

PAGE: Final = 60
_MOST: Final = 50  # rows of an image's history


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are listed; what is empty narrows nothing."""

    bank: str = ""
    label: str = ""
    source: str = ""
    """Beginning of the place where it was found."""

    @property
    def query(self) -> RemovalQuery:
        """The query of the store."""
        return RemovalQuery(
            bank=self.bank or None, label=self.label or None, source_prefix=self.source or None
        )


@dataclass(frozen=True, slots=True)
class ImageList:
    """A page of the list."""

    images: list[ImageSummary]
    pictures: frozenset[int]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is known of one image."""

    image: ImageSummary
    has_picture: bool
    decisions: list[Decision]
    """Those that hold for its very bytes."""
    run: ClusterRun | None
    cluster: NamedMedoid | None
    history: list[AuditEntry]
    """Changes, lookups and reveals of it, newest first."""
    reveals: list[Reveal]
    """Who saw it without its veil, newest first; of others only for an admin."""
    neighbours: ComparedMatches
    neighbour_pictures: frozenset[int]


def read_images(catalog: Catalog, wanted: ImageFilter, after: int) -> ImageList:
    """Read the images behind an id, ascending."""
    if wanted == ImageFilter():
        rows = catalog.images.page(after_id=after, limit=PAGE + 1)
    else:
        ids = catalog.images.find(wanted.query, after_id=after, limit=PAGE + 1)
        rows = [*catalog.images.get_many(ids).values()]
    shown = [ImageSummary.of(row) for row in rows[:PAGE]]
    return ImageList(
        images=shown,
        pictures=frozenset(catalog.thumbnails.ids([image.image_id for image in shown])),
        next_after=shown[-1].image_id if len(rows) > PAGE else None,
    )


def read_dossier(
    catalog: Catalog,
    image_id: int,
    space: Space,
    neighbours: ComparedMatches,
    viewer: str | None,
) -> Dossier:
    """Gather what is known of an image.

    Parameters
    ----------
    catalog : Catalog
    image_id : int
    space : Space
        Of its class probabilities and clusters.
    neighbours : ComparedMatches
    viewer : str or None
        The person whose reveals are shown; None for those of everyone.

    Raises
    ------
    NotFoundError
        There is no such image.
    """
    image = ImageSummary.of(catalog.images.get(image_id, space.id))
    run = catalog.cluster_runs.newest(space.id)
    query = AuditQuery(subject=f"image:{image_id}", newest_first=True)
    near = [each.image_id for each in neighbours.matches if each.image_id]
    return Dossier(
        image=image,
        has_picture=bool(catalog.thumbnails.ids([image_id])),
        decisions=catalog.decisions.for_query(bytes.fromhex(image.sha256)),
        run=run,
        cluster=catalog.clusters.of_images(run.id, [image_id]).get(image_id) if run else None,
        history=[row.shown() for row in catalog.audit.page(query, limit=_MOST)],
        reveals=catalog.reveals.page(person=viewer, image_id=image_id, limit=_MOST),
        neighbours=neighbours,
        neighbour_pictures=frozenset(catalog.thumbnails.ids(near)),
    )
