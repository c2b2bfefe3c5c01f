"""`bank import` and `bank export` as people call them."""

import json
import subprocess
from pathlib import Path
from time import sleep

import pytest

from indexer.exchange.import_report import MOST_LISTED
from indexer.store import Store, open_store, upgrade
from indexer.types import BankKind
from support.commands import COMMAND, Index
from support.forked import start
from support.lists import pdq


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Make an index without a model: lists need none."""
    index = Index(tmp_path / "home")
    index.home.mkdir()
    url = index.settings.resolved_database_url
    upgrade(url)
    with open_store(url) as store, store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
    return index


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def test_a_list_is_imported_and_again_without_change(index: Index, tmp_path: Path) -> None:
    file = write(tmp_path / "list.txt", f"pdq {pdq(1).hex}", f"pdq {pdq(2).hex}", "sha1 abc")

    first = index.run_here("bank", "import", "unsafe", file, "--json").json
    again = index.run_here("bank", "import", "unsafe", file)

    assert (first["added"], first["ignored"], first["refused"]) == (2, {"sha1": 1}, [])
    assert "0 entries added" in again.stdout
    assert "2 unchanged" in again.stdout


def test_refused_rows_are_told_and_the_exit_code_is_2(index: Index, tmp_path: Path) -> None:
    bad = [f"pdq junk {number}" for number in range(MOST_LISTED + 5)]
    file = write(tmp_path / "list.txt", *bad, f"pdq {pdq(1).hex}")
    rejects = tmp_path / "rejects.tsv"

    report = index.run_here(
        "bank", "import", "unsafe", file, "--rejects", rejects, "--json", code=2
    ).json
    shown = index.run_here("bank", "import", "unsafe", file, code=2)

    lines = rejects.read_text().splitlines()
    assert (report["added"], report["refused_count"], len(lines)) == (1, len(bad), len(bad))
    assert len(report["refused"]) == MOST_LISTED
    assert lines[0].split("\t")[0] == report["refused"][0]["where"] == f"{file}:1"
    assert f"refused {file}:1: " in shown.stderr
    assert "85 more: see --rejects" in shown.stderr


def test_a_full_list_of_a_source_withdraws_the_rest(index: Index, tmp_path: Path) -> None:
    file = write(tmp_path / "list.txt", f"pdq {pdq(1).hex}", f"pdq {pdq(2).hex}")
    options = ("--source", "partner", "--full")
    index.run_here("bank", "import", "unsafe", file, *options)
    write(file, f"pdq {pdq(2).hex}")

    dry = index.run_here("bank", "import", "unsafe", file, *options, "--dry-run")
    report = index.run_here("bank", "import", "unsafe", file, *options, "--json").json

    assert "Would be changed" in dry.stdout
    assert "1 removed" in dry.stdout
    assert report["removed"] == 1
    write(file, "junk")
    told = index.run_here("bank", "import", "unsafe", file, *options, code=2)
    assert "Nothing was withdrawn" in told.stdout


def test_bare_digits_take_their_kind_from_the_option(index: Index, tmp_path: Path) -> None:
    file = write(tmp_path / "list.txt", pdq(1).hex)

    index.run_here("bank", "import", "unsafe", file, code=2)
    index.run_here("bank", "import", "unsafe", file, "--type", "pdq")

    assert index.run_here("bank", "export", "unsafe").stdout == f"pdq {pdq(1).hex}\n"


def test_a_bank_goes_through_a_file_into_another(index: Index, tmp_path: Path) -> None:
    text = write(tmp_path / "list.txt", *(f"pdq {pdq(seed).hex}" for seed in range(20)))
    index.run_here("bank", "import", "unsafe", text)
    index.run_here("bank", "create", "copy")

    for name in ("list.csv", "list.jsonl.gz", "list.txt.gz"):
        target = tmp_path / name
        report = index.run_here("bank", "export", "unsafe", target, "--json").json
        assert (report["fingerprints"], report["entries"]) == (20, 20)
        index.run_here("bank", "import", "copy", target)

    both = [index.run_here("bank", "export", bank).stdout for bank in ("unsafe", "copy")]
    assert set(both[0].splitlines()) == set(both[1].splitlines())


@pytest.mark.slow
def test_an_import_that_was_killed_is_finished_by_the_next(index: Index, tmp_path: Path) -> None:
    lines = [f"pdq {pdq(seed).hex}" for seed in range(50_000)]
    file = write(tmp_path / "list.txt", *lines)
    with open_store(index.settings.resolved_database_url) as store:
        process = start(index, "bank", "import", "unsafe", file)
        while (before := count(store)) == 0:
            assert process.running(), process.stderr
            sleep(0.01)
        process.kill()
        left = count(store)

        report = index.run_here("bank", "import", "unsafe", file, "--json").json

        assert left >= before
        assert (report["unchanged"], report["added"]) == (left, len(lines) - left)
        with store.reader() as catalog:
            assert catalog.repair.problems() == []


def count(store: Store) -> int:
    """Count the entries of the bank."""
    with store.reader() as catalog:
        return catalog.banks.get("unsafe").entry_count


def test_stdin_and_stdout_work_as_in_a_pipe(index: Index) -> None:
    text = f"pdq {pdq(1).hex}\n"
    done = subprocess.run(
        [COMMAND, "bank", "import", "unsafe", "-", "--format", "text", "--json"],
        env=index.environment,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["added"] == 1
    exported = index.run_here("bank", "export", "unsafe")
    assert exported.stdout == text
    assert "1 fingerprints of 1 entries" in exported.stderr
