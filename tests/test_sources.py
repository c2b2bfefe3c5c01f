"""Walking and reading: everything that may be a picture is found, every obstacle is named."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from indexer.errors import ImageTooLarge, UnreadableSource
from indexer.sources import SourceFile, read, uri_of, walk
from indexer.types import SkippedSource

NOBODY = 65534
DEPTH = 1_500  # more than Python's default limit of 1,000 nested calls


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def found(*roots: Path, follow_links: bool = False) -> list[Path]:
    walked = walk(roots, follow_links=follow_links)
    return [item.path for item in walked if isinstance(item, SourceFile)]


def skipped(*roots: Path, follow_links: bool = False) -> list[SkippedSource]:
    walked = walk(roots, follow_links=follow_links)
    return [item for item in walked if isinstance(item, SkippedSource)]


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be an ordinary user for a while: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every user can reach, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with a picture `DEPTH` levels down."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=here)
        outer, here = here, os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(outer)
    os.close(os.open("1.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    yield tmp_path
    # Python 3.11's rmtree recurses: pytest could not clean this up.
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # noqa: S607


def test_pictures_are_found_at_any_depth_in_name_order(tmp_path: Path) -> None:
    names = ["b/deep/er/1.JPG", "b/2.png", "a.webp", "c.Tiff", "no-suffix", "z.heic"]
    touch(tmp_path, *names)
    assert found(tmp_path) == [
        tmp_path / name
        for name in ("a.webp", "b/2.png", "b/deep/er/1.JPG", "c.Tiff", "no-suffix", "z.heic")
    ]


def test_hidden_files_and_other_suffixes_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".hidden.jpg", ".folder/1.jpg", "notes.txt", "archive.zip")
    assert list(walk([tmp_path])) == []


def test_a_file_named_on_its_own_is_always_considered(tmp_path: Path) -> None:
    touch(tmp_path, "upload.tmp", ".hidden")
    assert found(tmp_path / "upload.tmp", tmp_path / ".hidden") == [
        tmp_path / "upload.tmp",
        tmp_path / ".hidden",
    ]


def test_a_stamp_tells_when_a_file_has_changed(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg")
    (before,) = walk([tmp_path])
    (again,) = walk([tmp_path])
    os.utime(tmp_path / "1.jpg", ns=(0, 1))
    (after,) = walk([tmp_path])
    assert before == again != after
    assert isinstance(after, SourceFile)
    assert (after.stamp.uri, after.stamp.size) == (str(tmp_path / "1.jpg"), 5)
    assert after.stamp.version == "1"


def test_a_relative_root_gives_absolute_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "in/1.jpg")
    monkeypatch.chdir(tmp_path / "in")
    assert found(Path()) == found(Path("../in")) == [tmp_path / "in" / "1.jpg"]


def test_a_missing_root_is_refused_before_anything_is_walked(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="Check the path"):
        walk([tmp_path, tmp_path / "missing"])


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.jpg", "real/notes.txt")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder.2026").symlink_to(tmp_path / "real")
    (root / "one.jpg").symlink_to(tmp_path / "real" / "1.jpg")
    (root / "two.jpg").symlink_to(root / "one.jpg")  # by way of a link that stays inside
    assert found(root, follow_links=True) == [
        root / "folder.2026" / "1.jpg",
        root / "one.jpg",
        root / "two.jpg",
    ]
    assert skipped(root, follow_links=True) == []
    assert found(root) == []
    assert {item.code for item in skipped(root)} == {"outside_link"}
    assert len(skipped(root)) == 3


def test_links_that_stay_inside_and_a_root_that_is_a_link_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "real/a/1.jpg", "real-not/2.jpg")
    (tmp_path / "real" / "b").symlink_to("a")
    (tmp_path / "real" / "c").symlink_to("../real-not")  # begins with the same letters
    root = tmp_path / "root"
    root.symlink_to("real")
    assert found(root) == [root / "a" / "1.jpg", root / "b" / "1.jpg"]
    assert [item.uri for item in skipped(root)] == [str(root / "c")]
    assert found(root / "a" / "1.jpg", tmp_path / "real" / "c") == [
        root / "a" / "1.jpg",
        tmp_path / "real" / "c" / "2.jpg",
    ]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "one/1.jpg", "two/2.jpg")
    (tmp_path / "one" / "over").symlink_to("../two")
    (tmp_path / "two" / "over").symlink_to("../one")
    assert [item.code for item in skipped(tmp_path / "one")] == ["outside_link"]
    for follow_links in (False, True):
        assert len(found(tmp_path, follow_links=follow_links)) == 4
    assert {item.code for item in skipped(tmp_path)} == {"directory_loop"}


def test_a_directory_loop_is_named_and_the_walk_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/b/2.jpg", "z.jpg")
    (tmp_path / "a" / "b" / "back").symlink_to(tmp_path / "a")
    assert len(found(tmp_path)) == 3
    (loop,) = skipped(tmp_path)
    assert (loop.uri, loop.code) == (str(tmp_path / "a/b/back"), "directory_loop")
    assert "leads back" in loop.message


def test_the_same_folder_by_two_links_is_no_loop(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.jpg")
    (tmp_path / "alias").symlink_to("real")
    assert found(tmp_path) == [tmp_path / "alias" / "1.jpg", tmp_path / "real" / "1.jpg"]
    assert skipped(tmp_path) == []


@pytest.mark.parametrize("name", ["gone.jpg", "album"])
def test_a_dangling_link_is_named_and_the_walk_goes_on(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "z.jpg")
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    assert found(tmp_path) == [tmp_path / "z.jpg"]
    assert [item.code for item in skipped(tmp_path)] == ["dangling_link"]


def test_a_link_to_itself_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    assert [item.code for item in skipped(tmp_path)] == ["unreadable_source"]


def test_a_folder_without_permission_is_named_and_the_walk_goes_on(open_folder: Path) -> None:
    touch(open_folder, "closed/1.jpg", "z.jpg")
    closed = open_folder / "closed"
    closed.chmod(0)
    try:
        with without_privileges():
            items = list(walk([open_folder]))
    finally:
        closed.chmod(0o755)
    refused, picture = items
    assert isinstance(refused, SkippedSource)
    assert (refused.uri, refused.code) == (str(closed), "unreadable_source")
    assert "permission" in refused.message
    assert isinstance(picture, SourceFile)


def test_a_file_without_permission_is_unreadable(open_folder: Path) -> None:
    touch(open_folder, "1.jpg")
    (open_folder / "1.jpg").chmod(0)
    with without_privileges(), pytest.raises(UnreadableSource, match="permission"):
        read(open_folder / "1.jpg", 100)


def test_a_pipe_is_skipped_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (item,) = skipped(tmp_path)
    assert (item.code, "not a regular file" in item.message) == ("unreadable_source", True)
    with pytest.raises(UnreadableSource, match="not a regular file"):
        read(tmp_path / "pipe.jpg", 100)


@pytest.mark.parametrize("path", [Path("/dev/zero"), Path("/dev"), Path("/dev/missing")])
def test_what_is_no_file_cannot_be_read(path: Path) -> None:
    with pytest.raises(UnreadableSource):
        read(path, 100)


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    touch(tmp_path, "12345")
    assert read(tmp_path / "12345", 5) == b"12345"
    with pytest.raises(ImageTooLarge, match="LOOKALIKE_MAX_IMAGE_BYTES"):
        read(tmp_path / "12345", 4)


def test_a_sparse_file_beyond_the_limit_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    path.touch()
    os.truncate(path, 2**40)
    with pytest.raises(ImageTooLarge):
        read(path, 2**20)


@pytest.mark.parametrize("name", ["with space.jpg", "line\nbreak.jpg", "ümlaut.jpg", "100%.jpg"])
def test_odd_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    (item,) = walk([tmp_path])
    assert isinstance(item, SourceFile)
    assert item.stamp.uri == str(tmp_path / name)
    assert read(item.path, 100) == name.encode()


def test_a_name_that_is_not_utf_8_becomes_a_url_that_a_database_can_hold(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    (item,) = walk([tmp_path])
    assert isinstance(item, SourceFile)
    assert item.stamp.uri.isascii()
    assert unquote_to_bytes(item.stamp.uri.removeprefix("file://")) == raw
    assert read(item.path, 100) == b"x"


def test_a_message_about_a_name_that_is_not_text_can_be_stored(tmp_path: Path) -> None:
    link = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.jpg"))
    link.symlink_to("nowhere")
    (item,) = skipped(tmp_path)
    assert item.uri == uri_of(link)
    assert item.message.encode()
    assert "\n" not in item.message


def test_folders_deeper_than_the_call_stack_are_walked(deep_folder: Path) -> None:
    (picture,) = found(deep_folder)
    assert len(picture.relative_to(deep_folder).parts) == DEPTH + 1
