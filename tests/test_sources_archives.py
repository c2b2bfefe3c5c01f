"""Archives: members are read where they lie, whatever the archive is or was meant to do."""

import gzip
import io
import os
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import ImageTooLarge, UnreadableSource
from indexer.settings import Settings
from indexer.sources import SourceItem, count_sources, open_sources
from indexer.types import SourceDetails
from support.extent import extent
from support.sources import ENOUGH, add, contents, opened, write_tar

MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
PICTURES = {f"{number:05d}.jpg": os.urandom(3_000) for number in range(50)}


def only(items: list[SourceItem]) -> SourceItem:
    (item,) = items
    return item


@pytest.mark.parametrize(("suffix", "mode"), MODES.items(), ids=list(MODES))
def test_members_are_read_from_any_kind_of_archive(tmp_path: Path, suffix: str, mode: str) -> None:
    archive = tmp_path / f"shard{suffix}"
    write_tar(archive, PICTURES, mode)

    items, skipped = opened(archive)

    assert not skipped
    assert {item.root for item in items} == {str(archive)}
    assert contents(items) == {f"{archive}!/{name}": data for name, data in PICTURES.items()}


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_members_are_read_by_many_threads_in_any_order_more_than_once(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "indexer.sources.seekable_streams._CHUNK", 4_096
    )  # the window holds a third of all
    archive = tmp_path / f"shard{suffix}"
    files = {f"{number:05d}.jpg": os.urandom(3_000) for number in range(300)}
    write_tar(archive, files, MODES[suffix])
    items, _ = opened(archive)
    asked = items[::3] + items[::-7] + items[:20]

    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda item: item.read(ENOUGH), asked))

    assert read == [files[item.stamp.uri.partition("!/")[2]] for item in asked]


def test_an_archive_is_known_by_its_bytes_and_not_its_suffix(tmp_path: Path) -> None:
    write_tar(tmp_path / "packed.tar", {"1.jpg": b"1"}, "w:gz")
    write_tar(tmp_path / "plain.tar.gz", {"2.jpg": b"2"})

    items, skipped = opened(tmp_path / "packed.tar", tmp_path / "plain.tar.gz")

    assert (sorted(contents(items).values()), skipped) == ([b"1", b"2"], [])


