"""An index that is brought over to another model is what that model would have made of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from PIL import Image

from indexer.embedding_space import bound_space, load_bound_encoder, open_encoder
from indexer.errors import ModelMismatch, SpaceReplaced
from indexer.ingest import (
    IngestOptions,
    TransferOptions,
    TransferReport,
    open_transfer,
    plan_transfer,
)
from indexer.matching import Matcher, open_matcher
from indexer.store import AuditQuery, Store, open_store, upgrade
from indexer.types import ImageRecord, Tier
from indexer.upkeep.consistency import verify
from indexer.upkeep.space_removal import drop_other_spaces
from support.commands import PHOTOS
from support.consistency import assert_views_hold, examine
from support.ingesting import NAMES, Place, make_place, rewrite
from support.models import add_descriptor, make_tiny
from support.queries import match
from support.sources import write_tar

ALL = TransferOptions(allow_missing=True)
THUMBNAILS = TransferOptions(from_thumbnails=True)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the smallest model with a head: as when a release ships another head."""
    return add_descriptor(make_tiny(tmp_path_factory.mktemp("other")))


@pytest.fixture
def place(store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path, keep_thumbnails=True)


@pytest.fixture
def after(place: Place, other_model: Path) -> Place:
    """See the same index as programs do that load the other model."""
    settings = place.settings.model_copy(update={"model": str(other_model)})
    return replace(place, settings=settings)


def transfer(place: Place, options: TransferOptions | None = None) -> TransferReport:
    return open_transfer(place.store, place.settings).run(options or TransferOptions())


def records(place: Place) -> dict[bytes, ImageRecord]:
    """Return all images by SHA-256, with vectors, as they are in the index's space."""
    with place.store.reader() as catalog:
        ids = catalog.images.ids().tolist()
        found = catalog.images.get_many(ids, with_embedding=True)
    return {record.sha256: record for record in found.values()}


def said(record: ImageRecord) -> list[object]:
    """Return all that the model says of an image and its parts."""
    parts = [(p.part, p.embedding.tolist(), p.probabilities) for p in record.parts]  # type: ignore[union-attr]
    assert record.embedding is not None
    return [record.embedding.tolist(), record.probabilities, *parts]


def holds(matcher: Matcher, image_id: int) -> bool:
    """Tell whether the view of embeddings knows an image."""
    return bool(np.isin(image_id, matcher.views.embeddings.index.keys()))


def noted(jpeg: bytes) -> bytes:
    """Give a JPEG other bytes and the same pixels."""
    return jpeg[:2] + b"\xff\xfe\x00\x04hi" + jpeg[2:]


def animate(path: Path, *names: str) -> Path:
    frames = [Image.open(PHOTOS / name).convert("RGB").resize((160, 120)) for name in names]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    return path


def paste(path: Path) -> Path:
    """Write a long page with a photo in it."""
    page = Image.new("RGB", (600, 1800), "white")
    page.paste(Image.open(PHOTOS / "bee.jpg").resize((400, 300)), (100, 1000))
    page.save(path)
    return path


@pytest.fixture
def fresh(place: Place, other_model: Path, tmp_path: Path) -> Iterator[Place]:
    """Make an index of the same folder by the other model."""
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    upgrade(url)
    with open_store(url) as store:
        (tmp_path / "fresh").mkdir()
        yield replace(make_place(store, other_model, tmp_path / "fresh"), folder=place.folder)


@pytest.mark.postgres
def test_every_image_and_part_is_as_the_new_model_would_have_made_it(
    place: Place, after: Place, fresh: Place, tmp_path: Path
) -> None:
    animate(place.folder / "animation.webp", *NAMES[:4])
    paste(place.folder / "page.png")
    bees = tmp_path / "bees.tar"
    write_tar(bees, {"hedgehog.jpg": (PHOTOS / "hedgehog.jpg").read_bytes(), "note.txt": b"bees"})
    tiled = IngestOptions(tiled=True)
    for one in (place, fresh):
        one.ingest().run(one.found(one.folder, bees), tiled)
    before = bound_space(place.store)

    report = transfer(after)

    assert (report.wanted, report.embedded, report.approximate, report.missing) == (9, 9, 0, [])
    assert report.active
    assert (
        report.before == before.fingerprint != report.space == bound_space(place.store).fingerprint
    )
    found, made = records(after), records(fresh)
    assert found.keys() == made.keys()
    assert max(len(record.parts) for record in found.values()) > 3
    for digest, record in found.items():
        assert said(record) == said(made[digest])
    assert verify(place.store, after.settings, sample=None).problems == ()


