"""Template discovery: frames that recur in stored images of unrelated content.

Images of one template are near each other by their embeddings, for most of what they show is the
frame. So each image is compared, cell by cell, with its nearest neighbours that have a thumbnail.
Pairs that share a frame around different content are joined; a group of enough images is a
template. Its content is where most of these pairs differ.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final, cast

import numpy as np

from indexer.errors import RunUnderWay
from indexer.store import Catalog, Store
from indexer.stored_features import read_features
from indexer.types import FoundTemplate, ImageRecord, Space
from indexer.vectors import LogView
from indexer.vectors.results import SimilarityHits
from indexer.verification import read_thumbnail
from indexer.verification.cell_agreement import CONTROLS, SharedFrame, find_shared_frame
from indexer.verification.cell_grid import CellGrid, have_one_shape
from indexer.verification.detail_agreement import DetailAgreement, Hands
from indexer.verification.frame_groups import Pair, find_pictures, group_frames
from indexer.verification.known_frame import shows_frame
from indexer.verification.local_features import in_both_hands

_NEIGHBOURS: Final = 16  # of an image, each compared with it
_NEAR: Final = 0.4  # cosine of neighbours worth comparing; strangers reach it once in a thousand
_FAR: Final = 0.2  # of those that are if details are equal at one place: controls over photos
_MEMBERS: Final = 12  # images of a template that one is compared with before it joins
_STEP: Final = 64  # images between commits
_AT_HAND: Final = 128  # images whose cells are kept while their neighbours are compared: 100 MB
_PAUSE: Final = 0.1  # seconds between two looks whether another program is done
_PATIENCE: Final = 60.0  # seconds to wait for another program's step


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """What a run found."""

    images: int
    """Images that were looked at: those with a thumbnail and without a template."""
    templates: int
    """Templates that are new."""
    joined: int
    """Images that have a template now and had none before, those of new templates included."""


class TemplateLearner:
    """Finds templates among the stored images, and which of their images have them.

    Ids, masks and decisions of known templates stay. Each step is committed, so what was cut off is
    continued by the next run. One program at a time does a step.

    Parameters
    ----------
    store : Store
    space : Space
    view : LogView
        The embeddings of the space; the caller keeps it caught up.
    """

    def __init__(self, store: Store, space: Space, view: LogView) -> None:
        self._store = store
        self._space = space
        self._view = view

    def learn_all(
        self,
        *,
        dry_run: bool = False,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> TemplateReport:
        """Look at every image that has no template.

        Parameters
        ----------
        dry_run : bool
            Whether to write nothing.
        on_progress : callable
            Called with the number of images looked at, and of all.

        Raises
        ------
        RunUnderWay
            Another program has been at it for a minute.
        """
        watermark = self._view.watermark
        with self._store.reader() as catalog:
            ids = _without_template(catalog, catalog.images.ids().tolist())
        frames: dict[Pair, SharedFrame] = {}
        of_image: dict[int, int] = {}
        new = joined = 0
        for start in range(0, len(ids), _STEP):
            with _claimed(self._store):
                step = ids[start : start + _STEP]
                with self._store.reader() as catalog:
                    frames |= self._frames(catalog, step)
                    of_image |= _template_ids(catalog, {i for pair in frames for i in pair})
                joining = _joining(frames, of_image)
                of_image |= joining
                found = [*group_frames(frames, of_image.keys())]
                if not dry_run:
                    _write(self._store, joining, found)
            joined += len(joining)
            for template in found:  # its id is read with the next step; until then any will do
                new, joined = new + 1, joined + len(template.members)
                of_image |= dict.fromkeys(template.members, -new)
            on_progress(start + len(step), len(ids))
        if not dry_run:
            with _claimed(self._store):
                for start in range(0, len(ids), _STEP):
                    joined += self._join_by_mask(ids[start : start + _STEP])
                self._move_watermark(watermark)
        return TemplateReport(len(ids), new, joined)

    def learn_new(self, limit: int) -> TemplateReport:
        """Look at images that were added or changed since the last look, if nobody else does.

        Once the index has moved to another model this is left to programs that know that one.

        Parameters
        ----------
        limit : int
            The most changes of the log to look at.
        """
        with self._store.learning_templates() as free:
            if not free:
                return TemplateReport(0, 0, 0)
            with self._store.reader() as catalog:
                active = catalog.spaces.active()
                before = catalog.templates.watermark()
                limit = min(limit, self._view.watermark - before)
                if active is None or active.id != self._space.id or limit <= 0:
                    return TemplateReport(0, 0, 0)
                changed, watermark = catalog.log.images_after(before, limit)
                ids = _without_template(catalog, changed)
                frames = self._frames(catalog, ids)
                # what a new image shares a frame with may share it with others, too
                others = {i for pair in frames for i in pair} - {*ids}
                frames |= self._frames(catalog, _without_template(catalog, others))
                of_image = _template_ids(catalog, {i for pair in frames for i in pair})
            joining = _joining(frames, of_image)
            found = [*group_frames(frames, of_image.keys() | joining.keys())]
            _write(self._store, joining, found)
            joined = len(joining) + sum(len(template.members) for template in found)
            joined += self._join_by_mask({*ids, *(i for each in found for i in each.members)})
            self._move_watermark(watermark)
        return TemplateReport(len(ids), len(found), joined)

    def _move_watermark(self, number: int) -> None:
        with self._store.writer() as writer:
            if number > writer.templates.watermark():
                writer.templates.move_watermark(number)

    def _frames(self, catalog: Catalog, image_ids: Iterable[int]) -> dict[Pair, SharedFrame]:
        """Return the pairs of some images and their neighbours that share a frame."""
        records, pairs = self._neighbours(catalog, image_ids)
        grids = _Grids(catalog)
        found: dict[Pair, SharedFrame] = {}
        for pair, cosine in sorted(pairs.items()):
            one, other = (records[image_id] for image_id in pair)
            if not have_one_shape((one.width, one.height), (other.width, other.height)):
                continue
            details = grids.compare_details(*pair)
            if cosine < _NEAR and details.count_equal() < CONTROLS:
                continue
            ours, theirs = (grids.get(image_id) for image_id in pair)
            if ours and theirs:
                pictures = find_pictures(one), find_pictures(other)
                if frame := find_shared_frame(ours, theirs, *pictures, details=details):
                    found[pair] = frame
        return found

    def _neighbours(
        self, catalog: Catalog, image_ids: Iterable[int]
    ) -> tuple[dict[int, ImageRecord], dict[Pair, float]]:
        """Return images and their nearest neighbours, and the cosines of these pairs, whole."""
        records = catalog.images.get_many(image_ids, self._space.id, with_embedding=True)
        asked = {
            i: record.embedding for i, record in records.items() if record.embedding is not None
        }
        if not asked:
            return {}, {}
        queries = np.stack([*asked.values()])
        hits = cast("SimilarityHits", self._view.index.search(queries, _NEIGHBOURS + 1))
        pairs = {
            (min(one, other), max(one, other)): cosine
            for one, others, cosines in zip(
                asked, hits.keys.tolist(), hits.similarities.tolist(), strict=True
            )
            for other, cosine in zip(others, cosines, strict=True)
            if other not in (-1, one) and cosine >= _FAR
        }
        others = {image_id for pair in pairs for image_id in pair} - records.keys()
        records |= catalog.images.get_many(others, self._space.id)
        kept = catalog.thumbnails.ids({image_id for pair in pairs for image_id in pair})
        return records, {
            pair: cosine for pair, cosine in pairs.items() if records.keys() >= {*pair} <= kept
        }

    def _join_by_mask(self, image_ids: Iterable[int]) -> int:
        """Let images join a template of their neighbours whose frame they have; count them.

        So do those whose content is too plain for a pair to tell frame and content apart.
        """
        joining: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        with self._store.reader() as catalog:
            _, pairs = self._neighbours(catalog, image_ids)
            templates = catalog.templates.of_images({i for pair in pairs for i in pair})
            grids = _Grids(catalog)
            for image_id, other in sorted(pairs.keys() | {pair[::-1] for pair in pairs}):
                template = templates.get(other)
                if template is None or image_id in templates or image_id in joining:
                    continue
                if (image_id, template.id) not in seen and (image := grids.get(image_id)):
                    seen.add((image_id, template.id))
                    ids = catalog.templates.images(template.id, limit=_MEMBERS)
                    members = [grid for grid in map(grids.get, ids) if grid]
                    if shows_frame(image, members, bytes.fromhex(template.mask)):
                        joining[image_id] = template.id
        _write(self._store, joining, [])
        return len(joining)


class _Grids:
    """The cells and local features of images that have a thumbnail; those used last are kept."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[int, CellGrid | None] = OrderedDict()
        self._hands: OrderedDict[int, Hands] = OrderedDict()

    def get(self, image_id: int) -> CellGrid | None:
        """Return the cells of an image; None where it has no thumbnail."""
        if image_id not in self._kept:
            jpeg = self._catalog.thumbnails.get_many([image_id]).get(image_id)
            self._kept[image_id] = CellGrid.of(read_thumbnail(jpeg)) if jpeg else None
            if len(self._kept) > _AT_HAND:
                self._kept.popitem(last=False)
        self._kept.move_to_end(image_id)
        return self._kept[image_id]

    def compare_details(self, one: int, other: int) -> DetailAgreement:
        """Return how the local features agree of two images that have a thumbnail."""
        return DetailAgreement(lambda: self._features(one), lambda: self._features(other)[0])

    def _features(self, image_id: int) -> Hands:
        if image_id not in self._hands:
            features = read_features(self._catalog, [image_id])[image_id]
            self._hands[image_id] = in_both_hands(features)
            if len(self._hands) > _AT_HAND:
                self._hands.popitem(last=False)
        self._hands.move_to_end(image_id)
        return self._hands[image_id]


