"""`decision`, `retro-scan` and `flood`: each says what it did, and doing it again is safe."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.commands import PHOTOS, Index

KNOWN = "hedgehog.jpg"
GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg")
FLOOD = 5  # hits


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path, database_url: str) -> Index:
    """Index a few photos, one in a block bank; of a tiny model only the fingerprints count."""
    rules = {
        "LOOKALIKE_MODEL": str(tiny_model),
        "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS": "1000",
        "LOOKALIKE_LOOKALIKE_LOG_ODDS": "1000",
        "LOOKALIKE_FLOOD_MIN_HITS": str(FLOOD),
        "LOOKALIKE_FLOOD_P_VALUE": "0.1",
    }
    index = Index(tmp_path / "home", database_url, extra=rules)
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in GALLERY))
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "create", "benign", "--kind", "allow")
    index.run_here("bank", "add", "unsafe", PHOTOS / KNOWN)
    return index


def search(index: Index, file: Path) -> Any:
    return index.run_here("search", file, "--json").json


def new_picture(folder: Path) -> Path:
    """Write a picture that the index does not hold: a known one with another byte."""
    file = folder / "new.jpg"
    file.write_bytes((PHOTOS / GALLERY[0]).read_bytes() + b"another byte")
    return file


# --- decisions -----------------------------------------------------------------------------------


def test_a_decision_is_made_about_a_file_or_its_digest(index: Index) -> None:
    verdict = search(index, PHOTOS / KNOWN)
    about = ("--entry", verdict["hits"][0], "--outcome")

    by_file = index.run_here("decision", "add", PHOTOS / KNOWN, *about, "rejected", "--json").json
    by_digest = index.run_here(
        "decision", "add", verdict["sha256"].upper(), *about, "rejected", "--json"
    ).json

    assert by_digest == by_file
    assert by_file["decision"]["query_sha256"] == verdict["sha256"]
    assert by_file["decision"]["query_pdq"] == verdict["pdq"]
    assert search(index, PHOTOS / KNOWN)["tier"] == "none"


def test_a_decision_on_a_grave_bank_waits_for_a_second_person(index: Index) -> None:
    index.run_here("bank", "edit", "unsafe", "--severity", "critical")
    [entry] = search(index, PHOTOS / KNOWN)["hits"]
    index.extra["LOOKALIKE_TWO_PERSON_SEVERITY"] = "high"

    words = ("decision", "add", PHOTOS / KNOWN, "--entry", entry, "--outcome", "rejected")
    said, as_json = index.run_here(*words).stdout, index.run_here(*words, "--json").json

    assert said == f"{as_json['message']}\n"
    assert (as_json["decision"], as_json["awaits_signature"]) == (None, True)
    assert search(index, PHOTOS / KNOWN)["tier"] == "exact"  # nothing has taken effect


def test_decisions_are_listed(index: Index) -> None:
    [entry] = search(index, PHOTOS / KNOWN)["hits"]
    for outcome in ("escalated", "confirmed"):
        words = ("--entry", entry, "--outcome", outcome, "--analyst", "jo", "--note", "look")
        assert outcome in index.run_here("decision", "add", PHOTOS / KNOWN, *words).stdout

    holding = index.run_here("decision", "list").stdout
    assert "confirmed" in holding
    assert "escalated" not in holding
    assert "jo" in holding
    assert "superseded" in index.run_here("decision", "list", "--all").stdout
    every = index.run_here("decision", "list", "--all", "--json").json
    assert [decision["outcome"] for decision in every] == ["escalated", "confirmed"]
    on_file = index.run_here("decision", "list", "--query", PHOTOS / KNOWN, "--json").json
    assert on_file == every[1:]
    assert index.run_here("decision", "list", "--query", "ab" * 32, "--json").json == []


def test_a_confirmed_file_is_indexed_and_joins_the_bank(index: Index, tmp_path: Path) -> None:
    file = new_picture(tmp_path)
    verdict = search(index, file)
    about = ("--image", verdict["matches"][0]["image_id"], "--outcome", "confirmed")

    decided = index.run_here("decision", "add", file, *about, "--bank", "unsafe", "--json").json
    again = index.run_here("decision", "add", file, *about, "--bank", "unsafe").stdout

    assert decided["new_entries"] == 1
    assert "0 new entries in bank unsafe" in again
    after = search(index, file)
    assert (after["tier"], after["banks"]) == ("exact", ["unsafe"])
    assert len(index.run_here("decision", "list", "--all", "--json").json) == 1


def test_a_file_joins_nothing_when_the_bank_does_not_exist(index: Index, tmp_path: Path) -> None:
    file = new_picture(tmp_path)
    about = ("--image", 1, "--outcome", "confirmed", "--bank", "unsave")

    assert "unsafe" in index.run_here("decision", "add", file, *about, code=4).stderr
    assert len(index.run_here("index", "list", "--json").json) == len(GALLERY) + 1
    assert index.run_here("decision", "list", "--json").json == []


def test_a_decision_needs_a_query_that_can_be_read(index: Index, tmp_path: Path) -> None:
    about = ("--image", 1, "--outcome", "confirmed")

    index.run_here("decision", "add", tmp_path / "missing.jpg", *about, code=2)
    index.run_here("decision", "add", PHOTOS / KNOWN, "--outcome", "confirmed", code=2)


# --- retro-scans ---------------------------------------------------------------------------------


def test_a_retro_scan_lists_past_images_that_match(index: Index) -> None:
    verdict = search(index, PHOTOS / GALLERY[1])
    index.run_here("bank", "add", "unsafe", "--fingerprint", f"sha256 {verdict['sha256']}")

    done = index.run_here("retro-scan", "run", "--bank", "unsafe", "--json").json
    assert (done["state"], done["scanned"], done["found"]) == ("done", 2, 1)
    assert "1 matches found" in index.run_here("retro-scan", "run").stdout  # of all banks
    assert f"Retro-scan {done['id']} of bank unsafe" in (
        index.run_here("retro-scan", "run", "--bank", "unsafe").stdout
    )

    shown = index.run_here("retro-scan", "show", done["id"], "--json").json
    [match] = shown["matches"]
    assert shown["scan"] == done
    assert (match["decided_by"], match["tier"]) == ("sha256", "exact")
    assert GALLERY[1] in index.run_here("retro-scan", "show", done["id"]).stdout
    after = ("--after", match["id"], "--json")
    assert index.run_here("retro-scan", "show", done["id"], *after).json["matches"] == []
    assert index.run_here("retro-scan", "list", "--json").json[0] == done
    assert "unsafe" in index.run_here("retro-scan", "list").stdout


def test_a_retro_scan_that_makes_no_sense_is_refused(index: Index) -> None:
    index.run_here("retro-scan", "run", "--bank", "unsave", code=4)
    index.run_here("retro-scan", "run", "--bank", "benign", code=2)
    index.run_here("retro-scan", "run", "--since", 10**6, code=2)
    index.run_here("retro-scan", "show", 7, code=4)


# --- floods --------------------------------------------------------------------------------------


def test_a_flood_is_listed_quarantined_and_dismissed(index: Index) -> None:
    known = [PHOTOS / KNOWN] * FLOOD
    [entry] = json.loads(index.run_here("search", *known, "--json").stdout)[0]["hits"]

    [flag] = index.run_here("flood", "list", "--json").json
    assert (flag["entry_id"], flag["hits"], flag["state"]) == (entry, FLOOD, "open")
    assert "unsafe" in index.run_here("flood", "list").stdout

    assert "quarantined" in index.run_here("flood", "quarantine", flag["id"]).stdout
    assert search(index, PHOTOS / KNOWN)["hits"] == []
    assert index.run_here("flood", "list", "--json").json == []

    dismissed = index.run_here("flood", "dismiss", flag["id"], "--json").json
    assert dismissed["state"] == "dismissed"
    assert search(index, PHOTOS / KNOWN)["hits"] == [entry]
    assert index.run_here("flood", "list", "--all", "--json").json == [dismissed]
    index.run_here("flood", "dismiss", 99, code=4)


def test_a_flood_is_quarantined_at_once_where_the_setting_says_so(index: Index) -> None:
    strict = Index(
        index.home, index.database_url, {**index.extra, "LOOKALIKE_FLOOD_QUARANTINE": "true"}
    )
    strict.run_here("search", *[PHOTOS / KNOWN] * FLOOD)

    assert search(index, PHOTOS / KNOWN)["hits"] == []
    [flag] = index.run_here("flood", "list", "--state", "quarantined", "--json").json
    assert flag["resolved_at"]


def test_suppressed_matches_are_no_hits(index: Index) -> None:
    [entry] = search(index, PHOTOS / KNOWN)["hits"]
    about = ("--entry", entry, "--outcome", "rejected")
    index.run_here("decision", "add", PHOTOS / KNOWN, *about)

    index.run_here("search", *[PHOTOS / KNOWN] * FLOOD)

    assert index.run_here("flood", "list", "--json").json == []
