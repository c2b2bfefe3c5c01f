"""`lookalike policy`: a policy put in force, changed and tested on stored verdicts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.store import open_store
from indexer.types import (
    MatchEvidence,
    NewDecision,
    NewVerdict,
    Outcome,
    Severity,
    Tier,
    VerdictEvidence,
)
from support.commands import PHOTOS, Index
from support.screen import show

KNOWN, STRANGER = PHOTOS / "hedgehog.jpg", PHOTOS / "aqueduct.jpg"
LENIENT = """\
format = 1
name = "lenient"

[[rules]]
id = "copies"
action = "block"
tier = ["exact", "near_duplicate"]
kind = "block"

[[rules]]
id = "classes"
action = "review"
class = "Porn"
min_probability = 0.95
"""
STRICT = (
    LENIENT.replace("lenient", "strict").replace("0.95", "0.8")
    + """
[[rules]]
id = "grave"
action = "block"
two_person = true
severity = "critical"
"""
)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Index one known picture, and store 1,000 verdicts with decisions on some; not to be used."""
    index = Index(tmp_path_factory.mktemp("filled"))
    index.run_here("init")
    index.run_here("bank", "create", "known", "--severity", "low")
    index.run_here("bank", "add", "known", KNOWN)
    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        writer.verdicts.add(stored(number) for number in range(1_000))
        for number, outcome in ((1, Outcome.CONFIRMED), (11, Outcome.REJECTED)):
            writer.decisions.add(NewDecision(digest(number), outcome, entry_id=1))
    return index


