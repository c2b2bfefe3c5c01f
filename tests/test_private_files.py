"""What an index keeps is for its owner alone from the first moment, whatever the umask."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from indexer.runtime.private_files import make_private_folder, private
from support.commands import PHOTOS, Index


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder.parent)): f"{path.stat().st_mode & 0o777:o}"
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o077
    }


_WATCH: Final = """
import os, sys
from indexer.store.database import migrate

def look(event, arguments):
    if event == "sqlite3.connect":
        file = arguments[0]
        modes.add(os.stat(file).st_mode & 0o777 if os.path.exists(file) else None)

modes = set()
os.umask(0)
sys.addaudithook(look)
migrate.upgrade(f"sqlite:///{sys.argv[1]}")
print(modes)
"""


def test_the_database_is_private_before_sqlite_opens_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "home" / "lookalike.db"

    done = subprocess.run(
        [sys.executable, "-c", _WATCH, file], check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == str({0o600})
    assert not open_to_others(tmp_path / "new")


@pytest.mark.usefixtures("no_umask")
def test_all_that_an_index_keeps_is_private(tmp_path: Path, tiny_model: Path) -> None:
    index = Index(
        tmp_path / "home",
        extra={"LOOKALIKE_MODEL": str(tiny_model), "LOOKALIKE_RUNTIME": "torch"},
    )
    index.run_here("init")
    index.run_here("index", "add", PHOTOS, "--bank", "known")
    index.run_here("cluster", "run", "--algorithm", "near_duplicates")
    index.run_here("index", "snapshot")
    index.run_here("bank", "export", "known", tmp_path / "list.csv")

    assert list(index.home.rglob("manifest.json"))
    assert not open_to_others(index.home)
    assert (tmp_path / "list.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("no_umask")
def test_folders_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o750)

    make_private_folder(shared)
    make_private_folder(shared / "one" / "two")
    with open(shared / "one" / "file", "w", opener=private):
        pass

    assert open_to_others(shared) == {"shared": "750"}


def test_doctor_tells_how_to_close_an_index_that_others_may_read(
    tmp_path: Path, tiny_model: Path
) -> None:
    home = tmp_path / "the home"
    home.mkdir()
    home.chmod(0o755)
    index = Index(home, extra={"LOOKALIKE_MODEL": str(tiny_model), "LOOKALIKE_RUNTIME": "torch"})
    index.run_here("init")
    database = home / "lookalike.db"
    database.chmod(0o640)

    findings = {each["what"]: each for each in index.run_here("doctor", "--json").json}

    assert findings["home folder"]["state"] == "warning"
    assert f"chmod 700 '{home}'" in findings["home folder"]["advice"]
    assert f"chmod 600 '{database}'" in findings["database files"]["advice"]
    assert home.stat().st_mode & 0o777 == 0o755  # told, not changed
    home.chmod(0o700)
    database.chmod(0o600)
    findings = {each["what"]: each for each in index.run_here("doctor", "--json").json}
    assert {findings[what]["state"] for what in ("home folder", "database files")} == {"ok"}
