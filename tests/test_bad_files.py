"""Bad input never stops a run: each bad file gets its reason, the good ones are indexed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexer.store import Store, open_store
from support import pictures
from support.commands import COMMAND, PHOTOS, Index
from support.consistency import examine
from support.forked import start
from support.models import make_tiny

Reasons = dict[str, tuple[str, str]]
"""Code and message (or a part of it) by path."""

SKIPPED_SOME = 2
GOOD = ("bee.jpg", "coffee.jpg", "crab.jpg", "koala.jpg")
WRITTEN = {
    "bomb.png": pictures.png_bomb,
    "empty.jpg": bytes,
    "postscript.jpg": pictures.eps,
    "text.jpg": pictures.text,
    "truncated.jpg": lambda: pictures.truncated(pictures.plain_jpeg()),
    "truncated.png": lambda: pictures.truncated(pictures.palette_png()),
}
EXPECTED = {  # path within the folder: code, and what the message must speak of
    "bomb.png": ("image_too_large", "LOOKALIKE_MAX_IMAGE_PIXELS"),
    "empty.jpg": ("empty_image", "0 bytes"),
    "postscript.jpg": ("unreadable_image", "not an image"),
    "text.jpg": ("unreadable_image", "not an image"),
    "truncated.jpg": ("unreadable_image", "damaged"),
    "truncated.png": ("unreadable_image", "damaged"),
    "failing-disk.jpg": ("unreadable_source", "cannot be read"),
    "dangling.jpg": ("dangling_link", "does not exist"),
    "pipe.jpg": ("unreadable_source", "not a regular file"),
    "deeper/again": ("directory_loop", "leads back"),
}


@dataclass(frozen=True)
class Folder:
    """Good photos among bad files."""

    path: Path

    @property
    def good(self) -> set[str]:
        return {str(self.path / name) for name in GOOD}

    @property
    def bad(self) -> Reasons:
        return {str(self.path / name): reason for name, reason in EXPECTED.items()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model: bad files do not reach it."""
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "folder"
    (path / "deeper").mkdir(parents=True)
    for name in GOOD:
        shutil.copy(PHOTOS / name, path / name)
    for name, make in WRITTEN.items():
        (path / name).write_bytes(make())
    (path / "failing-disk.jpg").symlink_to("/proc/self/mem")  # opens, but cannot be read at 0
    (path / "dangling.jpg").symlink_to(path / "gone.jpg")
    (path / "deeper" / "again").symlink_to(path, target_is_directory=True)
    os.mkfifo(path / "pipe.jpg")
    return Folder(path)


