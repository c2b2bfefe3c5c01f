"""`lookalike generate train`: LoRA and textual inversion, their reports, and resumption."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.generation.provenance import read_provenance
from support.commands import Index
from support.concept import draw_concept
from support.deaths import Death, Moment
from support.forked import KILLED, start
from support.pipelines import make_small_pipeline

PROMPT = "a red icon"
SHORT = (
    *("--steps", 4, "--every", 2, "--learning-rate", 0.01, "--batch", 2),
    *("--columns", 2, "--sheet-steps", 2),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Make an index without images; its generator is a small pipeline of random weights."""
    home = tmp_path_factory.mktemp("home")
    pipeline = make_small_pipeline(tmp_path_factory.mktemp("pipeline") / "small")
    extra = {"LOOKALIKE_DEVICE": "cpu", "LOOKALIKE_GENERATOR": str(pipeline)}
    empty = Index(home, extra=extra)
    empty.run_here("init", "--model", tiny_model)
    return empty


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw twelve pictures; an unreadable one is among them."""
    place = draw_concept(tmp_path_factory.mktemp("concept") / "badges")
    (place / "broken.png").write_bytes(b"\x89PNG no picture")
    return place


def lora(folder: Path, out: Path, *more: object) -> tuple[object, ...]:
    options = ("--out", out, "--prompt", PROMPT, *SHORT, *more)
    return ("generate", "train", "lora", folder, *options)


@pytest.fixture(scope="module")
def trained(index: Index, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Train a LoRA, and give what the command printed as JSON."""
    out = tmp_path_factory.mktemp("out") / "badges"
    done = index.run_here(*lora(folder, out, "--json"))
    assert "step 2 of 4: loss on fixed noise" in done.stderr
    return done.json


def test_a_lora_is_written_with_its_sheets_losses_and_nearest_pictures(trained: Any) -> None:
    out = Path(trained["folder"])

    assert {each.name for each in out.iterdir()} == {
        "README.md",
        "pytorch_lora_weights.safetensors",
        "training.json",
    }
    assert not out.with_name("badges.training").exists()
    assert [each["step"] for each in trained["history"]] == [0, 2, 4]
    assert len(trained["losses"]) == 4
    assert [Path(each["uri"]).name for each in trained["skipped"]] == ["broken.png"]
    first, _, last = trained["sheets"]
    for sheet in (first, last):
        assert len(sheet["pictures"]) == 2
        assert all(each["nearest"]["name"].endswith(".png") for each in sheet["pictures"])
        with Image.open(sheet["file"]) as picture:
            assert picture.width > 2 * 128
    provenance = read_provenance(Path(last["file"]))
    assert provenance is not None
    assert provenance["prompt"] == PROMPT
    assert provenance["settings"] == {"training_step": 4}


def test_the_report_shows_losses_by_timestep_sheets_and_nearest_pictures(trained: Any) -> None:
    page = Path(trained["report"])

    text = page.read_text()

    assert "750 to 999" in text
    assert text.count("data:image/png;base64,") == 2 + 3  # first and last, then all
    assert "Nearest training pictures" in text
    assert "broken.png" in text
    assert "<script" not in text
    assert json.loads(page.with_suffix(".json").read_text())["losses"] == trained["losses"]


def test_generate_text_draws_with_what_was_trained(
    trained: Any, index: Index, tmp_path: Path
) -> None:
    asked = ("generate", "text", PROMPT, "--steps", 2, "--seed", 7, "--out")

    index.run_here(*asked, tmp_path / "plain.png")
    index.run_here(*asked, tmp_path / "trained.png", "--lora", trained["folder"])

    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "trained.png") as own:
        assert plain.tobytes() != own.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("{folder}", "--out", "{existing}"), "exists already"),
        (("{existing}/nowhere", "--out", "{new}"), "There is no folder"),
        (("{folder}", "--out", "{new}"), "Write one to 00.txt beside it"),
        (("{folder}", "--out", "{new}", "--prompt", PROMPT, "--size", 12), "multiples of 8"),
        (("{existing}", "--out", "{new}", "--prompt", PROMPT), "holds 0 usable pictures"),
    ],
)
def test_bad_input_is_refused_in_words(
    options: tuple[object, ...], message: str, index: Index, folder: Path, tmp_path: Path
) -> None:
    existing = tmp_path / "existing"
    existing.mkdir()
    places = {"folder": folder, "existing": existing, "new": tmp_path / "new"}
    given = [str(each).format(**places) for each in options]

    done = index.run_here("generate", "train", "lora", *given, code=2)

    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_training_that_was_killed_comes_to_the_same_losses(
    trained: Any, index: Index, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "badges"
    death = Death(Moment.FSYNC, 3)  # as it keeps the state after step 4

    killed = start(index, *lora(folder, out), death=death)
    assert killed.wait() == KILLED, killed.stderr
    assert (tmp_path / "badges.training" / "checkpoint.pt").exists()
    other = index.run_here(*lora(folder, out, "--rank", 3), code=2)
    assert "training with other images or options" in other.stderr.replace("\n", " ")
    resumed = index.run_here(*lora(folder, out, "--json"))

    assert "step 2 of 4" not in resumed.stderr  # it was not done again
    assert resumed.json["losses"] == trained["losses"]
    assert resumed.json["history"] == trained["history"]
    for mine, theirs in zip(resumed.json["sheets"], trained["sheets"], strict=True):
        with Image.open(mine["file"]) as one, Image.open(theirs["file"]) as other_one:
            assert one.tobytes() == other_one.tobytes()


@pytest.mark.long
def test_a_word_is_learnt_and_drawn(index: Index, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "disc"
    command = ("generate", "train", "textual-inversion", folder, "--out", out, *SHORT)

    refused = index.run_here(*command, "--token", "<disc>", "--prompt", PROMPT, code=2)
    index.run_here(*command, "--token", "<disc>", "--report-to", "tensorboard")
    asked = ("generate", "text", "a red <disc>", "--steps", 2, "--embedding", out)
    index.run_here(*asked, "--out", tmp_path / "drawn.png")

    assert "does not contain <disc>" in refused.stderr.replace("\n", " ")
    assert (out / "learned_embeds.safetensors").exists()
    assert any(out.with_name("disc.tensorboard").iterdir())
