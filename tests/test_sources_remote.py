"""Object stores and web servers: fetched only when allowed, listed in pages, tried again."""

import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from indexer.errors import ImageTooLarge, UnreadableSource
from indexer.settings import Settings
from indexer.sources import count_sources
from support.servers import FlakyFileSystem, running_s3, running_web
from support.sources import ENOUGH, contents, opened, write_tar

fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with running_s3() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give an empty bucket `pictures` on a server that speaks S3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = boto3.resource("s3").create_bucket(Bucket="pictures")
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[FlakyFileSystem]:
    monkeypatch.setattr(FlakyFileSystem, "failures", Counter())
    monkeypatch.setattr(FlakyFileSystem, "store", {})
    FlakyFileSystem().pipe({"/p/1.jpg": b"1", "/p/2.jpg": b"2"})
    return FlakyFileSystem


def put(bucket: Any, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        bucket.put_object(Key=name, Body=data)


def tar_of(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    write_tar(buffer, files, mode)
    return buffer.getvalue()


def test_nothing_is_fetched_unless_it_is_allowed() -> None:
    for url in ("s3://pictures/", "https://host/1.jpg", "memory://x", "HTTP://host/1.jpg"):
        with pytest.raises(UnreadableSource, match="LOOKALIKE_ALLOWED_PROTOCOLS"):
            opened(url)
    with pytest.raises(UnreadableSource, match="LOOKALIKE_ALLOWED_PROTOCOLS"):
        opened("http://host/1.jpg", allow="https")
    with pytest.raises(UnreadableSource, match="No such file"):  # fsspec's chains are not known
        opened("memory::http://host/1.jpg", allow="memory")


def test_a_row_whose_protocol_is_not_allowed_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("url\nhttps://host/1.jpg\n")

    _, (skipped,) = opened(tmp_path / "list.csv")

    assert (skipped.uri, skipped.code) == ("https://host/1.jpg", "unreadable_source")


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UnreadableSource) as caught:
        opened("https://ann:secret@host/1.jpg", allow="https")

    assert "secret" not in str(caught.value)


def test_a_protocol_without_its_package_says_what_to_install() -> None:
    with pytest.raises(UnreadableSource, match="nosuch"):
        opened("nosuch://host/1.jpg", allow="nosuch")


# --- S3 ------------------------------------------------------------------------------------------


def test_a_prefix_gives_all_pictures_beneath_it(bucket: Any) -> None:
    files = {"in/a/1.jpg": b"1", "in/2.PNG": b"2", "in/3": b"3"}
    others = {"in/notes.txt": b"", "in/.hidden/4.jpg": b"", "inner/5.jpg": b"", "in//6.jpg": b"6"}
    put(bucket, files | others)

    items, skipped = opened("s3://pictures/in/", allow="s3,gs")

    assert not skipped
    assert {item.root for item in items} == {"s3://pictures/in"}
    assert contents(items) == {
        f"s3://pictures/{name}": data for name, data in (files | {"in//6.jpg": b"6"}).items()
    }
    assert count_sources(["s3://pictures/in"], Settings(allowed_protocols="s3")) == 4


def test_a_listing_of_many_pages_is_complete_and_ordered(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    put(bucket, {f"in/{number:05d}.jpg": b"" for number in range(25)})

    items, _ = opened("s3://pictures", allow="s3")

    assert [item.stamp.uri for item in items] == [
        f"s3://pictures/in/{number:05d}.jpg" for number in range(25)
    ]


def test_a_stamp_is_the_same_by_listing_and_by_name_and_tells_a_change(bucket: Any) -> None:
    put(bucket, {"in/1.jpg": b"one"})
    (listed,), _ = opened("s3://pictures/in", allow="s3")
    (named,), _ = opened("s3://pictures/in/1.jpg", allow="s3")
    (matched,), _ = opened("s3://pictures/*/?.jpg", allow="s3")
    put(bucket, {"in/1.jpg": b"two"})
    (changed,), _ = opened("s3://pictures/in", allow="s3")

    assert listed.stamp == named.stamp == matched.stamp
    assert (listed.stamp.size, changed.stamp.size) == (3, 3)
    assert listed.stamp.version != changed.stamp.version


def test_what_is_not_in_the_bucket_is_refused_at_once(bucket: Any) -> None:
    put(bucket, {"in/1.jpg": b"1"})

    for url in (
        "s3://pictures/gone.jpg",
        "s3://pictures/gone/",
        "s3://nosuch/",
        "s3://pictures/*.x",
    ):
        with pytest.raises(UnreadableSource, match="does not exist"):
            opened(url, allow="s3")


def test_an_object_is_read_up_to_the_limit(bucket: Any) -> None:
    put(bucket, {"1.jpg": b"12345", "empty.jpg": b""})
    (item, empty), _ = opened("s3://pictures", allow="s3")

    assert (item.read(5), empty.read(5)) == (b"12345", b"")
    with pytest.raises(ImageTooLarge):
        item.read(4)


def test_an_object_deleted_after_it_was_listed_is_unreadable(bucket: Any) -> None:
    put(bucket, {"1.jpg": b"1"})
    (item,), _ = opened("s3://pictures", allow="s3")
    bucket.Object("1.jpg").delete()

    with pytest.raises(UnreadableSource, match="does not exist"):
        item.read(ENOUGH)


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_shards_of_a_bucket_are_streamed(
    bucket: Any, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "indexer.sources.seekable_streams._CHUNK", 4_096
    )  # most is read a second time
    monkeypatch.setattr("indexer.sources.seekable_streams._WINDOW", 4)
    mode = "w:gz" if suffix == "tar.gz" else "w"
    files = {f"{number:03d}.jpg": str(number).encode() * 500 for number in range(100)}
    shards = {
        f"shards/{n}.{suffix}": tar_of({"000.json": b'{"label": "x"}'} | files, mode)
        for n in (8, 9)
    }
    put(bucket, shards)

    items, skipped = opened(f"s3://pictures/shards/{{8..9}}.{suffix}", allow="s3")

    assert not skipped
    assert contents(items) == {
        f"s3://pictures/{shard}!/{name}": data for shard in shards for name, data in files.items()
    }
    assert items[0].details.label == "x"
    assert (
        count_sources([f"s3://pictures/shards/8.{suffix}"], Settings(allowed_protocols="s3"))
        is None
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_manifest_in_a_bucket_names_what_lies_beside_it(bucket: Any, kind: str) -> None:
    names = [
        "1.jpg",
        "s3://pictures/2.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "../up.jpg",
        "gone.jpg",
    ]
    text = "uri\n" if kind == "csv" else ""
    text += "".join(
        name + "\n" if kind == "csv" else f'{{"source-ref": "{name}"}}\n' for name in names
    )
    put(bucket, {"in/1.jpg": b"1", "2.jpg": b"2", f"in/list.{kind}": text.encode()})

    items, skipped = opened(f"s3://pictures/in/list.{kind}", allow="s3")

    assert contents(items) == {"s3://pictures/in/1.jpg": b"1", "s3://pictures/2.jpg": b"2"}
    assert {item.root for item in items} == {f"s3://pictures/in/list.{kind}"}
    assert [item.code for item in skipped] == ["invalid_metadata"] * 3 + ["unreadable_source"]


def test_a_local_manifest_keeps_its_order_while_servers_are_asked(
    bucket: Any, tmp_path: Path
) -> None:
    put(bucket, {f"{number}.jpg": b"" for number in range(150)})
    urls = [f"s3://pictures/{number}.jpg" for number in range(150)]
    (tmp_path / "list.csv").write_text("\n".join(["uri", *urls]))

    items, skipped = opened(tmp_path / "list.csv", allow="s3")

    assert [item.stamp.uri for item in items] == urls
    assert not skipped


def test_a_server_that_is_not_there_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    with pytest.raises(UnreadableSource, match="tried 4 times"):
        opened("s3://pictures/", allow="s3")


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["info", "ls", "cat_file"])
def test_a_fault_that_passes_is_not_noticed(flaky: type[FlakyFileSystem], method: str) -> None:
    flaky.failures[method] = 2

    items, skipped = opened("flaky://p", allow="flaky")

    assert not skipped
    assert contents(items) == {"flaky:///p/1.jpg": b"1", "flaky:///p/2.jpg": b"2"}


def test_a_listing_that_breaks_off_is_named_with_its_prefix(flaky: type[FlakyFileSystem]) -> None:
    flaky.failures["ls"] = 4

    items, (skipped,) = opened("flaky://p", allow="flaky")

    assert (items, skipped.uri, skipped.code) == ([], "flaky:///p", "unreadable_source")
    assert "tried 4 times" in skipped.message


def test_an_answer_that_stands_is_not_asked_for_again(
    flaky: type[FlakyFileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flaky, "error", PermissionError("Forbidden"))
    flaky.failures["cat_file"] = 1
    (item, _), _ = opened("flaky://p", allow="flaky")

    with pytest.raises(UnreadableSource, match="credentials"):
        item.read(ENOUGH)
    assert flaky.failures["cat_file"] == 0


# --- other protocols -----------------------------------------------------------------------------


def test_any_file_system_of_fsspec_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    MemoryFileSystem().pipe({"/p/b/1.jpg": b"1", "/p/2.jpg": b"2", "/p/.x/3.jpg": b"3"})

    items, _ = opened("memory://p", allow="memory")
    again, _ = opened("memory://p", allow="memory")

    assert contents(items) == {"memory:///p/2.jpg": b"2", "memory:///p/b/1.jpg": b"1"}
    assert [item.stamp for item in items] == [item.stamp for item in again]
    assert all(item.stamp.version for item in items)


def test_the_web_is_read_where_servers_know_no_ranges() -> None:
    pages = {
        "/1.jpg": b"12345",
        "/list.csv": b"uri,label\n1.jpg,one\ngone.jpg,\n",
        "/shard.tar": tar_of({"1.jpg": b"x"}),
        "/shard.tgz": tar_of({"2.jpg": b"y"}, "w:gz"),
    }
    with running_web(pages) as web:
        urls = [
            f"{web}{name}" for name in ("/1.jpg?size=5", "/list.csv", "/shard.tar", "/shard.tgz")
        ]
        items, (skipped,) = opened(*urls, allow="http")
        read = contents(items)
        (again, *_), _ = opened(urls[0], allow="http")
        with pytest.raises(ImageTooLarge):
            items[0].read(4)

    assert list(read.values()) == [b"12345", b"12345", b"x", b"y"]
    assert items[0].stamp == again.stamp
    assert items[0].stamp.version
    assert skipped.uri == f"{web}/gone.jpg"
    assert items[2].stamp.uri == f"{web}/shard.tar!/1.jpg"


def test_a_truncated_shard_of_a_bucket_gives_what_is_whole(bucket: Any) -> None:
    whole = tar_of({f"{number}.jpg": bytes(1_000) for number in range(10)})
    put(bucket, {"shard.tar": whole[: 6 * (tarfile.BLOCKSIZE + 1_024) + 700]})

    items, (skipped,) = opened("s3://pictures/shard.tar", allow="s3")

    assert len(contents(items)) == 6
    assert skipped.code == "damaged_archive"
