"""The real command and the real server, as processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

COMMAND = str(Path(sys.executable).with_name("lookalike"))


@dataclass(frozen=True)
class Index:
    """An index of its own: a home folder and, unless it is SQLite's, a database URL."""

    home: Path
    database_url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOOKALIKE_")}
        url = {"LOOKALIKE_DATABASE_URL": self.database_url} if self.database_url else {}
        return {**inherited, "LOOKALIKE_HOME": str(self.home), **url, **self.extra}

    def run(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and hold it to an exit code."""
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: object, code: int = 0) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def serve(self) -> Iterator[httpx.Client]:
        """Start a server on a free loopback port; end it by its own process."""
        server = subprocess.Popen(
            [COMMAND, "serve", "--port", "0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line.startswith("Listening on http://127.0.0.1:"), line
            with httpx.Client(base_url=line.split()[2], timeout=60) as client:
                yield client
        finally:
            server.terminate()
            server.wait(timeout=30)
            server.stdout.close()
