"""References to models, each in a fresh interpreter: the hub's client reads its settings once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.hub import COMMIT, serve_hub
from support.models import make_marqo_like, make_tiny

MARQO = "Marqo/nsfw-image-detection-384"
RESOLVE = """
import sys
from indexer.errors import LookalikeError
from indexer.model.references import resolve
for reference in sys.argv[1:]:
    try:
        print(resolve(reference).path)
    except LookalikeError as error:
        print(error.code, error)
"""
CARD = """
import dataclasses, json, sys
from indexer.model import load_encoder
print(json.dumps(dataclasses.asdict(load_encoder(sys.argv[1], "cpu").card)))
"""


def run(code: str, *references: str, **environment: str) -> str:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code, *references],
        env=inherited | environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def lay_out_cache(home: Path, model: Path) -> Path:
    repository = home / "hub" / f"models--{MARQO.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return shutil.copytree(model, repository / "snapshots" / COMMIT)


@pytest.mark.long
def test_a_hub_model_in_the_cache_loads_offline(tmp_path: Path) -> None:
    lay_out_cache(tmp_path, make_marqo_like(tmp_path / "marqo"))

    card = json.loads(run(CARD, f"hf-hub:{MARQO}", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1"))

    assert card["reference"] == f"hf-hub:{MARQO}"
    assert card["labels"] == ["NSFW", "SFW"]
    assert card["dimension"] == 192
    assert card["input_size"] == [3, 384, 384]


def test_a_half_cached_model_says_how_to_fetch_the_rest(tmp_path: Path) -> None:
    snapshot = lay_out_cache(tmp_path, make_tiny(tmp_path / "tiny"))
    (snapshot / "model.safetensors").unlink()

    said = run(RESOLVE, f"hf-hub:{MARQO}", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")

    assert said.startswith("unavailable ")
    assert f"hf download {MARQO} config.json model.safetensors" in said


@pytest.mark.long  # the hub's client tries for 20 s
def test_an_unreachable_hub_says_how_to_get_the_model(tmp_path: Path) -> None:
    said = run(RESOLVE, f"hf-hub:{MARQO}", HF_HOME=str(tmp_path), HF_ENDPOINT="http://127.0.0.1:1")

    assert said.startswith("unavailable ")
    assert "ConnectError" in said
    assert f"hf download {MARQO} config.json model.safetensors --local-dir FOLDER" in said


def test_only_the_config_and_the_safetensors_are_downloaded(tmp_path: Path) -> None:
    model = make_tiny(tmp_path / "tiny")
    (model / "pytorch_model.bin").write_bytes(b"never asked for")

    with serve_hub({MARQO: model}) as (url, asked):
        path = run(RESOLVE, f"hf-hub:{MARQO}@main", HF_HOME=str(tmp_path), HF_ENDPOINT=url)

    assert sorted(file.name for file in Path(path).iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    for name in ("config.json", "model.safetensors"):
        assert (Path(path) / name).read_bytes() == (model / name).read_bytes()
    assert not any("bin" in request for request in asked)


def test_the_weights_are_taken_from_the_commit_of_the_config(tmp_path: Path) -> None:
    with serve_hub({MARQO: make_tiny(tmp_path / "tiny")}) as (url, asked):
        run(RESOLVE, f"hf-hub:{MARQO}", HF_HOME=str(tmp_path), HF_ENDPOINT=url)

    assert {request for request in asked if "safetensors" in request} == {
        f"/{MARQO}/resolve/{COMMIT}/model.safetensors"
    }


NOWHERE = {
    "hf-hub:owner/nothing": ("not_found", "hub has no"),
    "hf-hub:owner/pickled@v9": ("not_found", "hub has no"),
    "hf-hub:owner/pickled": ("invalid_model", "has no model.safetensors"),
    "hf-hub:owner/empty": ("invalid_model", "has no config.json"),
    "hf-hub:": ("invalid_model", "write hf-hub:owner/name"),
    "hf-hub:name": ("invalid_model", "write hf-hub:owner/name"),
    "hf-hub:a/b/c": ("invalid_model", "write hf-hub:owner/name"),
    "hf-hub:owner/na--me": ("invalid_model", "Cannot have --"),
    "hf-hub:owner/name@": ("invalid_model", "write hf-hub:owner/name"),
}


def test_a_hub_reference_that_leads_nowhere_has_a_clear_reason(tmp_path: Path) -> None:
    model = make_tiny(tmp_path / "tiny")
    (model / "model.safetensors").unlink()

    with serve_hub({"owner/pickled": model, "owner/empty": tmp_path}) as (url, _):
        said = run(RESOLVE, *NOWHERE, HF_HOME=str(tmp_path), HF_ENDPOINT=url).splitlines()

    for line, (reference, (code, reason)) in zip(said, NOWHERE.items(), strict=True):
        assert line.startswith(f"{code} ")
        assert reference in line
        assert reason in line


def test_importing_the_package_loads_neither_torch_nor_timm() -> None:
    code = """
import sys
import indexer.model, indexer.model.references
print(sorted({"torch", "timm", "huggingface_hub"} & sys.modules.keys()))
"""
    assert run(code, "") == "[]"
