from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.errors import UnusableOutput
from indexer.ingest import IngestOptions, IngestReport, Planner
from indexer.model import Encoder
from indexer.store import Store
from indexer.types import ImageRecord, PartKind
from support.commands import PHOTOS
from support.ingesting import Place, Watched, make_place

TILED = IngestOptions(tiled=True)
SCENES = ("bee.jpg", "camels.jpg", "coffee.jpg", "crab.jpg", "koala.jpg")


@pytest.fixture
def place(store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


def record_of(place: Place, path: Path) -> ImageRecord:
    image_id = place.image_at(path)
    with place.store.reader() as catalog:
        return catalog.images.get_many([image_id], with_embedding=True)[image_id]


def animation(place: Place, *names: str) -> Path:
    frames = [Image.open(PHOTOS / name).convert("RGB").resize((160, 120)) for name in names]
    path = place.folder.parent / "animation.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    return path


def screenshot(place: Place) -> Path:
    """Paste a photo into a long page."""
    page = Image.new("RGB", (600, 1800), "white")
    page.paste(Image.open(PHOTOS / "bee.jpg").resize((400, 300)), (100, 1000))
    path = place.folder.parent / "page.png"
    page.save(path)
    return path


def test_later_frames_of_an_animation_are_embedded_one_by_one(place: Place) -> None:
    path = animation(place, *SCENES)

    report = place.ingest().run(place.found(path))

    record = record_of(place, path)
    assert report == IngestReport(added=1, parts=4)
    assert record.frame_count == 5
    assert [(p.part.kind, p.part.number) for p in record.parts] == [
        (PartKind.FRAME, number) for number in range(1, 5)
    ]
    encoder = place.ingest()._encoder  # noqa: SLF001 -- the same one, as an oracle
    for part, name in zip(record.parts, SCENES[1:], strict=True):
        rgb = np.asarray(Image.open(PHOTOS / name).convert("RGB").resize((160, 120)))
        alone = encoder.encode([rgb])
        assert part.embedding is not None
        np.testing.assert_allclose(part.embedding, alone.embeddings[0], atol=1e-5)


def test_frames_that_look_alike_are_stored_once(place: Place) -> None:
    path = animation(place, "bee.jpg", "crab.jpg", "bee.jpg", "crab.jpg", "koala.jpg")

    place.ingest().run(place.found(path))

    assert [p.part.number for p in record_of(place, path).parts] == [1, 4]


def test_the_number_of_frames_is_a_setting(place: Place) -> None:
    path = animation(place, *SCENES)
    few = Place(place.store, place.settings.model_copy(update={"frames": 1}), place.folder)

    few.ingest().run(few.found(path))

    assert [p.part.number for p in record_of(place, path).parts] == [4]


def test_large_pictures_are_cut_when_that_is_asked_for(place: Place) -> None:
    path = screenshot(place)

    report = place.ingest().run(place.found(place.folder / "bee.jpg", path), TILED)

    record = record_of(place, path)
    assert report == IngestReport(added=2, parts=len(record.parts))
    assert record_of(place, place.folder / "bee.jpg").parts == ()
    boxes = [p.part.box for p in record.parts]
    assert any(
        box is not None and np.abs(np.subtract(box, (100, 1000, 400, 300))).max() <= 4
        for box in boxes
    )


def test_a_picture_within_a_picture_is_stored_and_matched_on_its_own(place: Place) -> None:
    cutting = replace(place, settings=place.settings.model_copy(update={"query_views": "insets"}))
    path = screenshot(place)

    report = cutting.ingest().run(place.found(path))

    [crop] = record_of(place, path).parts
    assert report == IngestReport(added=1, parts=1)
    assert crop.part.kind is PartKind.CROP
    assert crop.part.box is not None
    assert np.abs(np.subtract(crop.part.box, (100, 1000, 400, 300))).max() <= 4
    again = cutting.ingest().run(place.found(path))
    assert again == IngestReport(unchanged=1)


def test_what_a_tile_shows_is_not_stored_as_a_crop_too(place: Place) -> None:
    cutting = replace(place, settings=place.settings.model_copy(update={"query_views": "insets"}))
    path = screenshot(place)

    cutting.ingest().run(place.found(path), TILED)

    assert {p.part.kind for p in record_of(place, path).parts} == {PartKind.TILE}


def test_an_image_that_was_added_whole_gains_its_tiles_later(place: Place) -> None:
    path = screenshot(place)
    place.ingest().run(place.found(path, place.folder))

    report = place.ingest().run(place.found(path, place.folder), TILED)

    parts = len(record_of(place, path).parts)
    assert parts > 0
    assert report == IngestReport(unchanged=7, completed=1, parts=parts)
    again = place.ingest().run(place.found(path, place.folder), TILED)
    assert again == IngestReport(unchanged=7)


def test_an_image_that_was_added_without_a_thumbnail_gains_it_when_asked(place: Place) -> None:
    plain = replace(place, settings=place.settings.model_copy(update={"keep_thumbnails": False}))
    plain.ingest().run(place.found())
    assert place.ingest().run(place.found()) == IngestReport(unchanged=6)

    planned = Planner(place.store, place.settings, thumbnails=True).plan(place.found())
    report = place.ingest().run(place.found(), IngestOptions(thumbnails=True))

    assert planned.incomplete.count == 6
    assert report == IngestReport(unchanged=6, completed=6)
    ids = [place.image_at(Path(file)) for file in place.files]
    with place.store.reader() as catalog:
        assert catalog.thumbnails.get_many(ids).keys() == set(ids)
    again = place.ingest().run(place.found(), IngestOptions(thumbnails=True))
    assert again == IngestReport(unchanged=6)


def test_an_image_that_was_added_without_features_gains_them_alone_when_asked(
    place: Place,
) -> None:
    without = {"keep_thumbnails": False, "keep_features": False}
    plain = replace(place, settings=place.settings.model_copy(update=without))
    path = plain.folder / Path(place.files[0]).name
    plain.ingest().run(place.found(path))
    asked = replace(place, settings=place.settings.model_copy(update={"keep_thumbnails": False}))

    planned = Planner(asked.store, asked.settings, features=True).plan(place.found(path))
    report = asked.ingest().run(place.found(path), IngestOptions(features=True))

    assert planned.incomplete.count == 1
    assert report == IngestReport(unchanged=1, completed=1)
    ids = [place.image_at(path)]
    with place.store.reader() as catalog:
        assert catalog.local_features.ids(ids) == {*ids}
        assert catalog.thumbnails.ids(ids) == set()


def test_another_copy_of_an_image_without_tiles_brings_them_too(place: Place) -> None:
    path = screenshot(place)
    place.ingest().run(place.found(path))
    copy = path.with_name("copy.png")
    copy.write_bytes(path.read_bytes())

    report = place.ingest().run(place.found(copy), TILED)

    assert (report.duplicates, report.completed) == (1, 1)
    assert len(record_of(place, path).parts) == report.parts > 0


def test_an_image_keeps_its_tiles_when_it_is_added_without(place: Place) -> None:
    path = screenshot(place)
    first = place.ingest().run(place.found(path), TILED)

    assert place.ingest().run(place.found(path)) == IngestReport(unchanged=1)
    assert len(record_of(place, path).parts) == first.parts


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_frame_that_the_model_cannot_answer_for_is_left_out(
    place: Place, batch_size: int
) -> None:
    path = animation(place, *SCENES)
    rgb = np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("RGB").resize((160, 120)))

    def stubborn(encoder: Encoder) -> Encoder:
        refused = encoder.prepare(rgb)

        def refuse(prepared: object) -> None:
            rows = [row for row, one in enumerate(prepared) if np.array_equal(one, refused)]
            if rows:
                raise UnusableOutput(rows=tuple(rows), model="stubborn")

        return Watched(encoder, refuse, batch_size)

    report = place.ingest(stubborn).run(place.found(path))

    assert report == IngestReport(added=1, parts=3)
    assert [p.part.number for p in record_of(place, path).parts] == [1, 3, 4]
