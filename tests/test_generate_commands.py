"""`lookalike generate`: all four capabilities offline, screened, with provenance."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.generation.diffusion import DiffusionModel
from indexer.generation.edits import EditKind, picture_edits
from indexer.generation.index_screener import open_screener
from indexer.generation.picture_generator import PictureGenerator
from indexer.generation.provenance import Provenance, read_provenance, to_png
from indexer.generation.sampling import Sampling
from indexer.generation.source_pictures import read_mask, read_picture
from support.commands import PHOTOS, Index
from support.pipelines import make_small_pipeline

COFFEE = PHOTOS / "coffee.jpg"
QUICK = ("--steps", 2, "--seed", 7)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_pipeline: Path) -> Index:
    """Make an index without images, beside the tiny pipeline."""
    assert tiny_pipeline.is_dir()
    empty = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_DEVICE": "cpu"})
    empty.run_here("init", "--model", tiny_model)
    return empty


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Save a photo of 96 x 64 pixels."""
    path = tmp_path / "photo.png"
    with Image.open(COFFEE) as picture:
        picture.convert("RGB").resize((96, 64)).save(path)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """Save a mask for it: the left half."""
    path = tmp_path / "mask.png"
    half = Image.new("L", (96, 64), 0)
    half.paste(255, (0, 0, 48, 64))
    half.save(path)
    return path


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture)


def chunks(path: Path) -> dict[str, Any]:
    found = read_provenance(path)
    assert found is not None
    return found


