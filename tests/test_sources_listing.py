"""SOURCE arguments: each is taken for what it is, or refused at once."""

from pathlib import Path

import pytest

from indexer.errors import UnreadableSource
from indexer.settings import Settings
from indexer.sources import container_of, count_sources, would_find
from indexer.sources.patterns import expand_braces
from support.sources import ENOUGH, opened, write_tar


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "a/1.jpg",
        "a/b/2.jpg",
        "a/b/3.PNG",
        "c/4.jpg",
        "5.jpg",
        ".h/6.jpg",
        "a/notes.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def found(folder: Path, *specs: str | Path) -> list[str]:
    """Return what is found, relative to the folder."""
    items, skipped = opened(*specs)
    assert not skipped
    return [str(Path(item.stamp.uri).relative_to(folder)) for item in items]


def test_a_folder_gives_its_pictures_and_itself_as_their_root(folder: Path) -> None:
    items, _ = opened(folder)

    assert len(items) == 5
    assert {item.root for item in items} == {str(folder)}
    assert items[0].read(ENOUGH) == b"5.jpg"


def test_a_file_named_on_its_own_is_its_own_root(folder: Path) -> None:
    (item,), _ = opened(folder / "a/notes.txt")

    assert item.root == item.stamp.uri == str(folder / "a/notes.txt")


def test_archives_and_manifests_in_a_folder_are_not_opened(folder: Path) -> None:
    before = found(folder, folder)
    write_tar(folder / "shard.tar", {"1.jpg": b"x"})
    (folder / "list.csv").write_text("uri\n5.jpg\n")

    assert found(folder, folder) == before


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jpg", ["5.jpg"]),
        ("a/*", ["a/1.jpg"]),
        ("*/*.jpg", ["a/1.jpg", "c/4.jpg"]),
        ("a/**/*.jpg", ["a/1.jpg", "a/b/2.jpg"]),
        ("a/**", ["a/1.jpg", "a/b/2.jpg", "a/b/3.PNG"]),
        ("**/[2-3].*", ["a/b/2.jpg", "a/b/3.PNG"]),
        ("?/?.jpg", ["a/1.jpg", "c/4.jpg"]),
        ("a/*.txt", ["a/notes.txt"]),
        (".h/*.jpg", [".h/6.jpg"]),
        ("{a,c}/*.jpg", ["a/1.jpg", "c/4.jpg"]),
    ],
)
def test_a_pattern_finds_files_by_name_order(
    folder: Path, pattern: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    assert found(folder, pattern) == found(folder, folder / pattern) == names
    assert count_sources([pattern], Settings()) == len(names)


def test_a_pattern_does_not_follow_links_to_any_depth(folder: Path) -> None:
    (folder / "a" / "back").symlink_to(folder)

    assert found(folder, folder / "**/1.jpg") == ["a/1.jpg"]
    assert found(folder, folder / "a/back/5*") == ["a/back/5.jpg"]


def test_a_name_with_brackets_is_a_name_first(folder: Path) -> None:
    (folder / "1[x]{a,b}.jpg").write_bytes(b"")

    assert found(folder, folder / "1[x]{a,b}.jpg") == ["1[x]{a,b}.jpg"]


def test_a_pattern_opens_the_archives_that_it_names(folder: Path) -> None:
    for number in (1, 2):
        write_tar(folder / f"{number}.tar", {"x.jpg": b"x"})
    (folder / "3.tar").write_bytes(b"\x28\xb5\x2f\xfd")

    items, (skipped,) = opened(folder / "*.tar")

    assert [item.root for item in items] == [str(folder / "1.tar"), str(folder / "2.tar")]
    assert skipped.uri == str(folder / "3.tar")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x", ["x"]),
        ("{08..11}.tar", ["08.tar", "09.tar", "10.tar", "11.tar"]),
        ("{2..1}", ["2", "1"]),
        ("{a,b}{1..2}", ["a1", "a2", "b1", "b2"]),
        ("{x}", ["{x}"]),
        ("a{,.gz}", ["a", "a.gz"]),
    ],
)
def test_braces_are_written_out(text: str, names: list[str]) -> None:
    assert list(expand_braces(text)) == names