@pytest.mark.postgres
def test_views_of_the_new_space_hold_every_image(place: Place, after: Place) -> None:
    place.ingest().run(place.found())

    transfer(after)
    drop_other_spaces(place.store, after.settings)

    matcher = open_matcher(place.store, after.settings)
    assert_views_hold(matcher, examine(place.store))
    for path in place.folder.iterdir():
        assert match(matcher, path.read_bytes(), "upload").tier is Tier.EXACT


@pytest.mark.postgres
def test_a_file_with_other_bytes_is_no_source_but_its_copy_is(place: Place, after: Place) -> None:
    copy = place.folder.parent / "copy.jpg"
    copyfile(place.folder / "bee.jpg", copy)
    place.ingest().run(place.found(place.folder, copy))
    for name in ("bee.jpg", "crab.jpg"):
        rewrite(place.folder / name, (PHOTOS / "moose.jpg").read_bytes())

    report = transfer(after)

    assert (report.embedded, report.missing_count, report.active) == (5, 1, False)
    [missing] = report.missing
    assert (missing.code, missing.source) == ("source_changed", str(place.folder / "crab.jpg"))
    with place.store.reader() as catalog:
        assert len(catalog.images.ids()) == 6
        assert catalog.quarantine.page() == []


def test_the_index_stays_in_its_space_until_nothing_is_missing(place: Place, after: Place) -> None:
    place.ingest().run(place.found())
    gone = place.folder / "bee.jpg"
    image_id = place.image_at(gone)
    gone.rename(place.folder.parent / "bee.jpg")

    first = transfer(after)

    assert (first.embedded, first.active) == (5, False)
    assert [(m.image_id, m.code) for m in first.missing] == [(image_id, "unreadable_source")]
    open_matcher(place.store, place.settings)
    with pytest.raises(ModelMismatch):
        open_matcher(place.store, after.settings)

    (place.folder.parent / "bee.jpg").rename(gone)
    second = transfer(after)

    assert (second.wanted, second.embedded, second.missing, second.active) == (1, 1, [], True)
    open_matcher(place.store, after.settings)


@pytest.mark.postgres
def test_thumbnails_stand_in_for_files_that_are_gone_when_asked(place: Place, after: Place) -> None:
    page = paste(place.folder / "page.png")
    place.ingest().run(place.found(), IngestOptions(tiled=True))
    expected = records(place)
    gone = place.folder / "bee.jpg"
    image_id = place.image_at(gone)
    page_id = place.image_at(page)
    data = gone.read_bytes()
    gone.unlink()
    page.unlink()

    assert [image.has_thumbnail for image in transfer(after).missing] == [True, True]
    report = transfer(after, THUMBNAILS)

    assert (report.wanted, report.embedded, report.approximate, report.active) == (2, 0, 2, True)
    assert report.parts > 1  # tiles of the page
    with place.store.reader() as catalog:
        actions = catalog.audit.page(AuditQuery(action="space."))
    details = {row.action: json.loads(row.detail) for row in actions}
    assert details["space.approximate"] == {"count": 2, "ids": sorted([image_id, page_id])}
    assert details["space.activate"] == {"before": report.before, "missing": 0}
    assert records(place).keys() == expected.keys()
    encoder, _ = load_bound_encoder(place.store, after.settings)
    exact = encoder.encode([np.asarray(Image.open(PHOTOS / "bee.jpg").convert("RGB"))])
    [record] = [one for one in records(after).values() if one.id == image_id]
    assert record.embedding is not None
    assert float(record.embedding @ exact.embeddings[0]) > 0.9
    assert record.embedding.tolist() != exact.embeddings[0].tolist()
    assert match(open_matcher(place.store, after.settings), data, "bee").tier is Tier.EXACT


@pytest.mark.postgres
def test_images_that_stay_behind_match_by_hash_and_are_completed_by_adding_them_again(
    place: Place, after: Place
) -> None:
    place.ingest().run(place.found())
    gone = place.folder / "bee.jpg"
    image_id = place.image_at(gone)
    data = gone.read_bytes()
    gone.unlink()

    report = transfer(after, ALL)

    assert (report.missing_count, report.active) == (1, True)
    matcher = open_matcher(place.store, after.settings)
    for query, tier in ((data, Tier.EXACT), (noted(data), Tier.NEAR_DUPLICATE)):
        [found] = [m for m in match(matcher, query, "bee").matches if m.image_id == image_id]
        assert (found.tier, found.similarity) == (tier, None)
    assert not holds(matcher, image_id)
    assert "no embedding" in str(verify(place.store, after.settings).problems)

    gone.write_bytes(data)
    after.ingest().run(after.found())
    matcher.catch_up()
    assert holds(matcher, image_id)
    assert verify(place.store, after.settings).problems == ()


