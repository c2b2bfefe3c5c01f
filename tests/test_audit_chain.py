"""Whatever is done to the rows of a chain is found; by the recipe of docs/audit.md, too."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.audit_chain import ChainCheck, canonical, genesis, link, plain
from indexer.audit_verification import verify_export
from indexer.errors import AuditBroken, InputError, UnreadableSource
from indexer.runtime.actor import Actor
from indexer.types import AuditEvent, AuditHead, AuditRecord

LOG = "3f1c0c0e-6a51-4f0e-9f6e-0d4b1f1f6f2a"
START = AuditHead(LOG, 0, genesis(LOG))
RECIPE = Path(__file__).parents[1] / "docs" / "audit.md"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
details = st.dictionaries(
    texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


events = st.builds(
    AuditEvent,
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001
    actor=st.builds(Actor, st.sampled_from(["key", "user", "system"]), texts, st.none() | texts),
    request_id=st.none() | texts,
    action=texts,
    subject=texts,
    subject_id=st.none() | texts,
    detail=details,
)
keys = st.none() | st.binary(min_size=1, max_size=8)


def chain(count: int, key: bytes | None = None) -> list[AuditRecord]:
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    happened = [
        AuditEvent(moment, Actor("user", "ana"), None, "bank.edit", "bank", str(n), {"n": n})
        for n in range(count)
    ]
    return list(link(START, happened, key))


def check(
    records: list[AuditRecord], key: bytes | None = None, expected: AuditHead | None = None
) -> AuditHead:
    following = ChainCheck(LOG, key, expected)
    for record in records:
        following.take(record)
    return following.finish()


@given(st.lists(events, max_size=4), keys)
def test_what_was_chained_holds_and_reads_back_as_it_was(
    happened: list[AuditEvent], key: bytes | None
) -> None:
    records = list(link(START, happened, key))

    head = check(records, key)

    assert (head.number, head.hash) == (len(records), records[-1].hash if records else START.hash)
    for event, record in zip(happened, records, strict=True):
        assert json.loads(record.detail) == event.detail
        assert canonical(json.loads(record.detail)) == record.detail
        assert json.loads(canonical(plain(record))) == plain(record)


OTHER: dict[str, Callable[[Any], Any]] = {
    "number": lambda value: value + 1,
    "version": lambda value: value + 1,
    "at": lambda value: value + timedelta(microseconds=1),
    "actor": lambda value: replace(value, name=f"{value.name}x"),
    "request_id": lambda value: f"{value}x",
    "action": lambda value: f"{value}x",
    "subject": lambda value: f"{value}x",
    "subject_id": lambda value: None,  # noqa: ARG005
    "detail": lambda value: value.replace(":", ": "),
    "method": lambda value: "hmac-sha256" if value == "sha256" else "sha256",
    "previous": lambda value: value[::-1],
    "hash": lambda value: value[::-1],
}


def test_each_field_of_a_row_can_be_tampered_with() -> None:
    assert list(OTHER) == [field.name for field in fields(AuditRecord)]


@given(st.data(), st.sampled_from([None, b"secret"]))
def test_a_changed_row_is_found_whichever_field_it_is(
    data: st.DataObject, key: bytes | None
) -> None:
    records = chain(5, key)
    place = data.draw(st.integers(0, 4))
    name = data.draw(st.sampled_from(list(OTHER)))
    records[place] = replace(records[place], **{name: OTHER[name](getattr(records[place], name))})

    with pytest.raises(AuditBroken) as caught:
        check(records, b"secret")
    assert caught.value.number in {place + 1, place + 2}


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.booleans())
def test_rows_moved_removed_or_doubled_are_found(
    order: list[int],
    removed: set[int],
    doubled: bool,
) -> None:
    records = chain(6)
    kept = [records[place] for place in order if place not in removed]
    if doubled and kept:
        kept.insert(1, kept[0])

    if kept == records[: len(kept)]:  # a beginning of the log: only a head kept elsewhere tells
        check(kept)
        if len(kept) == len(records):
            return
    with pytest.raises(AuditBroken):
        check(kept, expected=AuditHead(LOG, 6, records[-1].hash))


@given(st.integers(0, 5))
def test_a_forged_row_that_is_chained_rightly_is_found_by_the_next(place: int) -> None:
    records = chain(6)
    before = AuditHead(LOG, place, records[place - 1].hash if place else START.hash)
    [forged] = link(before, [AuditEvent(records[0].at, Actor("user", "eve"), None, "x", "y")], None)

    with pytest.raises(AuditBroken):
        check([*records[:place], forged, *records[place:]])
    if place < 5:
        with pytest.raises(AuditBroken):
            check([*records[:place], forged, *records[place + 1 :]])


def test_a_log_written_anew_is_found_by_a_head_from_before() -> None:
    before = chain(3)[-1]
    anew = list(
        link(START, [AuditEvent(before.at, Actor("user", "eve"), None, "x", "y")] * 9, None)
    )

    check(anew)
    with pytest.raises(AuditBroken, match="row 3"):
        check(anew, expected=AuditHead("", 3, before.hash))


def test_a_row_without_the_key_after_one_with_it_is_found() -> None:
    sealed = chain(2, b"secret")
    head = AuditHead(LOG, 2, sealed[-1].hash)
    [forged] = link(head, [AuditEvent(sealed[0].at, Actor("user", "eve"), None, "x", "y")], None)

    for key in (None, b"secret"):
        with pytest.raises(AuditBroken, match=r"row 3.*without the key"):
            check([*sealed, forged], key)


# --- exports -------------------------------------------------------------------------------------


def written(folder: Path, records: list[AuditRecord]) -> Path:
    header = {"format": "lookalike audit 1", "log_id": LOG}
    header |= {"number": len(records), "hash": records[-1].hash}  # type: ignore[dict-item]
    path = folder / "audit.jsonl"
    path.write_text("".join(f"{canonical(row)}\n" for row in [header, *map(plain, records)]))
    return path


def prove(path: Path, key: bytes | None = None) -> AuditHead:
    return verify_export(path, key, None, lambda *_: None).head


def by_hand(path: Path) -> int:
    """Run the recipe of the docs."""
    [recipe] = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    with path.open() as export:
        done = subprocess.run([sys.executable, "-c", recipe], stdin=export, stderr=subprocess.PIPE)  # noqa: PLW1510 -- the caller looks
    return done.returncode


def test_an_export_is_verified_without_a_database_and_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path, chain(5))

    assert prove(path).number == 5
    assert by_hand(path) == 0


@pytest.mark.parametrize("line", [1, 3, 5])
def test_an_export_that_was_changed_is_refused(tmp_path: Path, line: int) -> None:
    path = written(tmp_path, chain(5))
    lines = path.read_text().splitlines()
    lines[line] = lines[line].replace('"ana"', '"eve"')
    path.write_text("\n".join(lines))

    with pytest.raises(AuditBroken, match=f"row {line}:"):
        prove(path)
    assert by_hand(path)


@pytest.mark.parametrize("keep", [0, 3, 5])
def test_an_export_whose_end_is_missing_is_refused(tmp_path: Path, keep: int) -> None:
    path = written(tmp_path, chain(6))
    path.write_text("\n".join(path.read_text().splitlines()[: keep + 1]))

    with pytest.raises(AuditBroken, match="had 6 rows"):
        prove(path)
    assert by_hand(path)


@pytest.mark.parametrize("row", ["", "[]", "{}", '{"number": "x"}', "{", "null"])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, row: str) -> None:
    path = written(tmp_path, chain(3))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], row, *lines[3:]]))

    with pytest.raises(AuditBroken, match="row 2:"):
        prove(path)


def test_what_is_no_export_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"pdq": "00"}\n')
    with pytest.raises(InputError, match="not an audit log export"):
        prove(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadableSource, match=r"list\.jsonl"):
        prove(path)
    with pytest.raises(UnreadableSource, match="missing"):
        prove(tmp_path / "missing")