@contextmanager
def _claimed(store: Store) -> Iterator[None]:
    """Wait until no other program learns templates, and keep others from it for the block."""
    deadline = monotonic() + _PATIENCE
    while True:
        with store.learning_templates() as free:
            if free:
                yield
                return
        if monotonic() > deadline:
            raise RunUnderWay("Another program is learning templates. Try again when it is done.")
        sleep(_PAUSE)


def _without_template(catalog: Catalog, image_ids: Iterable[int]) -> list[int]:
    """Return those of some images that have a thumbnail and no template, ascending."""
    with_thumbnail = catalog.thumbnails.ids(image_ids)
    return sorted(with_thumbnail - catalog.templates.of_images(with_thumbnail).keys())


def _template_ids(catalog: Catalog, image_ids: Iterable[int]) -> dict[int, int]:
    return {i: template.id for i, template in catalog.templates.of_images(image_ids).items()}


def _joining(frames: Mapping[Pair, SharedFrame], of_image: Mapping[int, int]) -> dict[int, int]:
    """Return the template of images that share their frame with members of one, most often."""
    votes: defaultdict[int, list[int]] = defaultdict(list)
    for pair in frames:
        for image_id, other in (pair, pair[::-1]):
            if image_id not in of_image and other in of_image:
                votes[image_id].append(of_image[other])
    return {i: max(sorted(set(found)), key=found.count) for i, found in votes.items()}


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
