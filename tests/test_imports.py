import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from indexer.generation.extra import PACKAGES
from support.commands import PHOTOS, Index

COMMAND = Path(sys.executable).with_name("lookalike")
HEAVY = {"torch", "timm", "faiss", "sklearn", "sqlalchemy", "alembic", "fastapi", "uvicorn"}


def imported_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running `code`."""
    report = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    script = f"import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n{code}\n"
    done = subprocess.run(
        [sys.executable, "-c", script + report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["search", "--help"],
        ["serve", "--help"],
        ["index", "add", "--help"],
        ["model", "train", "--help"],
    ],
    ids=" ".join,
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "    from search_api.cli import app\n"
        "    with contextlib.suppress(SystemExit):\n"
        f"        app({arguments})"
    )

    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize("package", ["indexer", "search_api", "indexer.model", "indexer.vectors"])
def test_importing_a_package_loads_no_engine(package: str) -> None:
    assert not imported_by(f"    import {package}") & {"torch", "timm", "faiss", "sklearn"}


def test_importing_our_modules_loads_no_generator() -> None:
    modules = (
        "search_api.cli, search_api.client.server_screener, indexer.generation.index_screener, "
        "indexer.generation.safety_checker, indexer.generation.screened_pipeline"
    )

    assert not imported_by(f"    import {modules}") & {*PACKAGES, "torch"}


WITHOUT_THE_EXTRA = """\
import sys

class Installed:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        missing = name.partition(".")[0] in {packages}
        return None if missing else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Installed, sys.meta_path)
from search_api.cli import app
for arguments in {commands}:
    try:
        app(arguments)
    except SystemExit as ended:
        assert not ended.code, arguments
try:
    app(["generate", "text", "a red apple"])
except SystemExit as ended:
    assert ended.code == 2
from indexer.generation.screened_pipeline import ScreenedPipeline
try:
    ScreenedPipeline.from_pretrained("anything", None)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.long
def test_without_the_extra_all_else_works_and_a_generator_says_what_to_install(
    tmp_path: Path, tiny_model: Path
) -> None:
    photo = str(PHOTOS / "bee.jpg")
    commands = [["init", "--model", str(tiny_model)], ["index", "add", photo], ["search", photo]]
    code = WITHOUT_THE_EXTRA.replace("{packages}", str({*PACKAGES}))

    done = subprocess.run(
        [sys.executable, "-c", code.replace("{commands}", str(commands))],
        capture_output=True,
        text=True,
        check=True,
        env=Index(tmp_path / "home").environment,
    )

    assert "exact" in done.stdout
    assert "MissingExtra" in done.stdout
    assert "pip install 'lookalike[generate]'" in done.stdout
    assert "Error (missing_extra): " in done.stderr


def test_alembic_is_loaded_only_to_migrate() -> None:
    assert imported_by("    import indexer.store, indexer.clustering.incremental") & HEAVY == {
        "faiss",
        "sqlalchemy",
    }


def test_a_command_ends_without_a_search_for_garbage() -> None:
    code = "import atexit, gc\natexit.register(lambda: print(gc.get_freeze_count() > 0))\n"

    done = subprocess.run(
        [sys.executable, "-c", f"{code}import search_api.cli"], capture_output=True, check=True
    )

    assert done.stdout == b"True\n"


def test_the_client_loads_no_server() -> None:
    assert not imported_by("    import search_api.client") & (HEAVY | {"starlette", "PIL"})


def test_help_takes_less_than_half_a_second_of_a_core() -> None:
    def seconds() -> float:
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([COMMAND, "--help"], capture_output=True, check=True)
        after = getrusage(RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.5


def test_the_commands_give_each_library_one_thread() -> None:
    code = (
        "import search_api.cli, faiss, sklearn, threadpoolctl\n"
        "print(*(pool['num_threads'] for pool in threadpoolctl.threadpool_info()))"
    )
    free = {name: value for name, value in os.environ.items() if "_THREADS" not in name}

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=free
    )

    assert set(done.stdout.split()) == {"1"}