# --- from the command line -----------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_a_prompt_draws_a_screened_picture_that_carries_its_provenance(
    index: Index, tmp_path: Path
) -> None:
    asked = ("generate", "text", "a red apple", *QUICK, "--negative-prompt", "green")

    [shown] = index.run_here(*asked, "--out", tmp_path / "new", "--json").json["pictures"]

    path = tmp_path / "new" / "text-7.png"
    record = chunks(path)
    assert shown["path"] == str(path)
    assert (shown["width"], shown["height"]) == pixels(path).shape[:2] == (64, 64)
    assert shown["seed"] == record["seed"] == 7
    assert shown["provenance"] == record
    assert record["prompt"] == "a red apple"
    assert record["model"] == "tiny"
    assert record["task"] == "text-to-image"
    assert record["settings"]["num_inference_steps"] == 2
    assert record["settings"]["negative_prompt"] == "green"
    assert record["screening"]["action"] == shown["screening"]["action"]
    assert record["digital_source_type"] == "trainedAlgorithmicMedia"


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_all_four_capabilities_but_training_run_as_processes_without_a_network(
    index: Index, tmp_path: Path, photo: Path, mask: Path
) -> None:
    from indexer.generation import tiny

    if not (Path(tiny.__file__).with_name("tiny") / "unet").is_dir():
        pytest.skip("the trained weights are not there yet")
    offline = Index(index.home, extra={**index.extra, "HF_HUB_OFFLINE": "1"})
    prompt = ("--prompt", "a red apple", *QUICK)
    for arguments in (
        ("text", "a red apple", *QUICK),
        ("inpaint", photo, "--mask", mask, *prompt),
        ("restyle", photo, *prompt, "--strength", 1),
        ("restyle", photo, "--style", "mosaic"),
    ):
        done = offline.run("generate", *arguments, "--out", tmp_path / "out")
        assert ".png" in done.stdout
        progress = ("opening: ", "generating: ")  # after ten seconds
        assert [line for line in done.stderr.splitlines() if not line.startswith(progress)] == []


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_a_mask_is_repainted_and_nothing_else(
    index: Index, tmp_path: Path, photo: Path, mask: Path
) -> None:
    asked = ("generate", "inpaint", photo, "--mask", mask, "--prompt", "a red apple", *QUICK)
    index.run_here(*asked, "--out", tmp_path / "done.png", "--action", "flag")

    before, after = pixels(photo), pixels(tmp_path / "done.png")
    assert np.array_equal(before[:, 48:], after[:, 48:])
    assert not np.array_equal(before[:, :48], after[:, :48])
    record = chunks(tmp_path / "done.png")
    assert record["digital_source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert len(record["source_sha256"]) == 64


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_a_prompt_repaints_a_picture(index: Index, tmp_path: Path, photo: Path) -> None:
    asked = ("generate", "restyle", photo, "--prompt", "an icon", *QUICK, "--strength", 0.5)
    [shown] = index.run_here(*asked, "--out", tmp_path, "--json").json["pictures"]

    assert shown["path"].endswith("photo-restyle-7.png")
    assert shown["provenance"]["task"] == "image-to-image"
    assert shown["provenance"]["settings"]["strength"] == 0.5


def test_a_style_repaints_a_picture_at_its_size(index: Index, tmp_path: Path, photo: Path) -> None:
    asked = ("generate", "restyle", photo, "--out", tmp_path, "--json")
    [named] = index.run_here(*asked, "--style", "great-wave").json["pictures"]
    [taken] = index.run_here(*asked, "--style", COFFEE, "--strength", 0.5).json["pictures"]

    assert (named["width"], named["height"]) == (96, 64)
    assert named["path"].endswith("photo-great-wave.png")
    assert named["seed"] is None
    assert named["provenance"]["settings"] == {"strength": 1.0, "style": "great-wave"}
    assert taken["path"].endswith("photo-coffee.png")
    assert taken["provenance"]["settings"]["style"] == "coffee.jpg"


@pytest.mark.long
def test_variants_are_written_to_a_folder_of_their_own(
    index: Index, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("generate", "variants", photo, "--kind", "inpaint", "--kind", "classical", "--json")
    shown = index.run_here(*asked, "--count", 4, "--seed", 1).json["pictures"]

    written = sorted((tmp_path / "photo-variants").iterdir())
    assert sorted(each["path"] for each in shown) == [str(path) for path in written]
    assert len(written) == 4
    record = chunks(written[0])
    assert record["digital_source_type"] == "algorithmicallyEnhanced"
    assert record["settings"]["edit"].startswith(("inpaint:", "classical:"))


@pytest.mark.long
def test_the_setting_names_a_folder_to_draw_with(index: Index, tmp_path: Path) -> None:
    folder = make_small_pipeline(tmp_path / "small")
    other = Index(index.home, extra={**index.extra, "LOOKALIKE_GENERATOR": str(folder)})
    asked = ("generate", "text", "a red apple", *QUICK, "--out", tmp_path / "out")

    other.run_here(*asked)
    long = other.run_here(
        "generate", "text", "a red apple icon of a apple", *asked[3:], "--seed", 8
    )

    assert pixels(tmp_path / "out" / "text-7.png").shape == (16, 16, 3)
    assert chunks(tmp_path / "out" / "text-7.png")["model"] == str(folder)
    assert "The model read the prompt but for its last 1 tokens" in long.stderr
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")
    said = other.run_here(*asked, "--overwrite", code=2).stderr
    assert said.startswith("Error (invalid_model): ")
    assert "unet/diffusion_pytorch_model.bin" in said


# --- screening -----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_a_picture_that_a_bank_knows_is_flagged_and_handled_as_asked(
    index: Index, tmp_path: Path
) -> None:
    known = index.copy(tmp_path / "home")
    asked = ("generate", "text", "a red apple", *QUICK, "--json", "--out")
    known.run_here(*asked, tmp_path / "known.png", "--action", "flag")
    known.run_here("bank", "create", "known-unsafe")
    known.run_here("bank", "add", "known-unsafe", tmp_path / "known.png")

    [black] = known.run_here(*asked, tmp_path / "black.png").json["pictures"]
    [again] = known.run_here(*asked, tmp_path / "2.png", "--action", "retry:3").json["pictures"]
    said = known.run_here(*asked, tmp_path / "none.png", "--action", "raise", code=2).stderr

    assert black["screening"]["flagged"]
    assert black["screening"]["tier"] == "near_duplicate"
    assert not pixels(tmp_path / "black.png").any()
    assert chunks(tmp_path / "black.png")["screening"]["shown"] == "black"
    assert [attempt["seed"] for attempt in again["screening"]["earlier"]][:1] == [7]
    assert again["seed"] == chunks(tmp_path / "2.png")["seed"] != 7
    assert said.startswith("Error (picture_flagged): ")
    assert not (tmp_path / "none.png").exists()


# --- files ---------------------------------------------------------------------------------------


def test_a_file_that_exists_is_overwritten_only_on_request(
    index: Index, tmp_path: Path, photo: Path
) -> None:
    path = tmp_path / "photo-mosaic.png"
    path.write_bytes(b"mine")
    asked = ("generate", "restyle", photo, "--style", "mosaic", "--out")

    for out in (tmp_path, path):
        said = index.run_here(*asked, out, code=2).stderr
        assert f"{path} exists. Name another --out, or add --overwrite." in said
    assert path.read_bytes() == b"mine"
    index.run_here(*asked, tmp_path, "--overwrite")
    assert pixels(path).shape == (64, 96, 3)
    said = index.run_here(*asked, tmp_path / "x.jpg", code=2).stderr
    assert "Pictures are written as PNG" in said


def test_one_file_is_not_named_for_several_pictures(index: Index, tmp_path: Path) -> None:
    asked = ("generate", "text", "a red apple", "--count", 2, "--out", tmp_path / "x.png")

    assert "is one file for 2 pictures" in index.run_here(*asked, code=2).stderr


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_seeds_draw_the_same_pictures_again(index: Index, tmp_path: Path) -> None:
    asked = ("generate", "text", "a red apple", "--steps", 2, "--out")
    index.run_here(*asked, tmp_path / "both", "--seed", 7, "--count", 2)
    index.run_here(*asked, tmp_path / "one", "--seed", 8)

    first, second = (pixels(tmp_path / "both" / f"text-{seed}.png") for seed in (7, 8))
    alone = pixels(tmp_path / "one" / "text-8.png")
    assert np.array_equal(second, alone)
    assert not np.array_equal(first, alone)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("text", "x", "--size", "100"), "multiples of 8"),
        (("text", "x", "--action", "ban"), "Invalid action 'ban'"),
        (("text", "x", "--model", "nowhere"), "does not exist"),
        (("restyle", COFFEE), "Give either --style or --prompt"),
        (("restyle", COFFEE, "--style", "x", "--prompt", "x"), "Give either --style or --prompt"),
        (("restyle", COFFEE, "--style", "x"), "There is no style 'x'"),
        (("restyle", COFFEE, "--style", "0", "--seed", 1), "no use for --seed"),
        (("inpaint", COFFEE, "--mask", COFFEE.with_name("bee.jpg"), "--prompt", "x"), "shape"),
        (("variants", COFFEE, "--kind", "painting"), "need paintings"),
        (("variants", COFFEE, "--strength", 0), "must be above 0"),
        (("variants", "nowhere.jpg"), "nowhere.jpg"),
    ],
)
def test_what_cannot_be_generated_says_why(
    index: Index, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    ended = index.end_here("generate", *arguments, "--out", tmp_path / "none")

    assert ended.code in {2, 4}
    assert said in ended.stderr
    assert not (tmp_path / "none").exists() or not any((tmp_path / "none").iterdir())


def test_nothing_is_generated_without_an_index_to_screen_with(tmp_path: Path) -> None:
    none = Index(tmp_path / "home")

    said = none.run_here("generate", "text", "a red apple", "--out", tmp_path, code=4).stderr

    assert "lookalike init" in said
    assert [path.name for path in tmp_path.glob("*.png")] == []


# --- from Python ---------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.usefixtures("tiny_pipeline")
def test_python_draws_repaints_restyles_and_varies(index: Index, photo: Path, mask: Path) -> None:
    source = read_picture(photo, index.settings.image_limits)
    region = read_mask(mask, index.settings.image_limits, source.image.size)
    quick = Sampling(steps=2, strength=1.0)
    told: list[tuple[int, int]] = []
    with open_screener(index.settings) as screener:
        generator = PictureGenerator(
            screener,
            "flag",
            model=DiffusionModel("tiny", device="cpu"),
            on_progress=lambda *steps: told.append(steps),
        )
        drawn = list(generator.text("a red apple", count=2, seed=1, sampling=Sampling(steps=2)))
        repainted = list(generator.repaint(source, "an icon", mask=region, sampling=quick))
        repainted += generator.repaint(source, "an icon", sampling=quick)
        styled = generator.restyle(source, "mosaic", 0.5)
        varied = list(generator.variants(source, picture_edits([EditKind.INPAINT], [0.5])))

    assert told[:4] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [each.made.seed for each in drawn] == [1, 2]
    assert [each.image.size for each in repainted] == [(96, 64), (80, 56)]
    assert styled.image.size == (96, 64)
    assert len(varied) == 3
    for each in (*drawn, *repainted, styled, *varied):
        assert each.made.screening.scores


# --- provenance ----------------------------------------------------------------------------------


def test_a_png_has_the_record_and_the_iptc_s_source_type() -> None:
    provenance = Provenance("text-to-image", "tiny", seed=7, prompt='<b>"&"é')

    with Image.open(BytesIO(to_png(Image.new("RGB", (8, 8)), provenance))) as picture:
        text = picture.text  # type: ignore[attr-defined]

    assert text["Software"].startswith("lookalike ")
    assert '"prompt": "<b>\\"&\\"é"' in text["lookalike"]
    xmp = text["XML:com.adobe.xmp"]
    assert "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia" in xmp
    assert '&lt;b&gt;"&amp;"é' in xmp


def test_a_picture_of_another_program_has_no_record(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")

    assert read_provenance(tmp_path / "x.png") is None
    assert read_provenance(COFFEE) is None
