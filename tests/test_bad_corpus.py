"""No file, however damaged or hostile, crashes, hangs or floods the indexer, or stops a run."""

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import ImageTooLarge, UnreadableSource
from indexer.settings import Settings
from indexer.sources.base import DANGLING_LINK
from indexer.sources.names import uri_of
from indexer.store import open_store
from indexer.types import Tier
from support.bad_corpus import ACCEPTED, COSTLY, SPECIMENS, judge, specimen
from support.commands import COMMAND, PHOTOS, Index
from support.consistency import examine
from support.extent import extent
from support.forked import measure, start

SKIPPED_SOME = 2
LONGEST = 3.0  # seconds of the processor for any one file
LEAST_BYTES = 64 * 2**20  # of memory, for what is refused
BYTES_PER_PIXEL = 16  # of memory, for the largest picture that the settings allow
LARGEST = LEAST_BYTES + BYTES_PER_PIXEL * Settings().max_image_pixels
GOOD = ("bee.jpg", "coffee.jpg", "crab.jpg", "koala.jpg")
THREADS = 2


@pytest.mark.parametrize("name", SPECIMENS)
def test_each_file_gets_its_answer_in_time_and_within_memory(name: str) -> None:
    _, code = SPECIMENS[name]

    measured = measure(judge, specimen(name))

    assert measured.result == code
    assert measured.seconds < LONGEST
    assert measured.peak < (LARGEST if code == ACCEPTED else LEAST_BYTES)


@dataclass(frozen=True)
class Folder:
    """Every specimen, things that are no regular files, odd names, and a few good photos."""

    path: Path
    expected: dict[str, str]  # code by uri


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("corpus")
    names = [name for name in SPECIMENS if name not in extent(COSTLY, [])]
    expected = {name: SPECIMENS[name][1] for name in names}
    for name in names:
        (path / name).write_bytes(specimen(name))
    for name in GOOD:
        shutil.copy(PHOTOS / name, path / name)
        expected[name] = ACCEPTED
    odd_names = (
        "two\nlines.jpg",
        "-option.jpg",
        os.fsdecode(b"not utf-8 \xff.jpg"),
        "a'\"%s{}.jpg",
    )
    for name in odd_names:  # copies of one photo: further sources of the same image
        shutil.copy(PHOTOS / GOOD[0], path / name)
        expected[name] = ACCEPTED
    (path / "folder.jpg").mkdir()
    shutil.copy(PHOTOS / "moose.jpg", path / "folder.jpg" / "inside.jpg")
    expected["folder.jpg/inside.jpg"] = ACCEPTED
    (path / "link.jpg").symlink_to(path / GOOD[1])
    expected["link.jpg"] = ACCEPTED
    (path / "dangling.jpg").symlink_to(path / "gone.jpg")
    expected["dangling.jpg"] = DANGLING_LINK
    (path / "device.jpg").symlink_to("/dev/zero")
    os.mkfifo(path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path / "socket.jpg"))
    expected |= dict.fromkeys(("device.jpg", "pipe.jpg", "socket.jpg"), UnreadableSource.code)
    with (path / "3_gigabytes.jpg").open("wb") as file:
        file.truncate(3 * 2**30)  # takes no place on the disk
    expected["3_gigabytes.jpg"] = ImageTooLarge.code
    return Folder(path, {uri_of(path / name): code for name, code in expected.items()})


@pytest.fixture
def index(tmp_path: Path, database_url: str, tiny_model: Path) -> Index:
    return make_index(tmp_path / "home", tiny_model, database_url)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, folder: Folder) -> Index:
    """Index a photo; not to be changed."""
    index = make_index(tmp_path_factory.mktemp("searched") / "home", tiny_model)
    start(index, "index", "add", folder.path / GOOD[0]).finish()
    return index


def make_index(home: Path, model: Path, database_url: str | None = None) -> Index:
    index = Index(home, database_url, {"LOOKALIKE_WORKER_THREADS": str(THREADS)})
    start(index, "init", "--model", model).finish()
    return index


def quarantined(index: Index) -> dict[str, str]:
    listed = start(index, "index", "quarantine", "list", "--limit", 1000, "--json").finish()
    items = json.loads(listed)
    assert all(item["reason"] for item in items)
    return {item["uri"]: item["code"] for item in items}


def add_and_weigh(index: Index, *sources: Path) -> tuple[Any, int]:
    """Run `index add` as a process of its own; return its report and peak of memory, in bytes."""
    output, errors = index.home.parent / "report.json", index.home.parent / "errors"
    with output.open("w") as stdout, errors.open("w") as stderr:
        process = subprocess.Popen(
            [COMMAND, "index", "add", *map(str, sources), "--follow-links", "--json"],
            env=index.environment,
            stdout=stdout,
            stderr=stderr,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = errors.read_text(encoding="utf-8", errors="replace")
    assert process.returncode in {0, SKIPPED_SOME}, said
    assert "Traceback" not in said
    assert output.stat().st_size, said
    return json.loads(output.read_text(encoding="utf-8")), 1024 * usage.ru_maxrss


@pytest.mark.slow
def test_a_run_over_all_of_them_accounts_for_every_file(
    index: Index, database_url: str, folder: Folder
) -> None:
    refused = {uri: code for uri, code in folder.expected.items() if code != ACCEPTED}
    _, ordinary = add_and_weigh(index, folder.path / GOOD[0])

    report, peak = add_and_weigh(index, folder.path)

    counts = [report[name] for name in ("added", "duplicates", "unchanged")]
    assert sum(counts) == len(folder.expected) - len(refused)
    assert peak < ordinary + THREADS * LARGEST
    assert quarantined(index) == refused
    with open_store(database_url) as store:
        content = examine(store)
    assert content.sources.keys() == folder.expected.keys() - refused.keys()
    # nothing has been spoilt: what is there is found, and a second run changes nothing
    asked = [folder.path / name for name in (*GOOD, "zip_behind.jpg", "orientation_99.jpg")]
    found = json.loads(start(index, "search", *asked, "--json").finish())
    assert [verdict["tier"] for verdict in found] == [Tier.EXACT] * len(asked)
    command = ("index", "add", folder.path, "--follow-links", "--json")
    again = json.loads(start(index, *command).finish(SKIPPED_SOME))
    assert (again["added"], again["duplicates"]) == (0, 0)
    assert quarantined(index) == refused
    with open_store(database_url) as store:
        assert examine(store) == content


@pytest.mark.parametrize("code", sorted({code for _, code in SPECIMENS.values()} - {ACCEPTED}))
def test_a_search_by_a_bad_file_says_what_is_wrong(
    searched: Index, folder: Folder, code: str
) -> None:
    uri = next(uri for uri, expected in folder.expected.items() if expected == code)

    search = start(searched, "search", uri)

    search.finish(SKIPPED_SOME)
    assert f"({code})" in search.stderr
