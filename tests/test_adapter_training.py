"""Adapters trained within the process: losses, both methods, resumption, memorisation."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.errors import InputError, InvalidModel
from indexer.generation.pipelines import load_pipeline
from indexer.generation.training.adapter_fit import AdapterFit, Measurement
from indexer.generation.training.captioned_pictures import TrainingPictures, read_pictures
from indexer.generation.training.diffusion_loss import DiffusionLoss
from indexer.generation.training.lora import LoraAdapter
from indexer.generation.training.nearest_picture import TrainingPictureSearch
from indexer.generation.training.pipeline_parts import check_trainable, encode_pictures
from indexer.generation.training.recipe import AdapterRecipe, Method
from indexer.generation.training.textual_inversion import TokenAdapter
from indexer.model.training.checkpoints import Checkpoint
from indexer.settings import Settings
from support.concept import draw_concept
from support.pipelines import make_small_pipeline

SIDE = 16  # pixels of what the small pipeline draws
PROMPT = "a red icon of <disc>"
RECIPE = AdapterRecipe(Method.LORA, steps=8, batch=4, learning_rate=2e-3, every=4, size=SIDE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_concept(tmp_path_factory.mktemp("concept") / "badges")


@pytest.fixture(scope="module")
def pictures(folder: Path) -> TrainingPictures:
    return read_pictures(folder, SIDE, PROMPT, Settings())


MakePipeline = Callable[[str], Any]


@pytest.fixture(scope="module")
def make_pipeline(tmp_path_factory: pytest.TempPathFactory) -> MakePipeline:
    """Give what loads the small pipeline anew, for a kind of prediction."""
    small = str(make_small_pipeline(tmp_path_factory.mktemp("pipeline") / "small"))

    def make(prediction: str) -> Any:
        pipeline = load_pipeline(small)
        pipeline.scheduler.register_to_config(prediction_type=prediction)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return make


class _Killed(BaseException):
    """Stands for a kill between two writes of the checkpoint."""


def _train(
    pipeline: Any,
    pictures: TrainingPictures,
    checkpoint: Path,
    recipe: AdapterRecipe = RECIPE,
    on_step: Callable[[int, float], object] = lambda _done, _loss: None,
) -> tuple[Any, AdapterFit]:
    check_trainable(pipeline, "tests")
    if recipe.method is Method.LORA:
        adapter: Any = LoraAdapter(pipeline, pictures.captions, rank=4, seed=0)
    else:
        adapter = TokenAdapter(pipeline, pictures.captions, "<disc>", "apple")
    fit = AdapterFit(
        pipeline.unet,
        adapter,
        encode_pictures(pipeline, pictures.pictures),
        DiffusionLoss(pipeline.scheduler, recipe.min_snr),
        recipe,
        Checkpoint(checkpoint, {"recipe": str(recipe)}),
    )
    fit.run(lambda _measured: None, on_step)
    return adapter, fit


@pytest.mark.parametrize(
    "method", [Method.LORA, pytest.param(Method.TEXTUAL_INVERSION, marks=pytest.mark.long)]
)
def test_a_training_that_was_ended_comes_to_the_same_losses_and_weights(
    method: Method, pictures: TrainingPictures, make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, method=method)
    whole, fit = _train(make_pipeline("v_prediction"), pictures, tmp_path / "whole.pt", recipe)

    def end(done: int, _loss: float) -> None:
        if done == 6:
            raise _Killed

    with pytest.raises(_Killed):
        _train(make_pipeline("v_prediction"), pictures, tmp_path / "ended.pt", recipe, on_step=end)
    resumed, again = _train(make_pipeline("v_prediction"), pictures, tmp_path / "ended.pt", recipe)

    assert again.losses == fit.losses
    assert again.history == fit.history
    assert [each.step for each in again.history] == [0, 4, 8]
    for mine, theirs in zip(whole.parameters, resumed.parameters, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    "prediction", ["v_prediction", pytest.param("epsilon", marks=pytest.mark.long)]
)
def test_what_is_saved_is_loaded_by_diffusers_and_draws_the_same(
    prediction: str, pictures: TrainingPictures, make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    pipeline = make_pipeline(prediction)
    adapter, _ = _train(pipeline, pictures, tmp_path / "state.pt")
    adapter.save(tmp_path / "adapter")
    fresh = make_pipeline(prediction)
    before = _draw(fresh)
    fresh.load_lora_weights(tmp_path / "adapter")

    assert np.array_equal(_draw(fresh), _draw(pipeline))
    assert not np.array_equal(_draw(fresh), before)


def test_a_token_is_loaded_by_diffusers_and_draws_the_same(
    pictures: TrainingPictures, make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, method=Method.TEXTUAL_INVERSION, learning_rate=0.1)
    pipeline = make_pipeline("v_prediction")
    adapter, _ = _train(pipeline, pictures, tmp_path / "state.pt", recipe)
    adapter.save(tmp_path / "adapter")
    fresh = make_pipeline("v_prediction")
    fresh.load_textual_inversion(tmp_path / "adapter")

    assert np.array_equal(_draw(fresh), _draw(pipeline))
    assert fresh.tokenizer.tokenize(PROMPT)[-1] == "<disc>"


def test_the_error_of_a_perfect_prediction_is_zero_for_noise_and_velocity(
    make_pipeline: MakePipeline,
) -> None:
    latents, noise = torch.randn(2, 5, 4, 3, 3).unbind(0)
    times = torch.tensor([0, 250, 500, 750, 999])
    for prediction in ("epsilon", "v_prediction"):
        scheduler = make_pipeline(prediction).scheduler
        velocity = scheduler.get_velocity(latents, noise, times)
        wanted = noise if prediction == "epsilon" else velocity
        noisy = scheduler.add_noise(latents, noise, times)

        def predict(given: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
            assert torch.allclose(given, noisy, atol=1e-5)  # noqa: B023 -- called at once
            assert torch.equal(at, times)
            return wanted  # noqa: B023

        loss = DiffusionLoss(scheduler, None)
        assert loss.errors(predict, latents, noise, times).abs().max() < 1e-9
        assert loss.band(times).tolist() == [0, 1, 2, 3, 3]


def test_min_snr_weighs_as_diffusers_own_scripts_do(make_pipeline: MakePipeline) -> None:
    from diffusers.training_utils import compute_snr

    times = torch.arange(0, 999, 37)
    for prediction, shift in (("epsilon", 0), ("v_prediction", 1)):
        scheduler = make_pipeline(prediction).scheduler
        ratio = compute_snr(scheduler, times)
        expected = ratio.clamp(max=5) / (ratio + shift)
        assert torch.allclose(DiffusionLoss(scheduler, 5).weights(times), expected, rtol=1e-4)
    assert DiffusionLoss(scheduler, None).weights(times).unique().tolist() == [1]


@pytest.mark.long
def test_the_loss_on_fixed_noise_falls(
    pictures: TrainingPictures, make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=30, every=30, learning_rate=1e-2, mean_decay=0.5)

    _, fit = _train(make_pipeline("v_prediction"), pictures, tmp_path / "state.pt", recipe)

    first, last = fit.history
    assert last.loss < first.loss
    assert first.training == (None,) * 4
    assert all(each is not None for each in last.training)


def test_a_training_that_diverges_says_so(
    pictures: TrainingPictures, make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="lower --learning-rate"):
        _train(
            make_pipeline("v_prediction"),
            pictures,
            tmp_path / "state.pt",
            replace(RECIPE, learning_rate=1e30),
        )


def test_a_token_that_is_a_word_already_or_is_in_no_caption_is_refused(
    pictures: TrainingPictures, make_pipeline: MakePipeline
) -> None:
    with pytest.raises(InputError, match="red is a word of the model already"):
        TokenAdapter(make_pipeline("v_prediction"), pictures.captions, "red", "apple")
    with pytest.raises(InputError, match="does not contain <ring>"):
        TokenAdapter(make_pipeline("v_prediction"), pictures.captions, "<ring>", "apple")


def test_pipelines_of_another_kind_are_refused(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline("v_prediction")
    pipeline.unet.register_to_config(in_channels=9)  # as of inpainting
    with pytest.raises(InvalidModel, match="cannot be trained"):
        check_trainable(pipeline, "inpainting")
    with pytest.raises(InvalidModel, match="cannot be trained"):
        check_trainable(object(), "something")
    with pytest.raises(InputError, match="predicts sample"):
        DiffusionLoss(make_pipeline("sample").scheduler, None)


def test_sidecar_captions_win_and_unreadable_pictures_are_named(
    folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "badges")
    (place / "03.txt").write_text(" a red disc\n")
    (place / "broken.png").write_bytes(b"\x89PNG no picture")
    shutil.copy(place / "00.png", place / "same.png")

    read = read_pictures(place, SIDE, PROMPT, Settings())

    assert [each.name for each in read.pictures] == [f"{n:02}.png" for n in range(12)]
    assert read.captions[3:5] == ["a red disc", PROMPT]
    assert read.duplicates == 1
    assert [Path(each.uri).name for each in read.skipped] == ["broken.png"]
    assert read.pictures[0].rgb.shape == (SIDE, SIDE, 3)


def test_too_few_pictures_and_missing_captions_are_refused(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "badges")
    with pytest.raises(InputError, match="Write one to 00"):
        read_pictures(place, SIDE, None, Settings())
    (place / "05.txt").write_text("  \n")
    with pytest.raises(InputError, match="is empty"):
        read_pictures(place, SIDE, PROMPT, Settings())
    for path in sorted(place.iterdir())[2:]:
        path.unlink()
    (place / "broken.png").write_bytes(b"\x89PNG no picture")
    with pytest.raises(InputError, match=r"holds 2 usable pictures.*1 were left out"):
        read_pictures(place, SIDE, PROMPT, Settings())
    with pytest.raises(InputError, match="There is no folder"):
        read_pictures(tmp_path / "nowhere", SIDE, PROMPT, Settings())


def test_a_copy_is_told_from_a_new_picture(tmp_path: Path) -> None:
    from support.labelled import draw, photo

    place = tmp_path / "photos"
    place.mkdir()
    for number in range(4):
        photo(number).save(place / f"{number}.png")
    pictures = read_pictures(place, 128, PROMPT, Settings()).pictures
    search = TrainingPictureSearch(pictures, Settings(home=tmp_path))
    copy = np.asarray(Image.fromarray(pictures[2].rgb).resize((90, 90)))
    other = np.asarray(draw(3))

    copied, new = search.nearest([copy, other])

    assert copied.name == "2.png"
    assert copied.near_copy
    assert copied.similarity > 0.8
    assert not new.near_copy


def test_measurements_state_the_mean_of_their_bands() -> None:
    assert Measurement(0, (1.0, 2.0, 3.0, 6.0), (None,) * 4).loss == 3.0


def _draw(pipeline: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    made = pipeline(
        PROMPT,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(1),
    )
    return np.asarray(made.images[0])
