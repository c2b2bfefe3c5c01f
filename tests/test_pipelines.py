"""Diffusion pipelines: loading, adapters, schedulers, and one set of networks for all tasks."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.errors import InputError, InvalidModel, NotFoundError
from indexer.generation.adapters import Adapters, attach
from indexer.generation.diffusion import DiffusionModel, PictureRequest
from indexer.generation.extra import quiet_libraries
from indexer.generation.pipelines import Task, as_task, load_pipeline
from indexer.generation.sampling import Sampling, fit_size, parse_size
from indexer.generation.schedulers import SCHEDULERS, set_scheduler
from indexer.generation.tiny import FOLDER
from support.pipelines import make_small_pipeline

QUICK = Sampling(steps=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole pipeline with random weights that draws 16 x 16 pixels."""
    return make_small_pipeline(tmp_path_factory.mktemp("pipelines") / "small")


@pytest.fixture(scope="module")
def model(small: Path) -> DiffusionModel:
    return DiffusionModel(str(small), device="cpu")


@pytest.fixture
def pipeline(small: Path) -> Any:
    return load_pipeline(str(small), device="cpu")


def noise(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


def photo(width: int = 48, height: int = 32) -> Image.Image:
    shades = np.linspace(0, 255, width * height * 3).astype(np.uint8)
    return Image.fromarray(shades.reshape(height, width, 3))


# --- loading -------------------------------------------------------------------------------------


def test_the_tiny_pipeline_names_no_folder_of_the_machine_that_packed_it() -> None:
    configurations = [path.read_text() for path in FOLDER.glob("*/*.json")]

    assert len(configurations) >= 3
    assert not any("_name_or_path" in text for text in configurations)


@pytest.mark.long
def test_the_tiny_pipeline_draws_64_pixels_from_weights_at_full_precision(
    tiny_pipeline: Path,
) -> None:
    loaded = load_pipeline("tiny", device="cpu")
    drawn = DiffusionModel("tiny", device="cpu").draw(
        PictureRequest("a red apple", QUICK), noise(1)
    )

    assert tiny_pipeline.is_dir()
    assert str(loaded.unet.dtype) == "torch.float32"
    assert drawn.size == (64, 64)
    assert drawn.mode == "RGB"


@pytest.mark.long
def test_a_folder_whose_weights_are_damaged_is_refused(small: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small, tmp_path / "damaged")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")

    with pytest.raises(InvalidModel, match="cannot be loaded"):
        load_pipeline(str(folder), device="cpu")


@pytest.mark.long
def test_pipelines_for_all_tasks_share_their_networks(pipeline: Any) -> None:
    others = [as_task(pipeline, task) for task in Task]

    assert len({type(each) for each in others}) == len(Task)
    assert all(each.unet is pipeline.unet for each in others)


@pytest.mark.long
def test_a_pipeline_that_cannot_do_a_task_is_refused(pipeline: Any) -> None:
    from diffusers import DDIMPipeline

    unconditional = DDIMPipeline(pipeline.unet, pipeline.scheduler)

    with pytest.raises(InvalidModel, match="A DDIMPipeline cannot do inpainting"):
        as_task(unconditional, Task.INPAINTING)


# --- drawing -------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_seed_draws_the_same_and_another_seed_another(model: DiffusionModel) -> None:
    request = PictureRequest("a red apple", QUICK)

    assert model.draw(request, noise(7)).tobytes() == model.draw(request, noise(7)).tobytes()
    assert model.draw(request, noise(7)).tobytes() != model.draw(request, noise(8)).tobytes()


@pytest.mark.long
def test_a_repainted_picture_keeps_its_shape_at_the_pipeline_s_size(model: DiffusionModel) -> None:
    drawn = model.draw(PictureRequest("an icon", QUICK, picture=photo(300, 100)), noise(1))

    assert drawn.size == (24, 8)


@pytest.mark.long
def test_inpainting_changes_nothing_outside_of_the_mask(model: DiffusionModel) -> None:
    mask = Image.new("L", (48, 32), 0)
    mask.paste(255, (10, 10, 30, 20))

    drawn = model.draw(PictureRequest("an icon", QUICK, photo(), mask), noise(1))

    kept = np.asarray(mask) == 0
    assert drawn.size == (48, 32)
    assert np.array_equal(np.asarray(drawn)[kept], np.asarray(photo())[kept])
    assert not np.array_equal(np.asarray(drawn)[~kept], np.asarray(photo())[~kept])


@pytest.mark.long
def test_the_settings_of_a_picture_have_the_defaults_filled_in(model: DiffusionModel) -> None:
    strong = PictureRequest("a", Sampling(strength=0.4, negative_prompt="red"), picture=photo())

    assert model.settings(strong) == {
        "num_inference_steps": 50,
        "guidance_scale": 7.5,
        "strength": 0.4,
        "negative_prompt": "red",
        "size": (16, 16),
        "scheduler": "DDIMScheduler",
    }
    assert model.steps(strong) == 20


@pytest.mark.long
def test_each_step_is_told(model: DiffusionModel) -> None:
    told: list[tuple[int, int]] = []

    model.draw(PictureRequest("a", Sampling(steps=3)), noise(1), lambda *step: told.append(step))

    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.long
def test_a_strength_that_leaves_no_step_is_refused(model: DiffusionModel) -> None:
    weak = PictureRequest("a", Sampling(steps=3, strength=0.1), picture=photo())

    with pytest.raises(InputError, match=r"3 steps at strength 0\.1 are none at all"):
        model.draw(weak, noise(1))


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"guidance": -1.0}, {"guidance": float("nan")}, {"strength": 0.0}]
    + [{"size": size} for size in ((0, 8), (12, 8), (8192, 8))],
)
def test_sampling_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Sampling(**wrong).check()