@pytest.mark.postgres
def test_what_others_add_and_remove_meanwhile_is_respected(place: Place, after: Place) -> None:
    place.ingest().run(place.found())
    removed = place.image_at(place.folder / "bee.jpg")
    copyfile(PHOTOS / "moose.jpg", place.folder / "moose.jpg")
    told: list[int] = []

    def meddle(report: TransferReport) -> None:
        if not told:
            with place.store.writer() as writer:
                writer.images.purge([removed])
            place.ingest().run(place.found(place.folder / "moose.jpg"))
        told.append(report.done)

    report = open_transfer(after.store, after.settings).run(TransferOptions(), on_progress=meddle)

    assert report.active
    with place.store.reader() as catalog:
        assert removed not in catalog.images.ids()
        assert catalog.embeddings.lacking(bound_space(place.store).id) == []
        assert catalog.repair.problems() == []
        assert len(catalog.images.ids()) == 6


@pytest.mark.postgres
def test_one_can_go_back_and_views_of_the_earlier_space_are_complete(
    place: Place, after: Place
) -> None:
    place.ingest().run(place.found())
    old = open_matcher(place.store, place.settings)
    transfer(after)
    copyfile(PHOTOS / "moose.jpg", place.folder / "moose.jpg")
    after.ingest().run(after.found())
    old.catch_up()
    moose = after.image_at(place.folder / "moose.jpg")
    assert not holds(old, moose)

    report = transfer(place)

    assert (report.wanted, report.embedded, report.active) == (1, 1, True)
    old.catch_up()
    assert holds(old, moose)
    assert verify(place.store, place.settings, sample=None).problems == ()


@pytest.mark.postgres
def test_a_program_in_the_earlier_space_reads_on_but_adds_nothing(
    place: Place, after: Place
) -> None:
    place.ingest().run(place.found())
    matcher, adding = open_matcher(place.store, place.settings), place.ingest()
    snapshot = matcher.views.embeddings.snapshot()
    altered = PHOTOS / "bee.jpg"
    transfer(after)

    matcher.catch_up()
    assert match(matcher, altered.read_bytes(), "bee").tier is Tier.EXACT
    copyfile(PHOTOS / "moose.jpg", place.folder / "moose.jpg")
    with pytest.raises(SpaceReplaced, match="Start the program again"):
        adding.run(place.found())

    drop_other_spaces(place.store, after.settings)
    with pytest.raises(SpaceReplaced, match="dropped"):
        match(matcher, altered.read_bytes(), "bee")
    with pytest.raises(SpaceReplaced):
        matcher.catch_up()
    assert not snapshot.exists()


def test_a_plan_counts_without_writing(place: Place, after: Place) -> None:
    place.ingest().run(place.found())
    with place.store.writer() as writer:
        writer.sources.close_at([str(place.folder / "bee.jpg")])
        head = writer.log.head()

    plan = plan_transfer(after.store, after.settings)

    assert (plan.images, plan.ready, plan.with_source) == (6, 0, 5)
    assert (plan.thumbnail_only, plan.without, plan.active) == (1, 0, False)
    with place.store.reader() as catalog:
        assert catalog.spaces.find(plan.space) is None
        assert catalog.log.head() == head
    transfer(after)
    assert plan_transfer(after.store, after.settings).ready == 5


def test_a_model_that_moved_or_was_relabelled_needs_no_transfer(place: Place) -> None:
    place.ingest().run(place.found())

    report = transfer(place)

    assert (report.wanted, report.active, report.before) == (0, True, report.space)
    with place.store.reader() as catalog:
        assert catalog.audit.page(AuditQuery(action="space.activate")) == []


def test_the_error_names_the_command_that_brings_the_index_over(place: Place, after: Place) -> None:
    command = f"`lookalike model reembed --model {after.settings.model}`"
    card = open_encoder(str(after.settings.model), after.settings).card

    with pytest.raises(ModelMismatch) as caught:
        load_bound_encoder(place.store, after.settings)

    assert command in str(caught.value)
    assert card.fingerprint[:12] in str(caught.value)
