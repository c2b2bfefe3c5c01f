"""The real command and the real server: as processes of their own, or within the test's."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from typer.testing import CliRunner

from indexer.settings import Settings
from search_api.cli import app
from support.shared_models import models_loaded_once

COMMAND = str(Path(sys.executable).with_name("lookalike"))
PHOTOS = Path(__file__).parents[2] / "photos"
_WAIT = 120  # seconds; loading the model on a busy machine is slow


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Ended(Done):
    """How a command ended, whichever way that is."""

    code: int


@dataclass(frozen=True)
class Index:
    """An index of its own: a home folder and, unless it is SQLite's, a database URL."""

    home: Path
    database_url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def copy(self, home: Path) -> "Index":
        """Copy an index on SQLite that nobody uses: quicker than to fill another one."""
        shutil.copytree(self.home, home)
        return Index(home, extra=dict(self.extra))

    @property
    def settings(self) -> Settings:
        """Settings of this index, for work on it within the test's process."""
        return Settings(home=self.home, database_url=self.database_url)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LOOKALIKE_") or name == "LOOKALIKE_MODEL_CACHE"
        }
        url = {"LOOKALIKE_DATABASE_URL": self.database_url} if self.database_url else {}
        return {**inherited, "LOOKALIKE_HOME": str(self.home), **url, **self.extra}

    def run(self, *arguments: object, code: int = 0) -> Done:
        """Run a command as a process to its end and hold it to an exit code."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=_WAIT)
        assert process.returncode == code, f"exit {process.returncode}\n{stdout}\n{stderr}"
        assert "Traceback" not in stderr, stderr
        return Done(stdout, stderr)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command as a process and leave it running."""
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_here(self, *arguments: object, code: int = 0) -> Done:
        """Run a command within this process and hold it to an exit code."""
        ended = self.end_here(*arguments)
        assert ended.code == code, f"exit {ended.code}\n{ended.stdout}\n{ended.stderr}"
        return Done(ended.stdout, ended.stderr)

    def end_here(self, *arguments: object) -> Ended:
        """Run a command within this process, where libraries and models are loaded only once.

        Logging stays as the test run has it: it belongs to the whole process.
        """
        ours = {name: None for name in os.environ if name.startswith("LOOKALIKE_")}
        with (
            patch("indexer.runtime.log_setup.configure_logging"),
            models_loaded_once(for_commands=True),
        ):
            result = CliRunner().invoke(app, [*map(str, arguments)], env=ours | self.environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.stdout, result.stderr, result.exit_code)

    @contextmanager
    def serve(self, log: Callable[[str], object] | None = None) -> Iterator[httpx.Client]:
        """Start a server on a free loopback port; stop it as a service manager does.

        It is forked from a process that has imported the libraries, which saves seconds. `log` is
        handed what it logged, once it has ended.
        """
        from support.forked import start

        server = start(self, "serve", "--port", 0, niceness=0)
        try:
            with httpx.Client(base_url=server.address(), timeout=_WAIT) as client:
                yield client
        finally:
            server.process.terminate()
            server.finish()
            if log:
                log(server.stderr)
