"""`verify` finds what is wrong, `repair` mends what the log can give back, on both databases."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from indexer.errors import NotFoundError
from indexer.settings import Settings
from indexer.store import RemovalQuery, Store, open_store, upgrade
from indexer.types import BankKind, Space
from indexer.upkeep.consistency import verify
from indexer.upkeep.removal import purge, remove, select
from indexer.upkeep.repair import NO_EMBEDDING, Repair, repair
from indexer.upkeep.status import read_status
from indexer.vector_views import open_views, rebuild_views, write_snapshots
from support.catalog import FINGERPRINT, add, bare_pdq, bind, new_image

IMAGES = 40
HASHES = 5
OLDER = 1 + HASHES + 2 * IMAGES  # changes in the older snapshot: the bank, hashes, images, entries


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


@pytest.fixture
def ids(store: Store, space: Space, settings: Settings) -> list[int]:
    """Fill an index, take some images out again, and write two snapshots of each view."""
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
        for seed in range(HASHES):
            writer.entries.add_fingerprint(bank.id, bare_pdq(seed))
    ids = add(store, space, *range(IMAGES), bank_id=bank.id, frames=1)
    write_snapshots(store, space, settings)
    with store.writer() as writer:
        writer.images.remove(ids[:2])
        writer.entries.remove([1])  # a hash
    write_snapshots(store, space, settings)
    return ids


def execute(store: Store, statement: str) -> None:
    with store.writer() as writer:
        writer.connection.execute(text(statement))


def set_vector(store: Store, image_id: int, vector: bytes) -> None:
    statement = text("UPDATE embeddings SET vector = :vector WHERE image_id = :id AND part = 0")
    with store.writer() as writer:
        writer.connection.execute(statement, {"vector": vector, "id": image_id})


def problems(store: Store, settings: Settings) -> tuple[str, ...]:
    return verify(store, settings, sample=None).problems


def mend(store: Store, settings: Settings, *, dry_run: bool = False) -> Repair:
    return repair(store, settings, dry_run=dry_run, sample=None)


def view_files(settings: Settings) -> set[Path]:
    return {path for path in settings.views_folder.rglob("*") if path.is_file()}


# --- a sound index --------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.usefixtures("ids")
def test_a_sound_index_has_no_problems_and_nothing_to_mend(
    store: Store, settings: Settings
) -> None:
    before = view_files(settings)
    report = verify(store, settings)
    assert report.problems == ()
    assert (report.images, report.compared) == (IMAGES - 2, IMAGES - 2)
    assert [view.vectors for view in report.views] == [
        2 * (IMAGES - 2),
        2 * (IMAGES - 2),
        HASHES - 1,
    ]
    assert {view.watermark for view in report.views} == {report.changes}
    assert mend(store, settings) == Repair(dry_run=False, mended=(), left=(), advice=())
    assert view_files(settings) == before


def test_an_empty_index_has_no_problems(store: Store, settings: Settings) -> None:
    assert problems(store, settings) == ()
    bind(store)
    assert problems(store, settings) == ()
    assert mend(store, settings).mended == ()


@pytest.mark.usefixtures("ids")
def test_views_that_lag_behind_are_no_problem(
    store: Store, space: Space, settings: Settings
) -> None:
    add(store, space, 1000, 1001)
    assert problems(store, settings) == ()


# --- snapshots ------------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[random.Random(path.name).randrange(len(data))] ^= 1 << 3
    path.unlink()  # do not write through a hard link
    path.write_bytes(bytes(data))


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("damage", "which", "file"),
    [
        (flip_a_bit, "embedding-*/snapshot-*", "*.vectors.npy"),
        (flip_a_bit, "embedding-*/snapshot-*", "*.keys.npy"),
        (flip_a_bit, "embedding-*/snapshot-*", "*.dead.npy"),
        (flip_a_bit, "embedding-*/snapshot-*", "manifest.json"),
        (flip_a_bit, "pdq-*/snapshot-*", "*.faiss"),
        (flip_a_bit, "pdq-*/snapshot-*", "*.dead.npy"),
        (flip_a_bit, "pdq-*/snapshot-*", "manifest.json"),
        (flip_a_bit, f"embedding-*/snapshot-{OLDER:020d}", "*.vectors.npy"),
        (Path.unlink, "pdq-*/snapshot-*", "*.keys.npy"),
        (flip_a_bit, "entries/snapshot-*", "*.faiss"),
    ],
)
def test_a_damaged_snapshot_is_named_and_replaced(
    store: Store, settings: Settings, damage: Callable[[Path], None], which: str, file: str
) -> None:
    snapshot = max(settings.views_folder.glob(which))
    damage(min(snapshot.glob(file)))
    [problem] = problems(store, settings)
    assert str(snapshot) in problem
    planned = mend(store, settings, dry_run=True)
    assert planned.left == (problem,)
    assert problems(store, settings) == (problem,)
    assert mend(store, settings).mended == planned.mended
    assert problems(store, settings) == ()
    assert mend(store, settings).mended == ()


@pytest.mark.usefixtures("ids")
def test_deleted_views_are_no_problem_and_repair_writes_them(
    store: Store, settings: Settings
) -> None:
    shutil.rmtree(settings.views_folder)
    assert problems(store, settings) == ()
    assert len(mend(store, settings).mended) == 3
    assert len(list(settings.views_folder.glob("*/snapshot-*"))) == 3
    assert mend(store, settings).mended == ()


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    upgrade(url)
    with open_store(url) as other:
        yield other


@pytest.mark.usefixtures("ids")
def test_snapshots_of_another_log_are_named_and_replaced(
    store: Store, settings: Settings, other_store: Store
) -> None:
    shutil.rmtree(settings.views_folder)
    other_space = bind(other_store)
    add(other_store, other_space, *range(500, 505))
    write_snapshots(other_store, other_space, settings)
    found = problems(store, settings)
    assert len(found) == 3
    assert all("log_id" in problem for problem in found)
    assert len(mend(store, settings).mended) == 3
    assert problems(store, settings) == ()


@pytest.mark.usefixtures("ids")
def test_what_dead_programs_and_other_models_left_is_removed_and_nothing_else(
    store: Store, settings: Settings
) -> None:
    views = settings.views_folder
    unfinished = next(views.glob("pdq-*")) / "unfinished-0123"
    stale, foreign = views / f"embedding-{'0' * 16}", views / "notes"
    for folder in (unfinished, stale / "snapshot-00000000000000000007", foreign):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"rest")
    assert problems(store, settings) == ()
    assert len(mend(store, settings, dry_run=True).mended) == 2
    assert stale.exists()
    assert len(mend(store, settings).mended) == 2
    assert not unfinished.exists()
    assert not stale.exists()
    assert (foreign / "file").exists()


@pytest.mark.usefixtures("ids")
def test_a_stale_view_keeps_files_that_are_not_ours(store: Store, settings: Settings) -> None:
    stale = settings.views_folder / "pdq-7"
    (stale / "snapshot-7").mkdir(parents=True)
    (stale / "notes.txt").write_text("mine")
    mend(store, settings)
    assert [path.name for path in stale.iterdir()] == ["notes.txt"]


def test_a_view_that_differs_from_the_log_is_named_and_rebuilt(
    store: Store, space: Space, settings: Settings, ids: list[int]
) -> None:
    changed = bytearray(new_image(5).embedding.tobytes())
    changed[0] ^= 1
    set_vector(store, ids[5], bytes(changed))
    found = problems(store, settings)
    assert any(
        f"other vectors than the log for 1 of {IMAGES - 2} compared images, the first is {ids[5]}"
        in problem
        for problem in found
    )
    report = mend(store, settings)
    assert any("Rebuilt from the log" in sentence for sentence in report.mended)
    assert not any("other vectors" in problem for problem in problems(store, settings))
    assert len(open_views(store, space, settings).pdqs.index) == 2 * (IMAGES - 2)


def test_views_are_rebuilt_while_others_use_them(
    store: Store, space: Space, settings: Settings, ids: list[int]
) -> None:
    running = open_views(store, space, settings)
    old = view_files(settings)
    written = rebuild_views(store, space, settings)
    assert {path.parent.name for path in written} == {view.name for view in running}
    assert not any(
        path.name.endswith((".faiss", ".vectors.npy")) for path in old & view_files(settings)
    )
    with store.writer() as writer:
        writer.images.remove(ids[5:6])
    for view in running:
        view.catch_up()
        view.snapshot()
    assert problems(store, settings) == ()


# --- the database ---------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["embeddings", "classifications"])
def test_a_lost_embedding_is_named_and_its_file_queued(
    store: Store, settings: Settings, ids: list[int], table: str
) -> None:
    execute(store, f"DELETE FROM {table} WHERE image_id = {ids[7]} AND part = 0")
    found = problems(store, settings)
    assert any(f"the first is of image {ids[7]}" in problem for problem in found)
    planned = mend(store, settings, dry_run=True)
    with store.reader() as catalog:
        assert catalog.quarantine.page() == []
    report = mend(store, settings)
    assert report.mended == planned.mended
    with store.reader() as catalog:
        [queued] = catalog.quarantine.page()
    assert (queued.uri, queued.code) == ("/pictures/7.jpg", NO_EMBEDDING)
    # what only encoding can give back is left, with the command for it
    assert all(f"of image {ids[7]}" in problem for problem in report.left)
    assert len(report.left) == 1
    assert "quarantine retry --code no_embedding" in report.advice[0]

    add(store, bind(store), 7, frames=1)
    assert problems(store, settings) == ()


def test_an_image_without_a_file_is_named_with_what_to_do(
    store: Store, settings: Settings, ids: list[int]
) -> None:
    execute(store, f"DELETE FROM embeddings WHERE image_id = {ids[7]}")
    execute(store, f"DELETE FROM sources WHERE image_id = {ids[7]}")
    report = mend(store, settings)
    assert any(f"No file is known of 1 images, the first is {ids[7]}" in a for a in report.advice)
    with store.writer() as writer:
        writer.images.remove(ids[7:8])
    assert problems(store, settings) == ()


@pytest.mark.postgres
def test_images_that_the_log_forgot_are_told_to_it_again(
    store: Store, space: Space, settings: Settings, ids: list[int]
) -> None:
    execute(store, f"UPDATE images SET removed_at = NULL WHERE id = {ids[0]}")
    assert any("not what the log says" in problem for problem in problems(store, settings))
    report = mend(store, settings)
    assert any("1 images are not what the log says" in sentence for sentence in report.mended)
    assert problems(store, settings) == ()
    assert ids[0] in open_and_catch_up(store, space, settings)


@pytest.mark.postgres
def test_entries_that_the_log_forgot_are_told_to_it_again(
    store: Store, space: Space, settings: Settings, ids: list[int]
) -> None:
    assert ids
    execute(store, "UPDATE entries SET removed_at = NULL, removed_by = NULL WHERE id = 1")
    found = problems(store, settings)
    assert any("1 entries are not what the log says" in problem for problem in found)
    assert any("The view entries lacks 1 entries, the first is 1" in problem for problem in found)
    report = mend(store, settings)
    assert any("1 entries are not what the log says" in sentence for sentence in report.mended)
    assert problems(store, settings) == ()
    view = open_views(store, space, settings).entries
    view.catch_up()
    assert view.index.keys().tolist() == [*range(1, HASHES + 1)]


def open_and_catch_up(store: Store, space: Space, settings: Settings) -> list[int]:
    view = open_views(store, space, settings).embeddings
    view.catch_up()
    return list(view.index.keys())


@pytest.mark.usefixtures("ids")
def test_a_gap_in_the_log_is_named_and_cannot_be_mended(store: Store, settings: Settings) -> None:
    execute(store, "DELETE FROM changes WHERE number = 12")
    assert any(p.startswith("The log has gaps") for p in problems(store, settings))
    report = mend(store, settings)
    assert [p for p in report.left if not p.startswith("The log has gaps")] == []
    assert "backup" in report.advice[-1]


def test_vectors_that_no_index_takes_are_named(
    store: Store, settings: Settings, ids: list[int]
) -> None:
    set_vector(store, ids[9], new_image(9).embedding.tobytes() * 2)
    found = problems(store, settings)
    assert any("are not 32 bytes long" in problem for problem in found)
    assert any("cannot follow the log" in problem for problem in found)
    shutil.rmtree(settings.views_folder)  # now they must be read to be opened, too
    assert any("cannot follow the log" in problem for problem in problems(store, settings))
    assert any("are not 32 bytes long" in problem for problem in mend(store, settings).left)
    purge(store, settings, ids[9:10])
    add(store, bind(store), 9, frames=1)
    assert problems(store, settings) == ()


# --- status ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ids")
def test_status_tells_how_far_views_are_and_what_all_takes(
    store: Store, space: Space, settings: Settings
) -> None:
    add(store, space, 1000)
    status = read_status(store, settings)
    embeddings, pdqs, entries = status.views
    assert embeddings.name == f"embedding-{FINGERPRINT[:16]}"
    assert (embeddings.lag, embeddings.vectors) == (1, 2 * (IMAGES - 2))
    assert (pdqs.watermark, pdqs.snapshots) == (status.counts.changes - 1, 2)
    assert (entries.name, entries.lag, entries.vectors) == ("entries", 1, HASHES - 1)
    on_disk = {path.stat().st_ino: path.stat().st_size for path in view_files(settings)}
    assert status.views_bytes == sum(on_disk.values())
    assert status.database_bytes > 10_000
    assert status.counts.images == IMAGES - 1


def test_the_status_of_an_index_without_a_model_has_no_views(
    store: Store, settings: Settings
) -> None:
    status = read_status(store, settings)
    assert (status.space, status.views, status.views_bytes) == (None, (), 0)


# --- removing -------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_query_selects_by_where_images_were_found(store: Store, ids: list[int]) -> None:
    assert select(store, RemovalQuery(source_prefix="/pictures/3")) == [
        ids[n] for n in range(IMAGES) if str(n).startswith("3")
    ]
    assert select(store, RemovalQuery(source_prefix="/PICTURES/")) == []
    assert select(store, RemovalQuery(bank="unsafe", source_prefix="/pictures/3.")) == [ids[3]]
    with pytest.raises(NotFoundError):
        select(store, RemovalQuery(bank="unsave"))


@pytest.mark.parametrize("hidden_before", [False, True])
def test_no_file_holds_anything_of_what_was_purged(
    store: Store, space: Space, settings: Settings, ids: list[int], *, hidden_before: bool
) -> None:
    victim = new_image(11, frames=1)
    secrets = [
        victim.embedding.tobytes(),
        victim.parts[0].embedding.tobytes(),
        victim.pdq.bits,
        victim.parts[0].pdq.bits,
    ]
    in_database = [*secrets, victim.md5, b"/pictures/11.jpg"]
    stale = Settings(
        home=settings.home,
        database_url=settings.database_url,
        pdq_min_quality=settings.pdq_min_quality + 1,
    )
    write_snapshots(store, space, stale)
    if hidden_before:
        remove(store, [ids[11]])
        write_snapshots(store, space, settings)
    assert all(secret in everything(settings.views_folder) for secret in secrets)
    running = open_views(store, space, settings)  # a server
    if file := sqlite_file(settings):
        assert all(secret in everything(file.parent, file.name) for secret in in_database)

    assert purge(store, settings, [ids[11]]) == 1

    for view in running:
        view.catch_up()
        view.snapshot()
    assert not any(secret in everything(settings.views_folder) for secret in secrets)
    if file:
        assert not any(secret in everything(file.parent, file.name) for secret in in_database)
    assert problems(store, settings) == ()
    with store.reader() as catalog:
        assert [tombstone.image_id for tombstone in catalog.images.tombstones()] == [ids[11]]


def everything(folder: Path, prefix: str = "") -> bytes:
    files = (path for path in folder.rglob(f"{prefix}*") if path.is_file())
    return b"\0".join(path.read_bytes() for path in files)


def sqlite_file(settings: Settings) -> Path | None:
    scheme, _, path = (settings.database_url or "").partition(":///")
    return Path(path) if scheme == "sqlite" else None


@pytest.mark.postgres
def test_a_purge_that_was_cut_off_is_named_and_finished_by_repair(
    store: Store, settings: Settings, ids: list[int]
) -> None:
    with store.writer() as writer:
        writer.images.purge([ids[11]])  # and killed before the views forget
    found = problems(store, settings)
    assert found
    assert all("still holds vectors of 1 purged images" in problem for problem in found)
    mend(store, settings)
    assert problems(store, settings) == ()
    assert new_image(11).embedding.tobytes() not in everything(settings.views_folder)