@pytest.fixture
def index(filled: Index, tmp_path: Path) -> Index:
    return filled.copy(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "policy.toml"
        path.write_text(text)
        return path

    return write


def digest(number: int) -> bytes:
    return number.to_bytes(32)


def stored(number: int) -> NewVerdict:
    """Of ten, one is a grave lookalike and two are of a class, one of them likely so."""
    kind = number % 10
    grave = MatchEvidence(Tier.LOOKALIKE, "works", Severity.CRITICAL, 6.5)
    matches = (grave,) if kind == 1 else ()
    probability = {2: 0.97, 3: 0.85}.get(kind, 0.01)
    tier = Tier.LOOKALIKE if matches else Tier.NONE
    at = datetime.now(UTC) - (2 * DAY if number < 500 else DAY / 2)
    return NewVerdict(
        at, digest(number), tier, VerdictEvidence({"Porn": probability}, matches, frozenset()), None
    )


def test_a_policy_changed_is_tested_on_a_thousand_stored_verdicts(
    index: Index, file: Callable[[str], Path]
) -> None:
    index.run_here("policy", "use", file(LENIENT))

    replay = index.run_here("policy", "test", file(STRICT), "--json").json

    assert (replay["name"], replay["against"], replay["against_version"]) == (
        "strict",
        "lenient",
        1,
    )
    assert replay["verdicts"] == 1_000
    assert replay["before"] == {"allow": 900, "review": 100, "block": 0}
    assert replay["after"] == {"allow": 700, "review": 200, "block": 100}
    assert replay["rules"] == {"copies": 0, "classes": 200, "grave": 100}
    assert replay["changed"] == 200
    to_review, to_block = replay["changes"]
    assert (to_review["before"], to_review["after"], to_review["count"]) == ("allow", "review", 100)
    assert (to_block["after"], to_block["count"], to_block["two_person"]) == ("block", 100, 100)
    counts = {"confirmed": 1, "rejected": 1, "escalated": 0, "undecided": 98}
    assert to_block["decisions"] == counts
    newest = to_block["examples"][0]
    assert (newest["id"], newest["query_sha256"]) == (992, digest(991).hex())
    assert (newest["rule_before"], newest["rule_after"]) == (None, "grave")

    recent = index.run_here("policy", "test", file(STRICT), "--since", "1d", "--json").json
    assert recent["verdicts"] == 500
    few = index.run_here("policy", "test", file(STRICT), "--limit", 10, "--json").json
    assert few["verdicts"] == 10
    assert (
        index.run_here("policy", "list", "--json").json[0]["name"] == "lenient"
    )  # nothing changed


def test_the_test_of_a_policy_fits_on_80_columns(index: Index, file: Callable[[str], Path]) -> None:
    index.run_here("policy", "use", file(LENIENT))
    strict = file(STRICT)

    shown = show(index, "policy", "test", strict).rpartition("1,000 stored verdicts")
    seen = "".join(shown[1:]).splitlines()  # after the progress

    assert max(map(len, seen)) <= 80
    assert seen[0].startswith("1,000 stored verdicts since ")
    assert "review     100    200" in seen
    assert "200 verdicts would change." in seen
    change = " ".join(next(line for line in seen if line.startswith("allow to block ")).split())
    assert change == "allow to block 100 1 1 0 98 100"


def test_a_verdict_cites_the_version_and_the_rule(
    index: Index, file: Callable[[str], Path]
) -> None:
    assert index.run_here("search", KNOWN, "--json").json["action"] is None
    used = index.run_here("policy", "use", file(LENIENT))
    assert used.stdout == "Policy lenient, version 1, is in force.\n"

    ruled = index.run_here("search", KNOWN, "--json").json
    assert ruled["action"] == "block"
    assert ruled["policy"]["rule"] == "copies"
    assert (ruled["policy"]["name"], ruled["policy"]["version"]) == ("lenient", 1)
    [applied] = ruled["policy"]["applied"]
    assert applied["because"].startswith("exact in bank known (low), log-odds ")
    allowed = index.run_here("search", STRANGER, "--json").json
    assert (allowed["action"], allowed["policy"]["rule"]) == ("allow", None)
    seen = index.run_here("search", KNOWN).stdout
    assert "\n  action    block, by rule copies of policy lenient, version 1\n" in seen
    assert "\n    copies  block: exact in bank known (low), log-odds " in seen

    index.run_here("policy", "use", file(STRICT))
    assert index.run_here("search", KNOWN, "--json").json["policy"]["version"] == 2
    assert index.run_here("policy", "show", 1, "--json").json["document"] == LENIENT
    index.run_here("policy", "retire")
    assert index.run_here("search", KNOWN, "--json").json["policy"] is None
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        newest = catalog.verdicts.page(limit=6)
        actions = [audited.action for audited in catalog.audit.all()]
    assert [each.policy_version for each in newest] == [None, 2, 1, 1, 1, None]
    assert newest[1].query_sha256 == newest[0].query_sha256
    assert actions[-3:] == ["policy.use", "policy.use", "policy.retire"]


def test_classes_alone_are_ruled_on_by_classify(index: Index, file: Callable[[str], Path]) -> None:
    text = LENIENT.replace("Porn", "Neutral").replace("0.95", "0.5")
    index.run_here("policy", "use", file(text))

    ruled = index.run_here("classify", STRANGER, "--json").json
    assert (ruled["action"], ruled["policy"]["rule"]) == ("review", "classes")
    assert "action " in index.run_here("classify", STRANGER).stdout
    index.run_here("policy", "use", file(text.partition('\n[[rules]]\nid = "classes"')[0]))
    assert index.run_here("classify", STRANGER, "--json").json["action"] is None


def test_using_the_same_document_again_makes_no_version(
    index: Index, file: Callable[[str], Path]
) -> None:
    index.run_here("policy", "use", file(LENIENT))

    again = index.run_here("policy", "use", file(LENIENT))

    assert again.stdout == "Policy lenient, version 1, is already in force.\n"
    assert len(index.run_here("policy", "list", "--json").json) == 1


def test_what_is_wrong_is_said_by_line_and_key(index: Index, file: Callable[[str], Path]) -> None:
    path = file(LENIENT.replace('"Porn"', '"Pron"').replace('kind = "block"', 'bank = "knwon"'))

    refused = index.run_here("policy", "check", path, code=2)
    assert refused.stdout == (
        f"{path}: line 13: class of rule classes: unknown class 'Pron'; did you mean Porn?\n"
        "1 problem.\n"
    )
    told = index.run_here("policy", "check", path, "--json", code=2).json
    assert [(each["line"], each["key"]) for each in told["problems"]] == [
        (13, "class of rule classes")
    ]
    assert "did you mean Porn?" in index.run_here("policy", "use", path, code=2).stderr

    path = file(LENIENT.replace('kind = "block"', 'bank = "knwon"'))
    valid = index.run_here("policy", "check", path)
    assert valid.stdout == f"{path} is a valid policy: lenient, 2 rules.\n"
    assert "line 8: bank of rule copies: there is no bank 'knwon' yet" in valid.stderr
    assert "Cannot read" in index.run_here("policy", "check", "none.toml", code=2).stderr


def test_the_built_in_policy_is_shown_written_once_and_put_in_force(
    index: Index, tmp_path: Path
) -> None:
    path = tmp_path / "written.toml"

    index.run_here("policy", "init", path)
    shown = index.run_here("policy", "show").stdout
    assert shown.startswith("# No policy is in force")
    assert shown.endswith(path.read_text())
    assert "exists" in index.run_here("policy", "init", path, code=2).stderr
    index.run_here("policy", "use", path)
    path.write_text(index.run_here("policy", "show").stdout)
    assert index.run_here("policy", "check", path).stderr == ""


def test_without_an_index_a_policy_is_checked_by_itself(
    tmp_path: Path, file: Callable[[str], Path]
) -> None:
    index = Index(tmp_path / "none")

    assert "2 rules" in index.run_here("policy", "check", file(LENIENT)).stdout


def test_purging_a_picture_erases_the_verdicts_on_it(index: Index) -> None:
    index.run_here("search", KNOWN, STRANGER)

    index.run_here("index", "remove", 1, "--purge")

    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        assert catalog.verdicts.count() == 1_001


def test_doctor_compares_the_policy_in_force_with_the_banks(
    index: Index, file: Callable[[str], Path]
) -> None:
    def found() -> list[str]:
        told = index.end_here("doctor", "--json")
        return [each["state"] for each in json.loads(told.stdout) if each["what"] == "policy"]

    assert found() == []
    index.run_here("policy", "use", file(LENIENT.replace('kind = "block"', 'bank = "known"')))
    assert found() == ["ok"]
    index.run_here("bank", "remove", "known", "--yes")
    assert found() == ["warning"]
