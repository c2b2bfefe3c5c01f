"""Screened pipelines: no picture of a generator is seen before an index has judged it."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from indexer.errors import InputError, PictureFlagged, ScreeningFailed, UnscreenedOutput
from indexer.generation.extra import quiet_libraries
from indexer.generation.flagged_action import FlaggedAction, Shown, retry
from indexer.generation.index_screener import IndexScreener, open_screener
from indexer.generation.safety_checker import SafetyChecker
from indexer.generation.screened_pipeline import ScreenedPipeline
from indexer.generation.screening import Screening
from indexer.types import Action, Tier
from search_api.client import Lookalike
from search_api.client.server_screener import ServerScreener
from support.commands import PHOTOS, Index
from support.diffusion import stable_diffusion, stable_diffusion_xl

PROMPT = "a cat"
KNOWN = 4  # seed of a picture that is in a block bank
PAGE = (Path(__file__).parents[1] / "docs" / "screening.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
STEPS = {"num_inference_steps": 2}


class Counted:
    """A screener that counts the pictures it is given."""

    def __init__(self, screener: IndexScreener) -> None:
        self._screener = screener
        self.pictures = 0

    def screen(self, pictures: Sequence[Image.Image]) -> list[Screening]:
        self.pictures += len(pictures)
        return self._screener.screen(pictures)


class Broken:
    """A screener that screens nothing."""

    def __init__(self, answer: Exception | list[Screening]) -> None:
        self._answer = answer

    def screen(self, _pictures: Sequence[Image.Image]) -> list[Screening]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionPipeline:
    return stable_diffusion()


@pytest.fixture(scope="module")
def known(pipe: StableDiffusionPipeline) -> Image.Image:
    """Return what the pipeline makes of the prompt with the known seed."""
    return made(pipe, KNOWN)[0]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, known: Image.Image) -> Index:
    """Make an index of the shipped model with the known picture's PDQ in a block bank.

    By its embedding noise resembles all noise, and by PDQ only itself.
    """
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    index.run_here("bank", "create", "known-unsafe")
    with open_screener(index.settings) as screener:
        (screening,) = screener.screen([known])
    listed = index.home / "hashes.csv"
    listed.write_text(f"pdq\n{screening.verdict.pdq}\n")
    index.run_here("bank", "import", "known-unsafe", listed)
    return index


@pytest.fixture(scope="module")
def opened(index: Index) -> Iterator[IndexScreener]:
    with open_screener(index.settings) as screener:
        yield screener


@pytest.fixture
def screener(opened: IndexScreener) -> Counted:
    return Counted(opened)


def made(pipe: Any, *seeds: int) -> list[Image.Image]:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    pictures: list[Image.Image] = pipe([PROMPT] * len(seeds), generator=generators, **STEPS).images
    return pictures


def same(picture: Image.Image, other: Image.Image) -> bool:
    return picture.size == other.size and picture.tobytes() == other.tobytes()


def is_black(picture: Image.Image) -> bool:
    return picture.getextrema() == ((0, 0),) * 3


# --- what is returned ----------------------------------------------------------------------------


def test_a_known_picture_is_black_and_the_others_are_as_the_pipeline_makes_them(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener)

    images, pictures = screened(PROMPT, seed=KNOWN - 1, num_images_per_prompt=3, **STEPS)

    assert [picture.flagged for picture in pictures] == [False, True, False]
    assert is_black(images[1])
    plain = made(pipe, KNOWN - 1, KNOWN, KNOWN + 1)
    assert [same(*pair) for pair in zip(images, plain, strict=True)] == [True, False, True]
    assert screener.pictures == 3


def test_a_picture_comes_with_prompt_seed_scores_reasons_and_matches(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener)

    (picture,) = screened(PROMPT, seed=KNOWN, **STEPS).pictures

    screening = picture.screening
    assert (picture.prompt, picture.seed, picture.shown) == (PROMPT, KNOWN, Shown.BLACK)
    assert (screening.tier, screening.action) == (Tier.NEAR_DUPLICATE, Action.BLOCK)
    assert screening.reasons[0].startswith("known-copy: near_duplicate in bank known-unsafe")
    assert sum(screening.scores.values()) == pytest.approx(1, abs=1e-3)
    assert screening.matches[0].bank == "known-unsafe"
    plain = json.loads(json.dumps(picture.as_dict()))
    assert plain["seed"] == KNOWN
    assert plain["policy"]["version"] == 0
    assert plain["matches"][0]["entry_id"] == 1


def test_each_prompt_has_its_pictures_and_each_picture_its_seed(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener, "flag")

    images, pictures = screened(["a", "b"], seed=20, num_images_per_prompt=2, **STEPS)

    assert [(each.prompt, each.seed) for each in pictures] == [
        ("a", 20), ("a", 21), ("b", 22), ("b", 23),
    ]  # fmt: skip
    (alone,) = screened("b", seed=23, **STEPS).images
    assert np.abs(np.asarray(alone, int) - np.asarray(images[3], int)).max() <= 1


def test_a_callers_generator_is_used_and_its_seed_returned(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    generator = torch.Generator().manual_seed(KNOWN)

    output = ScreenedPipeline(pipe, screener)(PROMPT, generator=generator, **STEPS)

    assert output.pictures[0].seed == KNOWN
    assert output.nsfw_content_detected == [True]


def test_the_policy_in_force_decides_what_is_flagged(
    pipe: StableDiffusionPipeline, index: Index, tmp_path: Path
) -> None:
    copy = index.copy(tmp_path / "home")
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'format = 1\nname = "ours"\n[[rules]]\nid = "c"\naction = "review"\ntier = "exact"\n'
        'bank = "other"\n'
    )
    with open_screener(copy.settings) as screener:
        screened = ScreenedPipeline(pipe, screener)
        before = screened(PROMPT, seed=KNOWN, **STEPS)
        copy.run_here("policy", "use", policy)
        after = screened(PROMPT, seed=KNOWN, **STEPS)

    assert [before.pictures[0].flagged, after.pictures[0].flagged] == [True, False]
    assert after.pictures[0].screening.policy.name == "ours"
    assert after.pictures[0].screening.tier is Tier.NEAR_DUPLICATE


def test_an_entry_added_meanwhile_flags_the_next_picture(
    pipe: StableDiffusionPipeline, index: Index, tmp_path: Path
) -> None:
    copy = index.copy(tmp_path / "home")
    made(pipe, 9)[0].save(tmp_path / "nine.png")
    with open_screener(copy.settings) as screener:
        screened = ScreenedPipeline(pipe, screener)
        assert not screened(PROMPT, seed=9, **STEPS).pictures[0].flagged
        copy.run_here("bank", "add", "known-unsafe", tmp_path / "nine.png")

        assert screened(PROMPT, seed=9, **STEPS).pictures[0].flagged


# --- what becomes of a flagged picture -----------------------------------------------------------


def test_flag_returns_the_picture(
    pipe: StableDiffusionPipeline, screener: Counted, known: Image.Image
) -> None:
    images, pictures = ScreenedPipeline(pipe, screener, "flag")(PROMPT, seed=KNOWN, **STEPS)

    assert same(images[0], known)
    assert (pictures[0].flagged, pictures[0].shown) == (True, Shown.WHOLE)


def test_blur_returns_coarse_shapes(
    pipe: StableDiffusionPipeline, screener: Counted, known: Image.Image
) -> None:
    (image,), pictures = ScreenedPipeline(pipe, screener, "blur")(PROMPT, seed=KNOWN, **STEPS)

    assert image.size == known.size
    assert np.asarray(image).std() < 0.5 * np.asarray(known).std()
    assert pictures[0].shown is Shown.BLURRED


def test_raise_returns_no_picture_but_the_screenings(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener, "raise")

    with pytest.raises(PictureFlagged, match=r"flagged 1 of 2 pictures \(known-copy: ") as caught:
        screened(PROMPT, seed=KNOWN, num_images_per_prompt=2, **STEPS)
    assert [each.flagged for each in caught.value.pictures] == [True, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize("prompt", [PROMPT, [PROMPT]], ids=["one prompt", "a list"])
def test_retry_makes_the_flagged_pictures_again(
    pipe: StableDiffusionPipeline, screener: Counted, prompt: str | list[str]
) -> None:
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(KNOWN))
    screened = ScreenedPipeline(pipe, screener, retry(2))

    images, pictures = screened(prompt, seed=KNOWN, latents=noise, num_images_per_prompt=1, **STEPS)

    assert [each.flagged for each in pictures] == [False]
    assert [each.seed for each in pictures[0].earlier] == [KNOWN]
    assert same(images[0], made(pipe, pictures[0].seed or 0)[0])
    assert screener.pictures == 2
    again = screened(prompt, seed=KNOWN, latents=noise, **STEPS).pictures[0]
    assert again.seed == pictures[0].seed


def test_retry_makes_only_the_flagged_ones_of_several_pictures(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener, "retry:1")

    images, pictures = screened(PROMPT, seed=KNOWN - 1, num_images_per_prompt=3, **STEPS)

    assert [len(each.earlier) for each in pictures] == [0, 1, 0]
    assert same(images[1], made(pipe, pictures[1].seed or 0)[0])
    assert screener.pictures == 4


def test_retry_ends_in_a_black_picture(
    pipe: StableDiffusionPipeline, opened: IndexScreener, known: Image.Image
) -> None:
    flagged = opened.screen([known])
    screened = ScreenedPipeline(pipe, Broken(flagged), retry(3))

    (image,), (picture,) = screened(PROMPT, seed=1, **STEPS)

    assert is_black(image)
    assert len({picture.seed, *(each.seed for each in picture.earlier)}) == 4


@pytest.mark.parametrize("action", ["", "Black", "retry", "retry:0", "retry:-1", "retry:x", "hide"])
def test_an_unknown_action_is_refused(action: str) -> None:
    with pytest.raises(InputError, match="Use flag, blur, black, raise or retry:N"):
        FlaggedAction.parse(action)


# --- what could slip past ------------------------------------------------------------------------


def test_latents_are_refused(pipe: StableDiffusionPipeline, screener: Counted) -> None:
    screened = ScreenedPipeline(pipe, screener)

    with pytest.raises(UnscreenedOutput, match="output_type='latent'"):
        screened(PROMPT, output_type="latent", **STEPS)
    assert screener.pictures == 0


@pytest.mark.parametrize(("output_type", "return_dict"), [("np", False), ("pt", True)])
def test_arrays_and_tuples_hold_what_may_be_shown(
    pipe: StableDiffusionPipeline, screener: Counted, output_type: str, *, return_dict: bool
) -> None:
    output = ScreenedPipeline(pipe, screener)(
        PROMPT,
        seed=KNOWN - 1,
        num_images_per_prompt=2,
        output_type=output_type,
        return_dict=return_dict,
        **STEPS,
    )

    array = np.asarray(output[0])
    if output_type == "pt":
        array = array.transpose(0, 2, 3, 1)
    expected = np.asarray(made(pipe, KNOWN - 1, KNOWN)[0], np.float32) / 255
    assert array.shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(array[0], expected)
    assert array[1].max() == 0
    assert screener.pictures == 2


def test_sdxl_which_has_no_checker_is_screened(screener: Counted) -> None:
    pipe = stable_diffusion_xl()
    screened = ScreenedPipeline(pipe, screener)
    (image,), (picture,) = screened(PROMPT, seed=3, **STEPS)
    flags = ScreenedPipeline(pipe, Broken([_flagged(picture.screening)]))

    assert not picture.flagged
    assert not hasattr(pipe, "safety_checker")
    assert is_black(flags(PROMPT, seed=3, **STEPS).images[0])
    assert not is_black(image)


def _flagged(screening: Screening) -> Screening:
    return Screening(True, Action.BLOCK, ("r",), screening.policy, screening.verdict)  # noqa: FBT003


@pytest.mark.parametrize(
    "pipeline_class", [AutoPipelineForImage2Image, StableDiffusionImg2ImgPipeline]
)
def test_from_pipe_makes_no_unscreened_pipeline(
    pipe: StableDiffusionPipeline, screener: Counted, pipeline_class: Any
) -> None:
    with pytest.raises(UnscreenedOutput, match="convert"):
        pipeline_class.from_pipe(ScreenedPipeline(pipe, screener), safety_checker=None)


def test_a_converted_pipeline_is_screened(
    pipe: StableDiffusionPipeline, screener: Counted, known: Image.Image
) -> None:
    screened = ScreenedPipeline(pipe, screener).convert(
        AutoPipelineForImage2Image, requires_safety_checker=False
    )
    screened.set_progress_bar_config(disable=True)

    output = screened(PROMPT, image=known, strength=0.01, seed=1, num_inference_steps=100)

    assert screener.pictures == 1
    assert is_black(output.images[0]) == output.pictures[0].flagged


@pytest.mark.parametrize(
    "name",
    ["components", "config", "from_pipe", "decode_latents", "run_safety_checker", "download"],
)
def test_what_an_unscreened_picture_is_made_of_is_refused(
    pipe: StableDiffusionPipeline, screener: Counted, name: str
) -> None:
    with pytest.raises(UnscreenedOutput, match=f"`{name}`"):
        getattr(ScreenedPipeline(pipe, screener), name)


def test_the_pipeline_is_placed_and_changed_through_the_wrapper_and_stays_screened(
    screener: Counted,
) -> None:
    pipe = stable_diffusion()
    screened = ScreenedPipeline(pipe, screener)

    assert screened.to("cpu") is screened
    screened.enable_attention_slicing()
    screened.scheduler = pipe.scheduler.from_config(screened.scheduler.config)
    screened.safety_checker = None

    assert isinstance(screened.unet, UNet2DConditionModel)
    assert screened.scheduler is pipe.scheduler
    assert is_black(screened(PROMPT, seed=KNOWN, **STEPS).images[0])
    with pytest.raises(AttributeError, match="cannot be set"):
        screened.convert = None
    with pytest.raises(AttributeError):
        _ = screened.nothing_of_this_name


def test_a_step_callback_has_the_prompt_but_no_latents(
    pipe: StableDiffusionPipeline, screener: Counted
) -> None:
    screened = ScreenedPipeline(pipe, screener)
    seen: list[tuple[object, set[str]]] = []

    def watch(pipeline: object, _step: int, _time: int, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append((pipeline, set(tensors)))
        return tensors

    def preview(
        _pipeline: object, _step: int, _time: int, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        return {"latents": tensors["latents"]}

    screened(PROMPT, callback_on_step_end=watch, **STEPS)
    wanted = ["prompt_embeds"]
    screened(PROMPT, callback_on_step_end=watch, callback_on_step_end_tensor_inputs=wanted, **STEPS)

    assert seen == [(screened, set())] * 2 + [(screened, {"prompt_embeds"})] * 2
    for arguments in (
        {"callback_on_step_end": preview},
        {"callback_on_step_end": watch, "callback_on_step_end_tensor_inputs": ["latents"]},
        {"callback": watch},
    ):
        with pytest.raises(UnscreenedOutput, match="latents"):
            screened(PROMPT, **arguments, **STEPS)


def test_a_saved_pipeline_is_loaded_screened_or_not_at_all(
    pipe: StableDiffusionPipeline, screener: Counted, tmp_path: Path
) -> None:
    ScreenedPipeline(pipe, screener, "raise").save_pretrained(tmp_path)

    with pytest.raises(OSError, match=r"model_index\.json"):
        DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    loaded = ScreenedPipeline.from_pretrained(tmp_path, screener)
    loaded.set_progress_bar_config(disable=True)
    with pytest.raises(PictureFlagged):
        loaded(PROMPT, seed=KNOWN, **STEPS)
    plain = ScreenedPipeline.from_pretrained(tmp_path / "pipeline", screener)
    plain.set_progress_bar_config(disable=True)
    assert is_black(plain(PROMPT, seed=KNOWN, **STEPS).images[0])
    (tmp_path / "screening.json").write_text("{}")
    with pytest.raises(InputError, match=r"screening\.json cannot be read"):
        ScreenedPipeline.from_pretrained(tmp_path, screener)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(ConnectionError("no route"), "no route"), ([], "0 screenings of 1"), (ValueError(), "Value")],
)
def test_without_screening_there_is_no_picture(
    pipe: StableDiffusionPipeline, answer: Any, reason: str
) -> None:
    screened = ScreenedPipeline(pipe, Broken(answer), "flag")

    with pytest.raises(ScreeningFailed, match=reason):
        screened(PROMPT, **STEPS)


def test_a_pipeline_that_returns_no_pictures_is_refused(screener: Counted) -> None:
    class Frames:
        frames = np.zeros((1, 2, 8, 8, 3))

    with pytest.raises(UnscreenedOutput, match="no list of PIL pictures"):
        ScreenedPipeline(lambda prompt: Frames(), screener)(PROMPT)  # noqa: ARG005


@pytest.mark.parametrize("screener", ["http://127.0.0.1:8000", Path("home"), None])
def test_what_is_no_screener_is_refused_before_anything_is_generated(
    pipe: StableDiffusionPipeline, screener: Any
) -> None:
    with pytest.raises(InputError, match=r"is no screener\. Use `open_screener"):
        ScreenedPipeline(pipe, screener)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_type": "jpeg"}, "Invalid output_type 'jpeg'"),
        ({"seed": -1}, "Invalid seed -1"),
        ({"seed": "x"}, "Invalid seed 'x'"),
        ({"seed": 1.5}, "Invalid seed 1.5"),
        ({"seed": [1, 2]}, "2 seeds for 1 pictures"),
        ({"seed": 1, "generator": torch.Generator()}, "either `seed` or `generator`"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(
    pipe: StableDiffusionPipeline, screener: Counted, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ScreenedPipeline(pipe, screener)(PROMPT, **arguments, **STEPS)


# --- the safety checker of Stable Diffusion 1.x --------------------------------------------------


@pytest.mark.parametrize(
    "action",
    ["black", *(pytest.param(each, marks=pytest.mark.long) for each in ("blur", "flag"))],
)
def test_a_safety_checker_covers_what_is_flagged(screener: Counted, action: str) -> None:
    reports: list[list[Screening]] = []
    checker = SafetyChecker(screener, action, reports.append)
    pipe = stable_diffusion(safety_checker=checker, feature_extractor=checker.feature_extractor)
    generators = [torch.Generator().manual_seed(seed) for seed in (KNOWN - 1, KNOWN)]

    output = pipe([PROMPT] * 2, generator=generators, **STEPS)

    assert output.nsfw_content_detected == [False, True]
    assert [each.flagged for each in reports[0]] == [False, True]
    plain = made(stable_diffusion(), KNOWN - 1, KNOWN)
    assert same(output.images[0], plain[0])
    if action == "black":
        assert is_black(output.images[1])
    else:
        assert same(output.images[1], plain[1]) == (action == "flag")
    assert screener.pictures == 2


def test_a_safety_checker_raises_or_refuses(screener: Counted) -> None:
    checker = SafetyChecker(screener, "raise")
    pipe = stable_diffusion(safety_checker=checker, feature_extractor=checker.feature_extractor)

    with pytest.raises(PictureFlagged):
        pipe(PROMPT, generator=torch.Generator().manual_seed(KNOWN), **STEPS)
    with pytest.raises(InputError, match="cannot retry"):
        SafetyChecker(screener, "retry:2")
    with pytest.raises(ScreeningFailed, match="another feature extractor"):
        checker(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))  # type: ignore[arg-type]


# --- a server screens ----------------------------------------------------------------------------


def test_a_server_screens_as_its_index_does_and_without_it_nothing_is_returned(
    pipe: StableDiffusionPipeline, index: Index, opened: IndexScreener, tmp_path: Path
) -> None:
    copy = index.copy(tmp_path / "home")
    key = copy.run_here("key", "create", "--name", "gen", "--scope", "check", "--json").json[
        "token"
    ]
    with copy.serve() as server:
        url = str(server.base_url)
        documented = CODE[1].replace("http://127.0.0.1:8000", url).replace("lk_...", key)
        exec(documented, {"pipe": pipe})  # noqa: S102 -- the page's own code
        with Lookalike(url, key, attempts=1) as api:
            screened = ScreenedPipeline(pipe, ServerScreener(api))
            images, pictures = screened(PROMPT, seed=KNOWN - 1, num_images_per_prompt=2, **STEPS)
        with Lookalike(url, "lk_wrong", attempts=1) as api:
            stranger = ScreenedPipeline(pipe, ServerScreener(api), "flag")
            with pytest.raises(ScreeningFailed, match="unauthenticated"):
                stranger(PROMPT, seed=1, **STEPS)
    with Lookalike(url, key, attempts=1) as api:
        orphan = ScreenedPipeline(pipe, ServerScreener(api), "flag")
        with pytest.raises(ScreeningFailed, match="cannot be reached"):
            orphan(PROMPT, seed=1, **STEPS)

    local = opened.screen(made(pipe, KNOWN - 1, KNOWN))
    assert is_black(images[1])
    assert [each.screening.reasons for each in pictures] == [each.reasons for each in local]
    assert [each.screening.tier for each in pictures] == [each.tier for each in local]


@pytest.mark.long
def test_the_code_of_the_page_runs(
    pipe: StableDiffusionPipeline,
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stable_diffusion_xl().save_pretrained(tmp_path / "sdxl")
    pipe.save_pretrained(tmp_path / "sd15")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_HOME", str(index.home))
    for code in (CODE[0], CODE[2]):
        with quiet_libraries():
            exec(code, {})  # noqa: S102 -- the page's own code

    printed = capsys.readouterr().out
    assert "a lighthouse 7 False ()\na lighthouse 8 False ()\n" in printed
    assert "[False]" in printed


def test_photos_that_are_known_to_nobody_pass(opened: IndexScreener) -> None:
    with Image.open(PHOTOS / "aqueduct.jpg") as photo:
        (screening,) = opened.screen([photo.convert("RGB")])

    assert (screening.flagged, screening.reasons, screening.tier) == (False, (), Tier.NONE)