def test_a_size_is_one_side_or_two() -> None:
    assert parse_size("512") == (512, 512)
    assert parse_size("768x512") == (768, 512)
    for wrong in ("", "x", "512x", "1x2x3", "-8", "8.0", "100"):
        with pytest.raises(InputError, match="pixels"):
            parse_size(wrong)


def test_a_fitted_size_has_the_square_s_area_on_a_grid_of_eight() -> None:
    assert fit_size((4000, 3000), 512) == (592, 440)
    assert fit_size((10, 10_000), 64) == (8, 2024)


# --- schedulers and adapters ---------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "lcm"])
def test_a_pipeline_draws_with_any_of_its_schedulers(pipeline: Any, name: str) -> None:
    pipeline.set_progress_bar_config(disable=True)
    with quiet_libraries():
        set_scheduler(pipeline, name)

        assert type(pipeline.scheduler).__name__ == SCHEDULERS[name]
        assert pipeline("a red apple", num_inference_steps=3).images[0].size == (16, 16)


@pytest.mark.long
def test_a_scheduler_that_does_not_fit_names_those_that_do(pipeline: Any) -> None:
    with pytest.raises(InputError, match=r"cannot use lcm\. Choose one of ddim, ddpm, deis"):
        set_scheduler(pipeline, "lcm")
    with pytest.raises(InputError, match="There is no scheduler 'best'"):
        set_scheduler(pipeline, "best")


@pytest.fixture
def lora(pipeline: Any, tmp_path: Path) -> Path:
    """Folder of LoRA weights, as diffusers saves them."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipeline.unet.add_adapter(
        LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights="gaussian")
    )
    layers = get_peft_model_state_dict(pipeline.unet)
    layers = {name: weights + 0.5 for name, weights in layers.items()}
    StableDiffusionPipeline.save_lora_weights(tmp_path / "lora", unet_lora_layers=layers)
    return tmp_path / "lora"


@pytest.mark.long
def test_lora_files_change_what_is_drawn(small: Path, lora: Path) -> None:
    request = PictureRequest("a red apple", QUICK)
    without = DiffusionModel(str(small), device="cpu").draw(request, noise(1))
    adapters = Adapters(loras=(lora, lora / "pytorch_lora_weights.safetensors"))
    model = DiffusionModel(str(small), adapters=adapters, device="cpu")

    assert model.draw(request, noise(1)).tobytes() != without.tobytes()
    assert model.settings(request)["loras"] == ["lora", "pytorch_lora_weights.safetensors"]


@pytest.mark.long
def test_a_textual_inversion_adds_its_word(pipeline: Any, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "learned_embeds.safetensors"
    save_file({"<thing>": torch.ones(1, 8)}, file)

    attach(pipeline, Adapters(embeddings=(file,)))

    assert "<thing>" in pipeline.tokenizer.get_vocab()
    with pytest.raises(InvalidModel, match="already in tokenizer vocabulary"):
        attach(pipeline, Adapters(embeddings=(tmp_path,)))


@pytest.mark.long
def test_an_adapter_that_does_not_fit_is_refused(pipeline: Any, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    (tmp_path / "lora.safetensors").write_bytes(b"nothing")
    (tmp_path / "lora.bin").write_bytes(b"")
    save_file({"<thing>": torch.ones(1, 5)}, tmp_path / "wide.safetensors")
    save_file({"unet.x.lora_A.weight": torch.ones(2, 2)}, tmp_path / "strange.safetensors")

    for name in ("lora", "strange", "wide"):
        path = tmp_path / f"{name}.safetensors"
        kind = {"embeddings": (path,)} if name == "wide" else {"loras": (path,)}
        with pytest.raises(InvalidModel, match="cannot be used as"):
            attach(pipeline, Adapters(**kind))
    with pytest.raises(InvalidModel, match=r"lora\.bin is not in safetensors"):
        attach(pipeline, Adapters(loras=(tmp_path / "lora.bin",)))
    with pytest.raises(NotFoundError):
        attach(pipeline, Adapters(loras=(tmp_path / "nowhere.safetensors",)))
