"""Fixtures that many tests share: databases, each on SQLite and on Postgres; a browser."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage

import hypothesis
import pytest
import structlog
from playwright.sync_api import Browser

from indexer.runtime.cpu import limit_library_threads
from indexer.store import Store, open_store, upgrade
from support.browser import WEBGL, running_browser
from support.extent import extent, take_everything
from support.postgres import postgres_database, running_postgres
from support.shared_models import models_loaded_once

gc.disable()  # until all is collected, which takes a third less
limit_library_threads()
# A suite that runs in the background may ignore Ctrl-C, and what it starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Our log lines go where the libraries' go: on stdout there are results alone.
structlog.configure(
    processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
    logger_factory=structlog.stdlib.LoggerFactory(),
)

_MEMORY = Path("/dev/shm")  # noqa: S108 -- pytest makes a folder there that is this user's alone
_ROOM = 4 * 2**30  # bytes, of which a whole run takes one


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the long tests too (make test-all)")
    parser.addoption(
        "--shipped", action="store_true", help="the shipped model in test_workers_at_size.py, too"
    )
    parser.addoption(
        "--live", metavar="URL", help="a vector engine of yours to hold to its contract"
    )


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: a fifth of the time tests wait for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    take_everything(config.getoption("--all"))
    # Containers set it, and each of the hundred processes of a run would compile every module.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    _write_to_memory()
    # Speed is measured in benchmarks/: a busy machine must not fail a property.
    hypothesis.settings.register_profile("lookalike", deadline=None, max_examples=extent(20, 100))
    hypothesis.settings.load_profile("lookalike")


def _write_to_memory() -> None:
    """Put temporary files into memory where there is room: what tests wait for is a disk.

    A Postgres database is copied in a tenth of the time, and no commit waits. No test cuts the
    power; those of full disks bring their own.
    """
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and disk_usage(_MEMORY).free > _ROOM:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # what it has found already


def pytest_collection_finish() -> None:
    """Collect garbage from here on, and not in what was loaded so far: all of that stays."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    long = [item for item in items if _is_long(item)]
    if long and len(long) < len(items):  # who asks for a long one alone gets it
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not _is_long(item)]


def _is_long(item: pytest.Item) -> bool:
    on_postgres = "postgres" in getattr(item, "callspec", _NoCall).id.split("-")
    marked = item.get_closest_marker
    return bool(marked("long") or (on_postgres and not marked("postgres")))


class _NoCall:
    """Of a test without parameters."""

    id = ""


@pytest.fixture(scope="session", autouse=True)
def model_cache(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """Share exported models between all tests, and leave the user's cache alone.

    Several runs may share them as well, in the folder that TEST_EXPORTS names.
    """
    own = tmp_path_factory.getbasetemp()
    run = own if worker_id == "master" else own.parent  # the folder of all workers
    folder = Path(os.environ.get("TEST_EXPORTS") or run / "exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_MODEL_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _models_loaded_once() -> Iterator[None]:
    with models_loaded_once():
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a Postgres server's own database, for making others."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """Name of a migrated Postgres database to copy."""
    with postgres_database(postgres_url) as url:
        upgrade(url)
        yield url.partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated SQLite file to copy."""
    file = tmp_path_factory.mktemp("migrated") / "lookalike.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'lookalike.db'}"
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh database with the newest schema."""
    if request.param == "sqlite":
        file = tmp_path / "lookalike.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    template = request.getfixturevalue("migrated_postgres")
    with postgres_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def console_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """URL of a Postgres database for the journeys of a file; None for SQLite, in the home."""
    if request.param == "sqlite":
        yield None
        return
    template = request.getfixturevalue("migrated_postgres")
    with postgres_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Open a store on a fresh database."""
    with open_store(database_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the smallest model: for tests that ask what is done, not what the model says."""
    from support.models import make_tiny

    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the tiny pipeline: what comes with the package, else untrained networks."""
    from indexer.generation import tiny
    from support.pipelines import make_tiny_stand_in

    if (tiny.FOLDER / "unet").is_dir():
        yield tiny.FOLDER
        return
    folder = make_tiny_stand_in(tmp_path_factory.mktemp("tiny"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "FOLDER", folder)
        yield folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def webgl_browser() -> Iterator[Browser]:
    """Run a browser that draws by WebGL, which costs all its pages more without a graphics card."""
    with running_browser(*WEBGL) as browser:
        yield browser