@pytest.fixture
def index(tmp_path: Path, database_url: str, model: Path) -> Index:
    index = Index(tmp_path / "home", database_url, {"LOOKALIKE_BATCH_SIZE": "4"})
    start(index, "init", "--model", model).finish()
    return index


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Open a database that other processes write to."""
    with open_store(database_url) as opened:
        yield opened


def add(index: Index, folder: Folder, code: int = SKIPPED_SOME) -> Any:
    command = start(index, "index", "add", folder.path, "--follow-links", "--json")
    return json.loads(command.finish(code))


def reasons(report: Any) -> Reasons:
    return {item["uri"]: (item["code"], item["message"]) for item in report["skipped"]}


def quarantined(index: Index) -> Reasons:
    listed = start(index, "index", "quarantine", "list", "--json").finish()
    return {item["uri"]: (item["code"], item["reason"]) for item in json.loads(listed)}


def assert_reasons(told: Reasons, expected: Reasons) -> None:
    assert told.keys() == expected.keys()
    for uri, (code, words) in expected.items():
        assert told[uri][0] == code, uri
        assert words in told[uri][1], uri


def test_every_bad_file_is_named_with_its_reason_and_the_good_ones_are_indexed(
    index: Index, store: Store, folder: Folder
) -> None:
    report = add(index, folder)

    told = reasons(report)
    assert_reasons(told, folder.bad)
    assert len(report["skipped"]) == len(told)
    assert quarantined(index) == told
    assert report["added"] == len(GOOD)
    assert set(examine(store).sources) == folder.good


def test_a_second_run_finds_bad_files_as_bad_as_before_and_changes_nothing(
    index: Index, store: Store, folder: Folder
) -> None:
    first = add(index, folder)
    listed, content = quarantined(index), examine(store)

    second = add(index, folder)

    assert reasons(second) == reasons(first)
    assert (second["added"], second["unchanged"]) == (0, len(GOOD))
    assert (quarantined(index), examine(store)) == (listed, content)


def test_the_report_for_people_names_bad_files_on_stderr(index: Index, folder: Folder) -> None:
    command = start(index, "index", "add", folder.path, "--follow-links")

    printed = command.finish(SKIPPED_SOME)

    assert f"{len(GOOD)} images added" in printed
    assert f"{len(EXPECTED)} skipped" in printed
    for uri, (code, words) in folder.bad.items():
        start_of_line = f"skipped {uri}:"
        [line] = [line for line in command.stderr.splitlines() if line.startswith(start_of_line)]
        assert line.endswith(f"({code})")
        assert words in line


def test_a_bad_file_leaves_the_quarantine_once_it_is_good(
    index: Index, store: Store, folder: Folder
) -> None:
    add(index, folder)
    repaired = folder.path / "truncated.jpg"
    repaired.write_bytes(pictures.plain_jpeg())

    report = add(index, folder)

    assert (report["added"], len(report["skipped"])) == (1, len(EXPECTED) - 1)
    assert quarantined(index).keys() == folder.bad.keys() - {str(repaired)}
    assert set(examine(store).sources) == folder.good | {str(repaired)}


def test_a_folder_without_bad_files_ends_with_success(index: Index, folder: Folder) -> None:
    for name in EXPECTED:
        (folder.path / name).unlink()

    assert add(index, folder, code=0)["skipped"] == []


def test_a_picture_that_cannot_be_asked_about_is_reported_and_the_others_answered(
    index: Index, folder: Folder
) -> None:
    add(index, folder)
    asked = [folder.path / "text.jpg", folder.path / "bee.jpg", folder.path / "bomb.png"]

    command = start(index, "search", *asked, "--json")

    [verdict] = json.loads(command.finish(SKIPPED_SOME))
    assert (verdict["query"], verdict["tier"]) == (str(folder.path / "bee.jpg"), "exact")
    assert "unreadable_image" in command.stderr
    assert "image_too_large" in command.stderr


@pytest.mark.slow
def test_a_file_without_permission_is_skipped(tmp_path: Path, model: Path, folder: Folder) -> None:
    index = Index(tmp_path / "home")
    start(index, "init", "--model", model).finish()
    locked = folder.path / "bee.jpg"
    locked.chmod(0)

    done = subprocess.run(
        [*unprivileged(), COMMAND, "index", "add", folder.path, "--follow-links", "--json"],
        env=index.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == SKIPPED_SOME, done.stderr
    report = json.loads(done.stdout)
    assert_reasons(reasons(report), folder.bad | {str(locked): ("unreadable_source", "permission")})
    assert report["added"] == len(GOOD) - 1


def unprivileged() -> list[str]:
    """Return what starts a command for which permissions count: root may read everything."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may read every file, and setpriv is not there to take that away")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.slow
def test_a_bomb_costs_no_memory(tmp_path: Path, model: Path) -> None:
    index = Index(tmp_path / "home")
    start(index, "init", "--model", model).finish()
    (tmp_path / "bomb.png").write_bytes(pictures.png_bomb())
    small = PHOTOS / "bee.jpg"

    without = peak_memory(index, "index", "add", small, code=0)
    with_it = peak_memory(index, "index", "add", small, tmp_path / "bomb.png", code=SKIPPED_SOME)

    # 30,000 x 30,000 pixels: 112 MB as one bit each, 2,700 MB as RGB
    assert with_it - without < 50 * 2**20


def peak_memory(index: Index, *arguments: object, code: int) -> int:
    """Run a command and return the most memory it had in use, in bytes."""
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        env=index.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == code
    return usage.ru_maxrss * 1024
