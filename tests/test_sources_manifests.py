"""Manifests and lists: each row finds its picture, and a bad one only loses itself."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from indexer.errors import UnreadableSource
from indexer.settings import Settings
from indexer.sources import count_sources
from indexer.sources.manifest_rows import InvalidRow, Row, row_of
from indexer.sources.manifest_tables import UnreadableRow, read_list, read_table
from indexer.types import SourceDetails
from support.sources import ENOUGH, contents, opened

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROW = {"uri": "a/1.jpg", "bank": "known", "label": "cat", "uploader": "ann", "created_at": WHEN}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.jpg", "a/2.jpg", "3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write a manifest of the kind that its suffix says."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".csv":
        path.write_bytes(as_csv(rows))
    else:
        path.write_bytes(as_json_lines(rows))
    return path


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(k for row in rows for k in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def as_json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(row, default=datetime.isoformat) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "ndjson", "manifest", "parquet"])
def test_a_manifest_gives_pictures_with_what_it_says_of_them(folder: Path, kind: str) -> None:
    manifest = write(
        folder / f"list.{kind}", [ROW | {"camera": "X1", "note": None}, {"uri": "3.jpg"}]
    )

    (first, second), skipped = opened(manifest)

    assert not skipped
    assert contents([first, second]) == {
        str(folder / name): name.encode() for name in ("a/1.jpg", "3.jpg")
    }
    assert (first.root, first.bank) == (str(manifest), "known")
    assert first.details == SourceDetails("cat", "ann", WHEN, {"camera": "X1"})
    assert (second.bank, second.details) == (None, SourceDetails())
    assert first.stamp.version == str((folder / "a/1.jpg").stat().st_mtime_ns)


@pytest.mark.parametrize("column", ["uri", "source-ref", "path", "url"])
def test_a_picture_may_be_named_by_any_of_these_columns(folder: Path, column: str) -> None:
    for suffix in (".csv", ".jsonl", ".parquet"):
        (item,), _ = opened(write(folder / f"list{suffix}", [{"id": 7, column: "3.jpg"}]))
        assert item.stamp.uri == str(folder / "3.jpg")
        assert item.details.metadata in ({"id": 7}, {"id": "7"})


def test_names_are_relative_to_the_manifest_and_not_to_the_caller(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write(folder / "a" / "list.csv", [{"uri": "1.jpg"}, {"uri": "../3.jpg"}])
    monkeypatch.chdir("/")

    items, _ = opened(manifest)

    assert [item.stamp.uri for item in items] == [str(folder / "a/1.jpg"), str(folder / "3.jpg")]


def test_a_bad_row_is_named_with_its_line_and_the_rest_goes_on(folder: Path) -> None:
    manifest = folder / "list.csv"
    manifest.write_text(
        "uri,label,created_at\n"
        "a/1.jpg,one,\n"
        ",nameless,\n"
        "a/2.jpg,two,yesterday\n"
        '3.jpg,"two\nlines",\n'
        "3.jpg,too,many,cells\n"
        "gone.jpg,,\n"
        "a,,\n"
        "3.jpg,last,\n"
    )

    items, skipped = opened(manifest)

    assert [item.details.label for item in items] == ["one", "two\nlines", "last"]
    assert [(item.uri, item.code) for item in skipped] == [
        (f"{manifest}:3", "invalid_metadata"),
        (f"{manifest}:4", "invalid_metadata"),
        (f"{manifest}:7", "invalid_metadata"),
        (str(folder / "gone.jpg"), "unreadable_source"),
        (str(folder / "a"), "unreadable_source"),
    ]
    assert f"(Row 8 of {manifest}.)" in skipped[3].message


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"\xff",
        b'{"label": "no name"}',
        b'{"uri": 7}',
        b'{"uri": "3.jpg", "label": [1]}',
        b'{"uri": "3.jpg", "created_at": 1735689600}',
        b'{"uri": "3.jpg", "created_at": "0001-01-01T00:00:00+14:00"}',
        b'{"uri": "3.jpg", "note": "\\u0000"}',
        b'{"uri": "3.jpg", "\\ud800": 1}',
        b'{"uri": "a\\u0000b"}',
        b'{"uri": "\\ud800"}',
        b'{"uri": "file://host/3.jpg"}',
        b'{"uri": "3.jpg", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"uri": "3.jpg", "long": "' + b"x" * 2**21 + b'"}',
        b'{"uri": "3.jpg", "number": ' + b"9" * 5_000 + b"}",
    ],
    ids=range(16),
)
def test_a_line_that_cannot_be_used_is_named_and_the_next_one_read(
    folder: Path, line: bytes
) -> None:
    manifest = folder / "list.jsonl"
    manifest.write_bytes(b'\n{"uri": "a/1.jpg"}\n' + line + b'\n{"uri": "3.jpg"}\n')

    items, skipped = opened(manifest)

    assert [item.stamp.uri for item in items] == [str(folder / "a/1.jpg"), str(folder / "3.jpg")]
    assert [(item.uri, item.code) for item in skipped] == [(f"{manifest}:3", "invalid_metadata")]
    assert skipped[0].message.encode()


def test_a_name_that_is_not_utf_8_is_found_by_csv_and_by_json(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    rows = [{"uri": os.fsdecode(b"caf\xe9.jpg")}]

    for suffix in (".csv", ".jsonl"):
        (item,), skipped = opened(write(tmp_path / f"list{suffix}", rows))
        assert (item.stamp.uri, skipped) == (Path(os.fsdecode(raw)).as_uri(), [])
        assert item.read(ENOUGH) == b"x"


def test_metadata_of_parquet_becomes_what_json_holds(folder: Path) -> None:
    row = {
        "uri": b"3.jpg",
        "picture": b"\xff\xd8",
        "nested": {"bytes": b"\x00", "width": 7},
        "tags": ["a", "b"],
        "seen": WHEN,
        "day": date(2026, 1, 2),
        "price": Decimal("1.50"),
        "score": float("nan"),
        "created_at": datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
    }

    (item,), skipped = opened(write(folder / "list.parquet", [row]))

    assert not skipped
    assert item.details.created_at == WHEN
    assert item.details.metadata == {
        "tags": ["a", "b"],
        "seen": "2026-01-02T03:04:05+00:00",
        "day": "2026-01-02",
        "price": "1.50",
        "score": None,
    }


def test_a_damaged_row_group_loses_its_rows_and_no_others(folder: Path) -> None:
    path = folder / "list.parquet"
    names = [f"{number:05d}.jpg" for number in range(3_000)]
    table = pa.table({"uri": names})
    parquet.write_table(table, path, row_group_size=1_000, use_dictionary=False, compression="NONE")
    column = parquet.read_metadata(path).row_group(1).column(0)
    with path.open("r+b") as file:
        file.seek(column.data_page_offset)
        file.write(bytes(200))

    rows = list(read_table("parquet", io.BytesIO(path.read_bytes())))

    good = [number for number, row in rows if not isinstance(row, UnreadableRow)]
    assert good == [*range(1, 1_001), *range(2_001, 3_001)]
    assert [number for number, row in rows if isinstance(row, UnreadableRow)] == [1_001]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_that_names_no_pictures_is_refused_at_once(folder: Path, kind: str) -> None:
    write(folder / f"list.{kind}", [{"picture": "3.jpg"}])

    with pytest.raises(UnreadableSource, match=r"'picture'.*uri, source-ref, path or url"):
        opened(folder / f"list.{kind}")


def test_a_table_that_is_no_parquet_is_refused_at_once(folder: Path) -> None:
    (folder / "list.parquet").write_bytes(b"not a table")

    with pytest.raises(UnreadableSource, match="not a valid Parquet file"):
        opened(folder / "list.parquet")


def test_a_manifest_is_counted_by_its_rows(folder: Path) -> None:
    write(folder / "list.csv", [{"uri": "3.jpg"}] * 5)

    assert count_sources([str(folder / "list.csv"), str(folder / "a")], Settings()) == 7


# --- lists on stdin ------------------------------------------------------------------------------


def test_a_list_on_stdin_names_one_picture_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    lines = f"a/1.jpg\r\n\n{folder}/3.jpg\n{(folder / 'a/2.jpg').as_uri()}".encode()

    items, skipped = opened("-", stdin=lines)

    assert not skipped
    assert {item.root for item in items} == {"-"}
    assert list(contents(items).values()) == [b"a/1.jpg", b"3.jpg", b"a/2.jpg"]
    assert count_sources(["-"], Settings()) is None


def test_a_list_of_nuls_may_name_anything_a_file_can_be_called(tmp_path: Path) -> None:
    names = [b"line\nbreak.jpg", b"\xff.jpg", b'{"uri": 1}', b" ", b"cr\r"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    paths = [os.fsencode(tmp_path) + b"/" + name for name in names]

    items, skipped = opened("-", stdin=b"\0".join(paths) + b"\0")

    assert not skipped
    assert list(contents(items).values()) == names


def test_a_list_may_hold_json_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "{odd}.jpg").write_bytes(b"odd")

    items, _ = opened("-", stdin=b'{"source-ref": "3.jpg", "label": "x"}\n{odd}.jpg\n')

    assert [item.details.label for item in items] == ["x", None]
    assert items[1].read(ENOUGH) == b"odd"


# --- whatever is written is read back -------------------------------------------------------------

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
names = text.filter(bool)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
extra = st.dictionaries(names.map("x_{}".format), text, max_size=3)


def expected(row: Mapping[str, Any], number: int) -> Row:
    free = {k: v for k, v in row.items() if k.startswith("x_") and v not in {None, ""}}
    details = SourceDetails(row["label"] or None, None, row["created_at"], free)
    return Row(number, row["uri"], None, details)


rows_of_texts = st.fixed_dictionaries({"uri": names, "label": text, "created_at": moments}).flatmap(
    lambda row: extra.map(lambda more: row | more)
)


@given(st.lists(rows_of_texts, min_size=1, max_size=5))
def test_json_lines_give_back_what_was_written(rows: list[dict[str, Any]]) -> None:
    read = read_table("jsonl", io.BytesIO(as_json_lines(rows)))

    assert [row_of(number, columns) for number, columns in read if isinstance(columns, dict)] == [
        expected(row, number) for number, row in enumerate(rows, 1)
    ]


@given(st.lists(rows_of_texts, min_size=1, max_size=5))
@example([{"uri": "0", "label": "", "created_at": datetime(2000, 1, 1, tzinfo=UTC), "x_\n": "1"}])
def test_csv_gives_back_what_was_written(rows: list[dict[str, Any]]) -> None:
    read = [columns for _, columns in read_table("csv", io.BytesIO(as_csv(rows)))]

    assert [row_of(0, columns) for columns in read if isinstance(columns, dict)] == [
        expected(row, 0) for row in rows
    ]


@given(st.lists(rows_of_texts, min_size=1, max_size=5))
def test_parquet_gives_back_what_was_written(rows: list[dict[str, Any]]) -> None:
    every = dict.fromkeys(name for row in rows for name in row)
    buffer = io.BytesIO()
    parquet.write_table(pa.table({name: [row.get(name) for row in rows] for name in every}), buffer)

    read = read_table("parquet", io.BytesIO(buffer.getvalue()))

    assert [row_of(number, columns) for number, columns in read if isinstance(columns, dict)] == [
        expected(row, number) for number, row in enumerate(rows, 1)
    ]


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name), min_size=1))
def test_a_list_of_nuls_gives_back_what_was_written(paths: list[bytes]) -> None:
    read = read_list(io.BytesIO(b"".join(path + b"\0" for path in paths)))

    assert [columns["uri"].encode("utf-8", "surrogateescape") for _, columns in read
            if isinstance(columns, dict)] == paths  # fmt: skip


@given(st.binary(), st.sampled_from(["csv", "jsonl"]))
def test_any_bytes_are_rows_or_a_named_fault(data: bytes, kind: str) -> None:
    try:
        for number, columns in read_table(kind, io.BytesIO(b"uri\n" * (kind == "csv") + data)):
            if not isinstance(columns, UnreadableRow):
                row_of(number, columns)
    except (InvalidRow, UnreadableSource):
        pass
