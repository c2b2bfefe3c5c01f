"""What the libraries do besides their work: nothing is told to anybody, nothing kept elsewhere."""

from pathlib import Path

import pytest

from support.commands import PHOTOS, Index


def test_nothing_is_written_but_into_our_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would keep a device id and a database of events for its makers."""
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)  # another test's process has it
    user = tmp_path / "user"
    user.mkdir()
    places = {"HOME": str(user), "XDG_CACHE_HOME": str(user), "XDG_DATA_HOME": str(user)}
    index = Index(tmp_path / "index", extra=places)
    index.run("init")

    index.run("index", "add", PHOTOS / "bee.jpg")
    found = index.run("search", PHOTOS / "bee.jpg", "--json")

    assert found.json["matches"]
    assert list(user.rglob("*")) == []
