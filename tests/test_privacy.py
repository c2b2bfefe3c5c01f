"""What the libraries do besides their work: nothing is told to anybody, nothing kept elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import PHOTOS, Index

COMMANDS = """
import sys
from search_api.cli import app
for command in (["init"], ["index", "add", sys.argv[1]], ["search", sys.argv[1], "--json"]):
    app(command, standalone_mode=False)
"""


def test_nothing_is_written_but_into_our_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would keep a device id and a database of events for its makers."""
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)  # another test's process has it
    user = tmp_path / "user"
    user.mkdir()
    places = {"HOME": str(user), "XDG_CACHE_HOME": str(user), "XDG_DATA_HOME": str(user)}
    environment = Index(tmp_path / "index", extra=places).environment

    found = subprocess.run(
        [sys.executable, "-c", COMMANDS, PHOTOS / "bee.jpg"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads("{" + found.stdout.partition("\n{")[2])["matches"]
    assert list(user.rglob("*")) == []
