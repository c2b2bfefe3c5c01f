"""`lookalike bank`: describing, showing, disabling and removing what the banks hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.cli.time_arguments import parse_later
from indexer.errors import InputError
from support.catalog import bare_pdq
from support.commands import Index

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PDQ = bare_pdq(1).hex
MD5 = bare_pdq(2).hex[:32]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Make an index that is bound to no model, with a bank of two bare fingerprints."""
    index = Index(tmp_path_factory.mktemp("filled"))
    index.run_here("db", "upgrade")
    index.run_here("bank", "create", "known", "--category", "spam", "--severity", "high")
    index.run_here("bank", "add", "known", "--fingerprint", f"pdq {PDQ}")
    index.run_here("bank", "add", "known", "--fingerprint", f"MD5  {MD5.upper()}")
    return index


@pytest.fixture
def index(filled: Index, tmp_path: Path) -> Index:
    return filled.copy(tmp_path / "home")


def entries(index: Index, *arguments: object) -> list[dict[str, object]]:
    shown = index.run_here("bank", "show", "known", "--json", *arguments).json
    return list(shown["entries"])


def test_a_bank_is_described_and_described_anew(index: Index) -> None:
    edited = index.run_here(
        "bank",
        "edit",
        "known",
        "--owner",
        "Ana",
        "--notes",
        "draft",
        "--clear",
        "category",
        "--json",
    ).json
    assert (edited["owner"], edited["category"], edited["severity"]) == ("Ana", None, "high")
    shown = index.run_here("bank", "edit", "known", "--clear", "notes")
    assert shown.stdout == "Bank known (block, severity high, owner Ana) has 2 entries.\n"
    assert index.run_here("bank", "list", "--json").json == [edited | {"notes": None}]
    both = index.run_here("bank", "edit", "known", "--notes", "x", "--clear", "notes", code=2)
    assert "mutually exclusive" in both.stderr


def test_a_bank_shows_its_entries_page_by_page(index: Index) -> None:
    page = index.run_here("bank", "show", "known", "--limit", "1", "--json").json
    [first] = page["entries"]
    assert page["bank"]["entry_count"] == 2
    assert first["fingerprint"] == {"kind": "pdq", "value": PDQ}
    assert (first["image_id"], first["labels"]) == (None, [])
    assert page["next_after"] == first["id"]
    [second] = entries(index, "--after", first["id"])
    assert second["fingerprint"] == {"kind": "md5", "value": MD5}
    table = index.run_here("bank", "show", "known").stdout
    assert table.startswith("Bank known (block, category spam, severity high) has 2 entries.\n")
    assert f"pdq {PDQ}\n" in table


def test_a_fingerprint_is_added_once(index: Index) -> None:
    both = ["--fingerprint", f"pdq {PDQ}", "--fingerprint", f"sha256 {PDQ}"]
    added = index.run_here("bank", "add", "known", *both, "--json").json
    assert added == {"bank": "known", "entries": 1}
    assert "0 new entries" in index.run_here("bank", "add", "known", *both).stdout


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"sha1 {PDQ}", "invalid_input"),
        (PDQ, "invalid_input"),
        ("", "invalid_input"),
        (f"pdq {PDQ[1:]}", "invalid_fingerprint"),
        (f"md5 {PDQ}", "invalid_fingerprint"),
        ("md5 not hexadecimal digits", "invalid_fingerprint"),
        ("md5 d41d8cd98f00b204e9800998ecf8427e", "empty_fingerprint"),
        (f"pdq {'0' * 64}", "empty_fingerprint"),
    ],
)
def test_what_is_no_fingerprint_is_refused_and_nothing_added(
    index: Index, text: str, code: str
) -> None:
    good = f"sha256 {PDQ}"
    refused = index.run_here(
        "bank", "add", "known", "--fingerprint", good, "--fingerprint", text, code=2
    )
    assert f"({code})" in refused.stderr
    assert len(entries(index)) == 2


def test_nothing_to_add_is_refused(index: Index) -> None:
    assert "Name what to add" in index.run_here("bank", "add", "known", code=2).stderr


