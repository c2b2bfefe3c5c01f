"""Folders and hub repositories of pipelines: what is loaded, and what is refused and why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import InvalidModel, NotFoundError
from indexer.generation.pipeline_folder import PICKLES, resolve_pipeline
from support.hub import COMMIT, serve_hub
from support.pipelines import make_empty_pipeline

ROOT = Path(__file__).parents[1]
RESOLVE = """
import sys
from indexer.errors import LookalikeError
from indexer.generation.pipeline_folder import resolve_pipeline
for reference in sys.argv[1:]:
    try:
        print(resolve_pipeline(reference).path)
    except LookalikeError as error:
        print(error.code, error)
"""


def resolve(*references: str, **environment: str) -> list[str]:
    """Resolve references in a fresh interpreter: the hub's client reads its settings once."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", RESOLVE, *references],
        env=inherited | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidModel) as refused:
        resolve_pipeline(str(folder))
    return str(refused.value)


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_in_safetensors_is_taken(tmp_path: Path) -> None:
    folder = resolve_pipeline(str(make_empty_pipeline(tmp_path / "sd")))

    assert folder.path == tmp_path / "sd"
    assert folder.class_name == "StableDiffusionPipeline"


@pytest.mark.parametrize("suffix", sorted(PICKLES))
def test_a_folder_with_a_pickle_is_refused_even_beside_safetensors(
    tmp_path: Path, suffix: str
) -> None:
    folder = make_empty_pipeline(tmp_path / "sd")
    (folder / "unet" / f"WEIGHTS{suffix.upper()}").write_bytes(b"")

    assert f"unet/WEIGHTS{suffix.upper()}" in refusal(folder)
    assert "can run code" in refusal(folder)


def test_a_folder_with_code_is_refused(tmp_path: Path) -> None:
    folder = make_empty_pipeline(tmp_path / "sd")
    (folder / "pipeline.py").write_text("raise SystemExit")

    assert "holds code (pipeline.py), which is never run" in refusal(folder)


def test_code_behind_a_link_is_refused(tmp_path: Path) -> None:
    folder = make_empty_pipeline(tmp_path / "sd", vae=["diffusers", "AutoencoderKL"])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "evil.py").write_text("raise SystemExit")
    (folder / "vae").symlink_to(tmp_path / "elsewhere")

    assert "vae/evil.py" in refusal(folder)


def test_a_component_that_names_code_on_the_hub_is_refused(tmp_path: Path) -> None:
    folder = make_empty_pipeline(tmp_path / "sd")
    (folder / "unet" / "config.json").write_text('{"auto_map": {"AutoModel": "evil/repo--x.Y"}}')

    assert "unet/config.json" in refusal(folder)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"_class_name": ["pipeline", "Mine"]}, "names no pipeline class of diffusers"),
        ({"../unet": ["diffusers", "UNet2DModel"]}, "invalid component '../unet'"),
        ({"unet": [["os"], "system"]}, "invalid component 'unet'"),
        ({"unet": ["diffusers.models", "UNet2DModel"]}, "invalid component 'unet'"),
    ],
)
def test_an_index_that_names_anything_but_components_is_refused(
    tmp_path: Path, stated: dict[str, object], said: str
) -> None:
    assert said in refusal(make_empty_pipeline(tmp_path / "sd", **stated))


@pytest.mark.long  # loads diffusers
def test_a_class_of_any_other_library_is_refused(tmp_path: Path) -> None:
    folder = make_empty_pipeline(tmp_path / "sd", unet=["subprocess", "Popen"])

    assert "is a class of 'subprocess'" in refusal(folder)


def test_a_folder_that_is_no_pipeline_says_what_one_is(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")

    assert "it has no model_index.json" in refusal(tmp_path)
    assert "from_single_file" in refusal(tmp_path / "model.safetensors")
    (tmp_path / "model_index.json").write_text("{")
    assert "is not valid JSON" in refusal(tmp_path)
    with pytest.raises(NotFoundError, match="does not exist"):
        resolve_pipeline(str(tmp_path / "nowhere"))


# --- the hub -------------------------------------------------------------------------------------


def test_neither_code_nor_pickles_nor_other_weights_are_downloaded(tmp_path: Path) -> None:
    repository = make_empty_pipeline(tmp_path / "sd")
    for name in (
        "pipeline.py",
        "sd.safetensors",  # all in one file
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/model.py",
        "flax/flax_model.msgpack",
    ):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_bytes(b"never asked for")

    with serve_hub({"owner/sd": repository}) as (url, asked):
        home = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": url}
        [path] = resolve("hf-hub:owner/sd", **home)
    [offline] = resolve("hf-hub:owner/sd", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")

    files = [file for file in Path(path).rglob("*") if not file.is_dir()]
    assert sorted(str(file.relative_to(path)) for file in files) == [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    assert {request for request in asked if request.endswith(".safetensors")} == {
        f"/owner/sd/resolve/{COMMIT}/unet/diffusion_pytorch_model.safetensors"
    }
    assert offline == path


@pytest.mark.long  # one more interpreter
def test_a_hub_reference_that_leads_nowhere_has_a_clear_reason(tmp_path: Path) -> None:
    references = {
        "hf-hub:owner/nothing": ("not_found", "hub has no"),
        "hf-hub:owner/classifier": ("invalid_model", "is no diffusers pipeline"),
        "hf-hub:name": ("invalid_model", "write hf-hub:owner/name"),
    }
    with serve_hub({"owner/classifier": tmp_path}) as (url, _):
        said = resolve(*references, HF_HOME=str(tmp_path), HF_ENDPOINT=url)
    said += resolve("hf-hub:owner/nothing", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")

    for line, (code, reason) in zip(said, references.values(), strict=False):
        assert line.startswith(f"{code} ")
        assert reason in line
    assert said[-1].startswith("unavailable ")
    assert "`hf download owner/nothing --local-dir FOLDER`" in said[-1]