def test_one_missing_shard_of_a_range_is_refused_at_once(folder: Path) -> None:
    write_tar(folder / "1.tar", {"x.jpg": b"x"})

    with pytest.raises(UnreadableSource, match=r"2\.tar"):
        opened(folder / "{1..2}.tar")


@pytest.mark.parametrize(
    "spec",
    [
        "gone.jpg",
        "gone/*.jpg",
        "*.gone",
        "**/*.gone",
        "file://elsewhere/1.jpg",
        "file:///gone",
        "\0",
    ],
)
def test_what_does_not_exist_is_refused_at_once(
    folder: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    with pytest.raises(UnreadableSource):
        opened(folder, spec)


def test_a_file_url_names_a_path(folder: Path) -> None:
    odd = folder / "a" / "50% of #1?.jpg"
    odd.write_bytes(b"odd")

    (item,), _ = opened(odd.as_uri())

    assert (item.stamp.uri, item.read(ENOUGH)) == (str(odd), b"odd")


def test_counting_is_left_out_where_it_costs_as_much_as_reading(folder: Path) -> None:
    write_tar(folder / "x.tgz", {"1.jpg": b""}, "w:gz")

    assert count_sources([str(folder)], Settings()) == 5
    assert count_sources([str(folder), str(folder / "x.tgz")], Settings()) is None
    assert count_sources([str(folder / "*.tgz")], Settings()) is None


@pytest.mark.parametrize(
    ("uri", "container"),
    [
        ("/in/shard.tar!/a/1.jpg", "/in/shard.tar"),
        ("s3://bucket/shard.tar.gz!/odd!/1.jpg", "s3://bucket/shard.tar.gz"),
        ("file:///in/x.tar!/caf%E9.jpg", "file:///in/x.tar"),
        ("/in/wow!/1.jpg", "/in/wow!/1.jpg"),
        ("/in/wow!/x.tgz!/1.jpg", "/in/wow!/x.tgz"),
        ("/in/1.jpg", "/in/1.jpg"),
    ],
)
def test_a_member_is_found_in_its_archive(uri: str, container: str) -> None:
    assert container_of(uri) == container


@pytest.mark.parametrize(
    ("root", "uri", "answer"),
    [
        ("/in", "/in/a/1.jpg", True),
        ("/in", "/in/a/no-suffix", True),
        ("/", "/in/1.jpg", True),
        ("/in", "/inner/1.jpg", False),
        ("/in", "/in", False),
        ("/in", "/in/notes.txt", False),
        ("/in", "/in/.hidden/1.jpg", False),
        ("/in", "/in/shard.tar!/1.jpg", False),
        ("/in/shard.tar", "/in/shard.tar!/1.jpg", True),
        ("/in/shard.tar", "/in/shard.tar.gz!/1.jpg", False),
        ("/ü", "file:///%C3%BC/caf%E9.jpg", True),
        ("/in/x.tar", "file:///in/x.tar!/caf%E9.jpg", True),
        ("s3://bucket/in", "s3://bucket/in/1.jpg", True),
        ("s3://bucket/in", "s3://bucket/inner/1.jpg", False),
        ("/in/list.csv", "/in/1.jpg", False),
        ("-", "/in/1.jpg", False),
    ],
)
def test_a_root_answers_for_what_it_would_find(root: str, uri: str, *, answer: bool) -> None:
    assert would_find(root, uri) is answer


def test_a_root_answers_for_all_that_it_finds(folder: Path) -> None:
    write_tar(folder / "x.tar", {"1.jpg": b"x"})

    for spec in (folder, folder / "x.tar"):
        items, _ = opened(spec)
        assert all(would_find(item.root, item.stamp.uri) for item in items)