def test_entries_are_disabled_until_a_moment_or_enabled_by_hand(index: Index) -> None:
    ids = [entry["id"] for entry in entries(index)]
    index.run_here("bank", "disable", "known", *ids, "--until", "2w")
    until = datetime.fromisoformat(str(entries(index)[0]["disabled_until"]))
    assert timedelta(days=13.9) < until - datetime.now(UTC) < timedelta(days=14)
    assert (
        f"disabled until {until.astimezone():%Y-%m-%d}"
        in index.run_here("bank", "show", "known").stdout
    )
    done = index.run_here("bank", "disable", "known", ids[0], "--json").json
    assert done == {
        "bank": "known",
        "whole_bank": False,
        "entries": ids[:1],
        "state": "disabled",
    }
    assert str(entries(index)[0]["disabled_until"]).startswith("9999-12-31")
    assert entries(index)[0]["disabled_reason"] == "by hand"
    index.run_here("bank", "enable", "known", *ids)
    assert [entry["disabled_until"] for entry in entries(index)] == [None, None]


def test_a_bank_is_disabled_and_enabled_as_a_whole(index: Index) -> None:
    assert "is disabled" in index.run_here("bank", "disable", "known").stdout
    assert "disabled" in index.run_here("bank", "list").stdout
    [bank] = index.run_here("bank", "list", "--json").json
    assert not bank["enabled"]
    index.run_here("bank", "enable", "known")
    [bank] = index.run_here("bank", "list", "--json").json
    assert bank["enabled"]
    refused = index.run_here("bank", "disable", "known", "--until", "2w", code=2)
    assert "name entries" in refused.stderr


@pytest.mark.parametrize("verb", ["disable", "enable", "remove"])
def test_an_entry_of_no_such_bank_is_not_touched(index: Index, verb: str) -> None:
    index.run_here("bank", "create", "other")
    own = entries(index)[0]["id"]
    assert f"has no entry {own}" in index.run_here("bank", verb, "other", own, code=4).stderr
    assert "has no entry 999" in index.run_here("bank", verb, "known", own, 999, code=4).stderr
    assert "Did you mean known" in index.run_here("bank", verb, "knwon", code=4).stderr
    assert len(entries(index)) == 2
    assert entries(index)[0]["disabled_until"] is None


def test_entries_are_removed_unless_it_is_a_dry_run(index: Index) -> None:
    first = entries(index)[0]["id"]
    planned = index.run_here("bank", "remove", "known", first, "--dry-run")
    assert planned.stdout == "1 entries of bank known would be removed.\n"
    assert len(entries(index)) == 2
    done = index.run_here("bank", "remove", "known", first, "--json").json
    assert done == {"bank": "known", "whole_bank": False, "entries": 1, "dry_run": False}
    assert len(entries(index)) == 1


def test_a_whole_bank_is_removed_only_when_that_is_confirmed(index: Index) -> None:
    planned = index.run_here("bank", "remove", "known", "--dry-run").stdout
    assert planned == "Bank known would be removed, 2 entries of bank known.\n"
    assert "use --yes" in index.run_here("bank", "remove", "known", code=2).stderr
    assert len(entries(index)) == 2
    index.run_here("bank", "remove", "known", "--yes")
    assert index.run_here("bank", "list", "--json").json == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        ("36h", NOW + timedelta(hours=36)),
        ("7d", NOW + timedelta(days=7)),
        ("2w", NOW + timedelta(weeks=2)),
        ("2027-01-31T18:00+01:00", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 1, 31).astimezone()),
        ("tomorrow", (NOW.astimezone() + timedelta(days=1)).replace(hour=0, minute=0)),
    ],
)
def test_a_moment_is_a_date_or_how_long_from_now(text: str, moment: datetime) -> None:
    assert parse_later(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    ["", "today", "7d ago", "7", "d", "-1d", "0m", "999999w", "2026-11-25T11:59Z", "2026-13-01"],
)
def test_what_is_no_later_moment_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_later(text, NOW)
