"""What the image is built by, run without a container engine: installed, then served from.

Not covered: the base image, the download of the dependencies, and what an engine itself enforces.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.commands import PHOTOS

ROOT = Path(__file__).parents[1]
USER = 10001
SWITCH = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
pytestmark = pytest.mark.long


def for_everyone(python: Path) -> bool:
    """Tell whether a user without rights may run an interpreter."""
    return all(folder.stat().st_mode & 0o001 for folder in python.resolve().parents)


def python_for_the_image() -> Path:
    """Return the interpreter of this run, or the system's like it if others may run that only."""
    ours = Path(sys.executable)
    systems = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    return systems if not for_everyone(ours) and systems.exists() else ours


PYTHON = python_for_the_image()
AS_USER = SWITCH if os.geteuid() == 0 and shutil.which("setpriv") and for_everyone(PYTHON) else []


@dataclass(frozen=True)
class Image:
    """What would be in the image, and the one folder that its user may write."""

    target: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.target / 'bin'}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "TMPDIR": str(self.home / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LOOKALIKE_HOME": str(self.home),
            "LOOKALIKE_MODEL_CACHE": str(self.home / "models"),
            "LOOKALIKE_LOG_FORMAT": "json",
            "LOOKALIKE_DATABASE_URL_FILE": str(self.home / "secret"),
            "LOOKALIKE_SERVE_PORT": "0",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*AS_USER, str(ROOT / "docker" / "entrypoint.sh"), *arguments],
            env=self.environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == code, stdout + stderr
        return stdout + stderr

    @contextmanager
    def serve(self) -> Iterator[httpx.Client]:
        with self.start("serve") as server:
            assert server.stdout is not None
            line = server.stdout.readline()
            try:
                assert line.startswith("Console: http://127.0.0.1:"), server.communicate()
                base_url = line.split()[1].removesuffix("/console")
                with httpx.Client(base_url=base_url, timeout=60) as client:
                    yield client
            finally:
                server.send_signal(signal.SIGTERM)
                _, stderr = server.communicate(timeout=60)
            assert server.returncode == 0, stderr


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Run the build step, with the libraries of this environment in place of downloaded ones."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        options = "--quiet --no-index --no-build-isolation"
        done = subprocess.run(
            [ROOT / "docker" / "install.sh"],
            env={
                "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
                "HOME": str(base),
                "TARGET": str(base / "opt"),
                "TORCH_INDEX": "",
                "PIP_OPTIONS": options,
                "BORROW": sysconfig.get_path("purelib"),
            },
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        image = Image(base / "opt", base / "home")
        (image.home / "tmp").mkdir(parents=True)
        (image.home / "secret").write_text(f"sqlite:///{image.home}/from-a-file.db")
        for path in (image.home, *image.home.iterdir()):
            if AS_USER:
                os.chown(path, USER, USER)
        yield image


def test_what_is_installed_is_the_package_itself(image: Image) -> None:
    site = next((image.target / "lib").glob("python*/site-packages"))

    assert (site / "search_api" / "app.py").exists()
    assert (site / "indexer" / "_migrations").is_dir()
    assert list((site / "indexer" / "model" / "weights").rglob("*.safetensors"))
    assert not (site / "tests").exists()


def test_nothing_that_installs_is_left(image: Image) -> None:
    left = {path.name for path in (image.target / "bin").iterdir()}
    site = next((image.target / "lib").glob("python*/site-packages"))

    assert {name for name in left if name.startswith(("pip", "wheel", "easy_install"))} == set()
    assert not {"pip", "wheel"} & {path.name for path in site.iterdir()}


def test_it_serves_as_a_user_who_may_write_nothing_but_the_home(image: Image) -> None:
    said = image.run("init")
    before = set(image.target.rglob("*"))

    with image.serve() as client:
        port = str(client.base_url.port)
        healthy = subprocess.run(
            [*AS_USER, image.target / "bin" / "python", ROOT / "docker" / "healthcheck.py"],
            env=image.environment | {"LOOKALIKE_SERVE_PORT": port},
            check=False,
        )
        data = (PHOTOS / "bee.jpg").read_bytes()
        answer = client.post("/v1/search", files={"image": ("a.jpg", data)})
        page = client.get("/console/login")

    assert "is ready" in said
    assert healthy.returncode == 0
    assert answer.status_code == 200, answer.text
    assert answer.json()["tier"] == "none"
    assert page.status_code == 200, page.text  # its template was packaged
    assert (image.home / "from-a-file.db").exists()
    assert not (image.home / "models").exists()  # the shipped model brings its export
    assert set(image.target.rglob("*")) == before
    if AS_USER:
        assert (image.home / "from-a-file.db").stat().st_uid == USER


def test_a_server_that_is_away_is_not_healthy(image: Image) -> None:
    done = subprocess.run(
        [image.target / "bin" / "python", ROOT / "docker" / "healthcheck.py"],
        env=image.environment | {"LOOKALIKE_SERVE_PORT": "9"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1


def test_a_secret_that_cannot_be_read_is_named(image: Image) -> None:
    missing = Image(image.target, image.home / "elsewhere")

    said = missing.run("status", code=2)

    assert "LOOKALIKE_DATABASE_URL_FILE names" in said
