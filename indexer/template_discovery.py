"""Template discovery: frames that recur in stored images of unrelated content.

Images of one template are near each other by their embeddings, for most of what they show is the
frame. So each image is compared, cell by cell, with its nearest neighbours that have a thumbnail.
Pairs that share a frame around different content are joined; a group of enough images is a
template. Its content is where most of these pairs differ.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.types import Embeddings, FoundTemplate, ImageRecord, PartKind, Space
from indexer.vector_views import open_views
from indexer.vectors import VectorView
from indexer.vectors.results import SimilarityHits
from indexer.verification import Grey, read_thumbnail
from indexer.verification.cell_agreement import (
    GRID,
    Extent,
    SharedFrame,
    find_shared_frame,
    shows_frame,
)

LEAST_IMAGES: Final = 3  # from which a frame is a template: fewer tell nothing that a pair does not
_NEIGHBOURS: Final = 16  # of an image, each compared with it
_NEAR: Final = 0.4  # cosine of neighbours worth comparing; strangers reach it once in a thousand
_STEP: Final = 256  # images between commits

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """What a run found."""

    images: int
    """Images that were looked at: those with a thumbnail and without a template."""
    templates: int
    """Templates that are new."""
    joined: int
    """Images that have a template now and had none before, those of new templates included."""


def learn_templates(
    store: Store,
    space: Space,
    settings: Settings,
    *,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> TemplateReport:
    """Find templates among the stored images, and which of their images have them.

    Ids, masks and decisions of known templates stay. Each step is committed, so a run that was cut
    off is continued by the next.

    Parameters
    ----------
    store : Store
    space : Space
    settings : Settings
    dry_run : bool
        Whether to write nothing.
    on_progress : callable
        Called with the number of images looked at, and of all.
    """
    view = open_views(store, space, settings).embeddings
    view.catch_up()
    with store.reader() as catalog:
        ids = catalog.images.ids().tolist()
        ids = sorted(catalog.thumbnails.ids(ids) - catalog.templates.of_images(ids).keys())
    frames: dict[Pair, SharedFrame] = {}
    of_image: dict[int, int] = {}
    new = joined = 0
    for start in range(0, len(ids), _STEP):
        step = ids[start : start + _STEP]
        with store.reader() as catalog:
            frames |= _frames(catalog, space, view, step)
            known = catalog.templates.of_images({image_id for pair in frames for image_id in pair})
        of_image |= {image_id: template.id for image_id, template in known.items()}
        joining = _joining(frames, of_image)
        of_image |= joining
        found = [*_groups(frames, of_image.keys())]
        if not dry_run:
            _write(store, joining, found)
        joined += len(joining)
        for template in found:  # its id is read with the next step; until then any will do
            new, joined = new + 1, joined + len(template.members)
            of_image |= dict.fromkeys(template.members, -new)
        on_progress(start + len(step), len(ids))
    if not dry_run:
        for start in range(0, len(ids), _STEP):
            joined += _join_by_mask(store, space, view, ids[start : start + _STEP])
    return TemplateReport(len(ids), new, joined)


def _frames(
    catalog: Catalog, space: Space, view: VectorView, image_ids: Sequence[int]
) -> dict[Pair, SharedFrame]:
    """Return the pairs of some images and their neighbours that share a frame."""
    records = catalog.images.get_many(image_ids, space.id, with_embedding=True)
    asked = {i: record.embedding for i, record in records.items() if record.embedding is not None}
    if not asked:
        return {}
    pairs = _neighbours(view, asked)
    ids = {image_id for pair in pairs for image_id in pair}
    records |= catalog.images.get_many(ids - records.keys(), space.id, with_embedding=True)
    greys = {i: read_thumbnail(jpeg) for i, jpeg in catalog.thumbnails.get_many(ids).items()}
    found = {pair: _frame(pair, greys, records) for pair in sorted(pairs)}
    return {pair: frame for pair, frame in found.items() if frame}


def _neighbours(view: VectorView, asked: Mapping[int, Embeddings]) -> set[Pair]:
    """Return the pairs of images, by their whole embeddings, and their nearest neighbours."""
    hits = cast("SimilarityHits", view.index.search(np.stack([*asked.values()]), _NEIGHBOURS + 1))
    near = np.where(hits.similarities >= _NEAR, hits.keys, -1)
    return {
        (min(one, other), max(one, other))
        for one, others in zip(asked, near.tolist(), strict=True)
        for other in others
        if other not in (-1, one)
    }


def _join_by_mask(store: Store, space: Space, view: VectorView, image_ids: Sequence[int]) -> int:
    """Let images join the template of a neighbour whose frame they have; return how many did.

    So do those whose content is too plain for a pair to tell frame and content apart.
    """
    with store.reader() as catalog:
        records = catalog.images.get_many(image_ids, space.id, with_embedding=True)
        asked = {i: r.embedding for i, r in records.items() if r.embedding is not None}
        pairs = _neighbours(view, asked) if asked else set()
        ids = {image_id for pair in pairs for image_id in pair}
        templates = catalog.templates.of_images(ids)
        greys = {i: read_thumbnail(jpeg) for i, jpeg in catalog.thumbnails.get_many(ids).items()}
    joining: dict[int, int] = {}
    for pair in sorted(pairs):
        for image_id, other in (pair, pair[::-1]):
            template = templates.get(other)
            if (
                template
                and image_id in asked
                and image_id not in templates
                and image_id not in joining
                and image_id in greys
                and other in greys
                and shows_frame(greys[image_id], greys[other], bytes.fromhex(template.mask))
            ):
                joining[image_id] = template.id
    _write(store, joining, [])
    return len(joining)


def _frame(
    pair: Pair, greys: Mapping[int, Grey], records: Mapping[int, ImageRecord]
) -> SharedFrame | None:
    one, other = (greys.get(image_id) for image_id in pair)
    if one is None or other is None:
        return None
    return find_shared_frame(one, other, *(_pictures(records[image_id]) for image_id in pair))


def _pictures(record: ImageRecord) -> list[Extent]:
    """Return where a stored image holds pictures within the picture."""
    boxes = (p.part.box for p in record.parts if p.part.kind is PartKind.CROP and p.part.box)
    return [
        Extent(
            left / record.width,
            top / record.height,
            (left + width) / record.width,
            (top + height) / record.height,
        )
        for left, top, width, height in boxes
    ]


def _joining(frames: Mapping[Pair, SharedFrame], of_image: Mapping[int, int]) -> dict[int, int]:
    """Return the template of images that share their frame with members of one, most often."""
    votes: defaultdict[int, list[int]] = defaultdict(list)
    for pair in frames:
        for image_id, other in (pair, pair[::-1]):
            if image_id not in of_image and other in of_image:
                votes[image_id].append(of_image[other])
    return {i: max(sorted(set(found)), key=found.count) for i, found in votes.items()}


def _groups(frames: Mapping[Pair, SharedFrame], taken: Collection[int]) -> Iterator[FoundTemplate]:
    """Yield the connected groups of enough images that have no template yet."""
    parents: dict[int, int] = {}

    def root(image_id: int) -> int:
        while parents.setdefault(image_id, image_id) != image_id:
            image_id = parents[image_id]
        return image_id

    free = {
        pair: frame
        for pair, frame in frames.items()
        if pair[0] not in taken and pair[1] not in taken
    }
    for one, other in free:
        roots = sorted((root(one), root(other)))
        parents[roots[1]] = roots[0]
    groups: defaultdict[int, list[SharedFrame]] = defaultdict(list)
    for (one, _), frame in free.items():
        groups[root(one)].append(frame)
    for first, shared in groups.items():
        members = tuple(sorted(i for i in parents if root(i) == first))
        if len(members) >= LEAST_IMAGES:
            yield FoundTemplate(_mask(shared), members)


def _mask(frames: Sequence[SharedFrame]) -> bytes:
    """Return the frame of a group, 1 where its pairs show the same or nothing, as 32 bytes."""
    votes: NDArray[np.int64] = sum(
        (frame.same.astype(np.int64) - frame.other for frame in frames),
        np.zeros((GRID, GRID), np.int64),
    )
    return np.packbits(votes >= 0).tobytes()


def _write(store: Store, joining: Mapping[int, int], found: Sequence[FoundTemplate]) -> None:
    if not joining and not found:
        return
    of_template: defaultdict[int, list[int]] = defaultdict(list)
    for image_id, template_id in sorted(joining.items()):
        of_template[template_id].append(image_id)
    with store.writer() as writer:
        for template_id, image_ids in of_template.items():
            writer.templates.join(template_id, image_ids)
        for template in found:
            writer.templates.add(template)
