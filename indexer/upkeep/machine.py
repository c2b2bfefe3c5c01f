"""Checks of the machine: versions, disk, limits."""

import platform
import resource
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import indexer
from indexer.errors import UnavailableError
from indexer.settings import Settings
from indexer.upkeep.findings import Finding, State

_LIBRARIES: Final = ("torch", "timm", "faiss-cpu", "onnxruntime", "pillow", "sqlalchemy")
_LEAST_FREE: Final = 2**30  # bytes
_LEAST_FILES: Final = 1024


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Look at the program, its libraries, the home folder and the limits of this process."""
    yield Finding(
        "program",
        State.OK,
        f"lookalike {indexer.__version__}, Python {platform.python_version()}, "
        f"{settings.worker_threads} worker threads",
    )
    for name in _LIBRARIES:
        yield _library(name)
    yield _home(settings.home.absolute())
    yield _disk(settings.home.absolute())
    yield _files()


def _library(name: str) -> Finding:
    try:
        return Finding(name, State.OK, version(name))
    except PackageNotFoundError:
        return Finding(
            name,
            State.WARNING,
            "not installed",
            f"Install it if something needs it: `pip install {name}`.",
        )


def _home(home: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=home if home.exists() else _existing(home)) as file:
            file.write(b"lookalike")
            file.flush()
    except OSError as error:
        return Finding(
            "home",
            State.PROBLEM,
            f"the folder {home} is not writable: {error.strerror or error}",
            "Correct the permissions of the folder, or name another one with LOOKALIKE_HOME.",
            exit_code=UnavailableError.exit_code,
        )
    return Finding("home", State.OK, f"the folder {home} is writable")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free
    found = f"{free / 2**30:.1f} GiB free under {home}"
    if free < _LEAST_FREE:
        return Finding("disk", State.WARNING, found, "Free space, or move LOOKALIKE_HOME.")
    return Finding("disk", State.OK, found)


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = "unlimited open files" if soft == resource.RLIM_INFINITY else f"{soft} open files"
    if soft not in range(_LEAST_FILES):
        return Finding("limits", State.OK, found)
    advice = f"A busy server needs more: raise the limit to {_LEAST_FILES} (`ulimit -n`)."
    return Finding("limits", State.WARNING, found, advice)


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())
