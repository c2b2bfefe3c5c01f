import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding_space import load_bound_encoder
from indexer.errors import UnusableOutput
from indexer.images.decode import decode
from indexer.ingest import Ingest, IngestReport
from indexer.sources import walk
from indexer.store import Store
from indexer.types import BankKind
from support.commands import PHOTOS
from support.consistency import examine
from support.ingesting import NAMES, Place, Watched, make_place, rewrite, touch
from support.pictures import png_bomb, text


@pytest.fixture
def place(store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


@pytest.fixture
def ingest(place: Place) -> Ingest:
    return place.ingest()


@pytest.fixture
def folder(place: Place) -> Path:
    return place.folder


def bank_id(store: Store) -> int:
    with store.writer() as writer:
        return writer.banks.create("known", BankKind.BLOCK).id


@pytest.mark.postgres
def test_every_picture_of_a_folder_is_added_once(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    report = ingest.run(walk([folder]))

    content = examine(store)
    assert report == IngestReport(added=6)
    assert set(content.sources) == {str(folder / name) for name in NAMES}
    assert len(content.images) == content.changes == 6


def test_an_unchanged_file_is_skipped_without_being_read(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    before = examine(store)
    for path in folder.iterdir():  # reading it would fail; size and time are as they were
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        touch(path, status.st_mtime_ns)

    report = ingest.run(walk([folder]))

    assert report == IngestReport(unchanged=6)
    assert examine(store) == before


def test_a_file_that_was_only_touched_adds_nothing(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    before = examine(store)
    touched = folder / "bee.jpg"
    rewrite(touched, touched.read_bytes())

    report = ingest.run(walk([folder]))

    assert report == IngestReport(unchanged=6)
    assert examine(store) == before
    # its new stamp is remembered: next time it is not even read
    status = touched.stat()
    touched.write_bytes(bytes(status.st_size))
    touch(touched, status.st_mtime_ns)
    assert ingest.run(walk([folder])) == IngestReport(unchanged=6)


def test_a_changed_file_is_a_new_image_and_its_old_source_is_closed(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    path = folder / "bee.jpg"
    with store.reader() as catalog:
        old = catalog.sources.known([str(path)])[str(path)].image_id
    rewrite(path, (PHOTOS / "hedgehog.jpg").read_bytes())

    report = ingest.run(walk([folder]))

    assert report == IngestReport(added=1, unchanged=5, changed=1)
    with store.reader() as catalog:
        new = catalog.sources.known([str(path)])[str(path)].image_id
        assert new != old
        assert catalog.images.get(new).sources == (str(path),)
        # the image was seen once and stays known; only the place where it was is gone
        assert catalog.images.get(old).sources == ()


def test_a_file_that_no_longer_holds_a_picture_goes_to_quarantine_and_its_source_is_closed(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    path = folder / "bee.jpg"
    with store.reader() as catalog:
        old = catalog.sources.known([str(path)])[str(path)].image_id
    original = path.read_bytes()
    rewrite(path, original[:500])

    report = ingest.run(walk([folder]))

    assert (report.unchanged, [skipped.uri for skipped in report.skipped]) == (5, [str(path)])
    with store.reader() as catalog:
        assert catalog.sources.known([str(path)]) == {}
        assert catalog.images.get(old).sources == ()  # it was seen, and can still be matched

    rewrite(path, original)
    ingest.run(walk([folder]))
    with store.reader() as catalog:
        assert catalog.images.get(old).sources == (str(path),)
        assert catalog.quarantine.page() == []


def test_the_same_bytes_under_two_names_are_one_image_with_two_sources(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    shutil.copy(folder / "bee.jpg", folder / "bee again.jpg")  # in one batch
    shutil.copy(folder / "bee.jpg", folder / "zebra.jpg")  # in a later one

    report = ingest.run(walk([folder]))

    content = examine(store)
    assert report == IngestReport(added=6, duplicates=2)
    assert len(content.images) == content.changes == 6
    same = {content.sources[str(folder / n)] for n in ("bee.jpg", "bee again.jpg", "zebra.jpg")}
    assert len(same) == 1


def test_a_file_that_is_reached_twice_has_one_source(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder, folder / "bee.jpg"]))

    content = examine(store)
    assert len(content.images) == len(content.sources) == 6


def test_a_bank_that_is_named_later_gets_entries_of_unchanged_files(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    bank = bank_id(store)

    report = ingest.run(walk([folder]), bank_id=bank)
    again = ingest.run(walk([folder]), bank_id=bank)

    assert report == IngestReport(unchanged=6, entries=6)
    assert again == IngestReport(unchanged=6)
    content = examine(store)
    assert content.entries == set(content.images)


def test_new_images_become_entries_of_the_bank_in_the_same_run(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    shutil.copy(folder / "bee.jpg", folder / "zebra.jpg")

    report = ingest.run(walk([folder]), bank_id=bank_id(store))

    assert report == IngestReport(added=6, duplicates=1, entries=6)


def test_an_image_that_was_removed_comes_back_when_it_is_added_again(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    ingest.run(walk([folder]))
    before = examine(store)
    with store.writer() as writer:
        writer.images.remove(before.images)

    report = ingest.run(walk([folder]))

    assert report == IngestReport(added=6)
    with store.reader() as catalog:
        records = catalog.images.get_many(before.images)
    assert {key: record.sha256 for key, record in records.items()} == before.images


def test_what_was_committed_before_ctrl_c_is_kept(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    def interrupt(report: IngestReport) -> None:
        if report.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest.run(walk([folder]), on_progress=interrupt)

    assert len(examine(store).images) == 4
    assert ingest.run(walk([folder])) == IngestReport(added=2, unchanged=4)
    assert len(examine(store).images) == 6


def test_progress_only_goes_forward_and_counts_every_file(ingest: Ingest, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(text())
    shutil.copy(folder / "bee.jpg", folder / "zebra.jpg")
    rewrite(folder / "crab.jpg", (folder / "crab.jpg").read_bytes())
    seen: list[int] = []

    def note(report: IngestReport) -> None:
        seen.append(report.done)

    for _ in range(2):
        seen.clear()
        report = ingest.run(walk([folder]), on_progress=note)
        assert seen == sorted(seen)
        assert seen[-1] == report.done == 8
    rewrite(folder / "crab.jpg", (folder / "crab.jpg").read_bytes())
    ingest.run(walk([folder]), on_progress=note)
    assert seen[-1] == 8


def test_bad_files_are_skipped_and_leave_the_quarantine_once_they_are_good(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    bad = folder / "broken.jpg"
    bad.write_bytes(text())

    report = ingest.run(walk([folder]))

    assert [(item.uri, item.code) for item in report.skipped] == [(str(bad), "unreadable_image")]
    assert (report.added, examine(store).quarantined) == (6, {str(bad)})
    rewrite(bad, (PHOTOS / "hedgehog.jpg").read_bytes())
    assert ingest.run(walk([folder])) == IngestReport(added=1, unchanged=6)
    assert examine(store).quarantined == set()


def test_a_bad_file_that_becomes_a_copy_of_a_known_one_leaves_the_quarantine(
    ingest: Ingest, store: Store, folder: Path
) -> None:
    bad = folder / "broken.png"
    bad.write_bytes(png_bomb())
    assert [item.code for item in ingest.run(walk([folder])).skipped] == ["image_too_large"]
    rewrite(bad, (folder / "bee.jpg").read_bytes())

    assert ingest.run(walk([folder])) == IngestReport(duplicates=1, unchanged=6)
    assert examine(store).quarantined == set()


@pytest.mark.parametrize("batch_size", [1, 4])  # as on a CPU; as on a GPU, where several share
def test_only_the_picture_that_the_model_cannot_answer_for_is_skipped(
    place: Place, batch_size: int
) -> None:
    encoder, space = load_bound_encoder(place.store, place.settings)
    culprit = place.folder / "camels.jpg"
    pixels = encoder.prepare(decode(culprit.read_bytes(), place.settings.image_limits).rgb)

    def refuse(prepared: object) -> None:
        rows = [row for row, one in enumerate(prepared) if np.array_equal(one, pixels)]
        if rows:
            raise UnusableOutput(rows=tuple(rows), model="stubborn")

    stubborn = Watched(encoder, refuse, batch_size)

    report = Ingest(place.store, stubborn, space, place.settings).run(place.found())

    assert [(item.uri, item.code) for item in report.skipped] == [(str(culprit), "unusable_output")]
    assert report.added == 5
    content = examine(place.store)
    assert content.quarantined == {str(culprit)}
    assert set(content.sources) == {str(place.folder / n) for n in NAMES if n != "camels.jpg"}


def test_stored_rows_are_those_of_the_picture_encoded_alone(
    place: Place, ingest: Ingest, store: Store, folder: Path
) -> None:
    settings = place.settings
    ingest.run(walk([folder]))
    encoder, space = load_bound_encoder(store, settings)

    with store.reader() as catalog:
        known = catalog.sources.known([str(folder / name) for name in NAMES])
        records = catalog.images.get_many([k.image_id for k in known.values()], with_embedding=True)
    for uri, source in known.items():
        alone = encoder.encode([decode(Path(uri).read_bytes(), settings.image_limits).rgb])
        record = records[source.image_id]
        assert record.embedding is not None
        np.testing.assert_allclose(record.embedding, alone.embeddings[0], atol=1e-5)
        assert tuple(record.probabilities) == space.labels
        np.testing.assert_allclose(
            list(record.probabilities.values()), alone.probabilities[0], atol=1e-5
        )
