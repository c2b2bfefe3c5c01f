"""Checks of file permissions."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from indexer.runtime.private_files import FILE_MODE, FOLDER_MODE, open_to_others
from indexer.upkeep.findings import Finding, State

_JOURNALS: Final = ("", "-wal", "-shm")  # suffixes of a SQLite database's files


def examine_permissions(home: Path, database: Path | None) -> Iterator[Finding]:
    """Look at the home folder, and at a SQLite database's files.

    They are made for their owner alone; what was there before, or was opened to others since, is
    only told: a group may share it on purpose.
    """
    if home.is_dir():
        yield _examine("home folder", [home], FOLDER_MODE)
    if database:
        files = [database.with_name(database.name + suffix) for suffix in _JOURNALS]
        if existing := [file for file in files if file.exists()]:
            yield _examine("database files", existing, FILE_MODE)


def _examine(what: str, paths: list[Path], mode: int) -> Finding:
    try:
        wide = [path for path in paths if open_to_others(path)]
    except OSError as error:
        return Finding(what, State.WARNING, f"cannot be examined: {error.strerror or error}")
    if not wide:
        return Finding(what, State.OK, "readable only by its owner")
    modes = ", ".join(f"{path} has mode {path.stat().st_mode & 0o777:03o}" for path in wide)
    return Finding(
        what,
        State.WARNING,
        f"readable by other users: {modes}",
        f"Restrict it, unless intended: chmod {mode:o} {shlex.join(map(str, wide))}",
    )