def test_a_stamp_changes_with_the_archive_and_the_place_in_it(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    write_tar(archive, {"1.jpg": b"same", "2.jpg": b"same"})
    first, second = (item.stamp for item in opened(archive)[0])
    again, _ = (item.stamp for item in opened(archive)[0])
    os.utime(archive, ns=(0, 1))
    touched, _ = (item.stamp for item in opened(archive)[0])

    assert first == again
    assert first.size == 4
    assert len({first.version, second.version, touched.version}) == 3


def test_only_pictures_that_are_not_hidden_are_considered(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    names = ["a/1.JPG", "no-suffix", "z.heic", "notes.md", ".hidden.jpg", "._1.jpg", ".git/1.jpg"]
    write_tar(archive, dict.fromkeys(names, b"x"))

    items, skipped = opened(archive)

    assert [item.stamp.uri for item in items] == [f"{archive}!/{name}" for name in names[:3]]
    assert not skipped


def test_names_are_tidied_of_the_folder_that_was_packed(tmp_path: Path) -> None:
    write_tar(tmp_path / "shard.tar", {"./a/1.jpg": b"x"})

    assert only(opened(tmp_path / "shard.tar")[0]).stamp.uri == f"{tmp_path}/shard.tar!/a/1.jpg"


def test_a_member_name_that_is_not_utf_8_becomes_a_url(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    with tarfile.open(archive, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as file:
        add(file, "café.jpg", b"x")

    item = only(opened(archive)[0])

    assert item.stamp.uri == f"{archive.as_uri()}!/caf%E9.jpg"
    assert item.read(ENOUGH) == b"x"


# --- what lies beside a picture ------------------------------------------------------------------


def test_what_lies_beside_a_picture_becomes_its_details(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    sidecar = (
        b'{"uploader": "ann", "created_at": "2026-01-02T03:04:05+01:00", "bank": "known",'
        b' "url": "https://host/1", "width": 7}'
    )
    beside = {"a/1.cls": b"3\n", "a/1.jpg": b"x", "a/1.json": sidecar, "a/1.txt": b"a cat"}
    write_tar(archive, beside | {"a/2.jpg": b"y"})

    (first, second), skipped = opened(archive)

    assert not skipped
    assert (first.bank, second.bank, second.details) == ("known", None, SourceDetails())
    assert first.details == SourceDetails(
        label="3",
        uploader="ann",
        created_at=datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC),
        metadata={"text": "a cat", "url": "https://host/1", "width": 7},
    )


@pytest.mark.parametrize(
    "sidecar",
    [b"{", b"[]", b"\xff", b'{"created_at": "tomorrow"}', b'{"a": "\\ud800"}', b"[" * 100_000],
    ids=["cut", "list", "not text", "no date", "no unicode", "deep"],
)
def test_a_sidecar_that_cannot_be_used_does_not_lose_the_picture(
    tmp_path: Path, sidecar: bytes
) -> None:
    archive = tmp_path / "shard.tar"
    write_tar(archive, {"1.cls": b"3", "1.jpg": b"x", "1.json": sidecar, "1.txt": b"a cat"})

    (item,), (skipped,) = opened(archive)

    assert (skipped.uri, skipped.code) == (f"{archive}!/1.json", "invalid_metadata")
    assert item.details == SourceDetails(label="3", metadata={"text": "a cat"})


def test_numbered_frames_that_share_a_key_are_not_held_back(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    write_tar(archive, {f"frame.{number}.jpg": b"x" for number in range(200)})

    items, _ = opened(archive)

    assert len(items) == 200


# --- hostile and damaged archives ----------------------------------------------------------------


def special(archive: tarfile.TarFile, name: str, kind: bytes, target: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    archive.addfile(member)


def test_members_that_are_no_ordinary_files_are_skipped_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as archive:
        special(archive, "folder", tarfile.DIRTYPE)
        special(archive, "soft.jpg", tarfile.SYMTYPE, "/etc/passwd")
        special(archive, "hard.jpg", tarfile.LNKTYPE, "good.jpg")
        special(archive, "null", tarfile.CHRTYPE)
        special(archive, "pipe.jpg", tarfile.FIFOTYPE)
        add(archive, "../escape.jpg", b"x")
        add(archive, "/etc/absolute.jpg", b"x")
        add(archive, "good.jpg", b"x")

    items, skipped = opened(path)

    assert [item.stamp.uri for item in items] == [f"{path}!/good.jpg"]
    assert {item.code for item in skipped} == {"unsafe_member"}
    assert [item.uri.partition("!/")[2] for item in skipped] == [
        "soft.jpg", "hard.jpg", "null", "pipe.jpg", "../escape.jpg", "/etc/absolute.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.99])
def test_a_truncated_archive_gives_what_is_whole_and_says_so(
    tmp_path: Path, suffix: str, kept: float
) -> None:
    archive = tmp_path / f"shard{suffix}"
    files = {f"{n:03d}.jpg": os.urandom(100_000) for n in range(40)}
    write_tar(archive, files, MODES[suffix])
    os.truncate(archive, int(archive.stat().st_size * kept))

    items, skipped = opened(archive)

    assert contents(items) == {
        f"{archive}!/{name}": data for name, data in list(files.items())[: len(items)]
    }
    assert 40 * kept - 2 <= len(items) <= 40
    assert [(item.uri, item.code) for item in skipped] == [(str(archive), "damaged_archive")]


def test_an_archive_cut_between_two_members_is_not_taken_for_whole(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    write_tar(archive, {"1.jpg": b"x", "2.jpg": b"y"})
    os.truncate(archive, 2 * 1_024)

    items, (skipped,) = opened(archive)

    assert len(items) == 2
    assert "end marker" in skipped.message


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    archive = tmp_path / "shard.tar"
    write_tar(archive, {"1.jpg": b"x", "2.jpg": b"y", "3.jpg": b"z"})
    with archive.open("r+b") as file:
        file.seek(1_024)
        file.write(b"garbage")

    items, skipped = opened(archive)

    assert [item.code for item in skipped] == ["damaged_archive"]
    assert list(contents(items).values()) == [b"x"]


@pytest.mark.parametrize(
    "data",
    [b"", b"not a tar" * 200, gzip.compress(b"not a tar" * 200)],
    ids=["empty", "text", "compressed text"],
)
def test_what_is_no_archive_is_skipped(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "shard.tar").write_bytes(data)

    items, (skipped,) = opened(tmp_path / "shard.tar")

    assert (items, skipped.code) == ([], "damaged_archive")


def test_an_archive_of_nothing_is_whole(tmp_path: Path) -> None:
    write_tar(tmp_path / "shard.tar", {})

    assert opened(tmp_path / "shard.tar") == ([], [])


def test_zstandard_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "shard.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)

    with pytest.raises(UnreadableSource, match="zstd -d"):
        opened(tmp_path / "shard.tar.zst")


def bomb_of_headers() -> bytes:
    """Return an archive whose extended header alone is 1 GB of zeros."""
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = tarfile.XHDTYPE, 2**30
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(2**20)
    data = packer.compress(member.tobuf())
    return data + b"".join(packer.compress(block) for _ in range(1_024)) + packer.flush()


def test_a_header_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "bomb.tar.gz").write_bytes(bomb_of_headers())
    tracemalloc.start()
    items, (skipped,) = opened(tmp_path / "bomb.tar.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (items, skipped.code) == ([], "damaged_archive")
    assert peak < 100 * 2**20


def test_headers_nested_without_end_are_no_crash(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x" * 150 + "/x.jpg")
    long_name = member.tobuf(tarfile.GNU_FORMAT)[:1_024]
    (tmp_path / "deep.tar").write_bytes(long_name * 5_000)

    items, (skipped,) = opened(tmp_path / "deep.tar")

    assert (items, skipped.code) == ([], "damaged_archive")


@given(st.data())
def test_no_damage_raises_and_no_damage_goes_unsaid(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    write_tar(buffer, {"a/1.jpg": b"1" * 700, "a/1.json": b"{}", "a/2.jpg": b"2" * 600})
    raw = bytearray(buffer.getvalue()[: 8 * 512])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    path = Path(f"/dev/shm/lookalike-{os.getpid()}.tar")  # noqa: S108 -- ours alone
    path.write_bytes(raw)
    try:
        items, skipped = opened(path)
        for item in items:
            item.read(ENOUGH)
    finally:
        path.unlink()

    assert "damaged_archive" in {item.code for item in skipped}  # its end mark was cut off


# --- reading -------------------------------------------------------------------------------------


def test_a_member_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "shard.tar", {"1.jpg": b"12345"})
    item = only(opened(tmp_path / "shard.tar")[0])

    assert item.read(5) == b"12345"
    with pytest.raises(ImageTooLarge, match="LOOKALIKE_MAX_IMAGE_BYTES"):
        item.read(4)


@pytest.mark.parametrize("change", [lambda p: os.utime(p, ns=(0, 1)), lambda p: os.truncate(p, 10)])
def test_an_archive_changed_while_it_is_read_is_not_trusted(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    write_tar(tmp_path / "shard.tar", {"1.jpg": b"12345"})
    item = only(opened(tmp_path / "shard.tar")[0])
    change(tmp_path / "shard.tar")

    with pytest.raises(UnreadableSource, match="changed while"):
        item.read(ENOUGH)


@pytest.mark.parametrize(("suffix", "count"), [(".tar", 50), (".tar.gz", None)])
def test_only_an_archive_that_is_quick_to_list_is_counted(
    tmp_path: Path, suffix: str, count: int | None
) -> None:
    write_tar(tmp_path / f"shard{suffix}", PICTURES, MODES[suffix])

    assert count_sources([str(tmp_path / f"shard{suffix}")], Settings()) == count


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_stays_open_once_the_members_are_gone(tmp_path: Path) -> None:
    for suffix in (".tar", ".tar.gz"):
        write_tar(tmp_path / f"shard{suffix}", PICTURES, MODES[suffix])
    before = open_files()

    for _ in range(20):
        items, _ = opened(tmp_path / "shard.tar", tmp_path / "shard.tar.gz")
        contents(items)
        del items

    assert open_files() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "members", "most"),
    [
        pytest.param(".tar", 10_000, 2, marks=pytest.mark.long),
        (".tar.gz", extent(2_500, 10_000), 80),
    ],
)
def test_thousands_of_members_take_no_more_memory_than_a_window(
    tmp_path: Path, suffix: str, members: int, most: int
) -> None:
    archive = tmp_path / f"shard{suffix}"
    data = bytes(200_000_000 // members)
    with tarfile.open(
        archive, MODES[suffix], **({"compresslevel": 1} if "gz" in suffix else {})
    ) as tar:
        for number in range(members):
            add(tar, f"{number:06d}.jpg", data)
    tracemalloc.start()
    read = 0
    for item in open_sources([str(archive)], Settings()):
        assert isinstance(item, SourceItem)
        read += len(item.read(ENOUGH))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read == members * len(data)
    assert peak < most * 2**20
