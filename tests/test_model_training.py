"""Networks trained on labelled images: seeded, resumed after a kill, in timm's format."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from indexer.classification import network_run
from indexer.classification.training_set import TrainingSet
from indexer.model import load_encoder
from indexer.model.references import resolve
from indexer.model.torch_loading import load_model
from indexer.model.training.class_losses import (
    class_weights,
    measure,
    positive_weights,
    prior_shift,
)
from indexer.model.training.trained_layers import freeze_before
from support.commands import Index
from support.forked import start
from support.labelled import draw, make_folder
from support.models import add_descriptor, make_tiny

EPOCHS = 3


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("labelled") / "media", 10)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_RUNTIME": "torch"})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model whose descriptor reads the last of the blocks, before `conv_head`."""
    return add_descriptor(make_tiny(tmp_path_factory.mktemp("base") / "base"))


def train(index: Index, place: Path, base: Path, out: Path, *options: object) -> dict:
    return index.run_here(
        *("model", "train", place, "--model", base, "--out", out),
        *("--epochs", EPOCHS, "--json", *options),
    ).json


@pytest.fixture(scope="module")
def whole(
    index: Index, labelled: Path, base: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Train the last blocks without interruption."""
    out = tmp_path_factory.mktemp("models") / "whole"
    told = train(index, labelled, base, out, "--depth", "head")
    out.with_suffix(".told").write_text(json.dumps(told))
    return out


def test_the_last_blocks_are_trained_and_the_embeddings_stay(whole: Path, base: Path) -> None:
    before, after = load_file(base / "model.safetensors"), load_file(whole / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    encoders = [load_encoder(str(folder), "cpu", "torch") for folder in (base, whole)]
    image = np.asarray(draw(3))
    told = json.loads(whole.with_suffix(".told").read_text())

    assert changed
    assert not any(name.startswith(("conv_stem", "blocks")) for name in changed)
    one, other = (encoder.encode([image]).embeddings for encoder in encoders)
    np.testing.assert_array_equal(one, other)
    assert encoders[1].card.labels == ("drawing", "photo")
    assert told["space"] == encoders[1].card.fingerprint != encoders[0].card.fingerprint
    assert len(told["curve"]) == EPOCHS
    assert not whole.with_name("whole.training").exists()
    assert (whole / "descriptor.json").exists()


def test_timm_alone_loads_what_was_trained(whole: Path) -> None:
    network = timm.create_model(f"local-dir:{whole}", pretrained=True).eval()

    assert network.num_classes == 2
    assert network.pretrained_cfg["label_names"] == ["drawing", "photo"]


def test_a_training_that_was_killed_comes_to_the_very_same_weights(
    whole: Path, base: Path, labelled: Path, index: Index, tmp_path: Path
) -> None:
    out = tmp_path / "resumed"
    options = ("--model", base, "--out", out, "--epochs", EPOCHS, "--depth", "head")
    process = start(index, "model", "train", labelled, *options)
    checkpoint = out.with_name("resumed.training") / "checkpoint.pt"
    while not checkpoint.exists():
        assert process.running(), process.stderr
        time.sleep(0.002)
    process.kill()
    assert not out.exists()

    told = train(index, labelled, base, out, "--depth", "head")

    assert told["curve"] == json.loads(whole.with_suffix(".told").read_text())["curve"]
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, out))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.long
@pytest.mark.slow
def test_ten_kills_change_nothing(base: Path, labelled: Path, index: Index, tmp_path: Path) -> None:
    options = ("--model", base, "--epochs", 10, "--depth", "full")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    index.run("model", "train", labelled, "--out", whole, *options)
    weights = load_file(whole / "model.safetensors")
    checkpoint = killed.with_name("killed.training") / "checkpoint.pt"
    for number in range(10):
        process = index.start("model", "train", labelled, "--out", killed, *options)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (
            not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before
        ):
            time.sleep(0.001)
        time.sleep(0.01 * number)  # within the next epoch, or while its state is written
        process.kill()
        process.communicate()
        if killed.exists():  # it was the last epoch: another training begins
            assert same_weights(killed, weights)
            shutil.rmtree(killed)
            killed.with_name("killed.report.html").unlink(missing_ok=True)

    index.run("model", "train", labelled, "--out", killed, *options)

    assert same_weights(killed, weights)


def same_weights(folder: Path, weights: Mapping[str, torch.Tensor]) -> bool:
    found = load_file(folder / "model.safetensors")
    return all(torch.equal(weights[name], found[name]) for name in weights)


def test_the_state_of_another_training_is_refused(
    base: Path, labelled: Path, index: Index, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    state = out.with_name("out.training")
    state.mkdir()
    (state / "checkpoint.pt").write_bytes(b"no checkpoint")

    done = index.run_here(
        *("model", "train", labelled, "--model", base, "--out", out, "--depth", "head"), code=2
    )

    assert "is not a readable checkpoint" in done.stderr.replace("\n", " ")
    assert "Delete it to begin again" in done.stderr.replace("\n", " ")


def test_all_of_a_network_is_trained_and_old_fusion_and_background_are_left_out(
    base: Path, labelled: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin_at_random(network: Any, labelled: TrainingSet, *_arguments: Any, **_: Any) -> None:
        network.reset_classifier(len(labelled.classes))

    monkeypatch.setattr(network_run, "_begin_with_probe", begin_at_random)
    mine = tmp_path / "base"
    shutil.copytree(base, mine)
    for name in ("fusion.json", "background.safetensors"):
        (mine / name).write_bytes(b"of the old space")

    told = train(index, labelled, mine, tmp_path / "out", "--depth", "full")

    before, after = (load_file(folder / "model.safetensors") for folder in (mine, tmp_path / "out"))
    assert not torch.equal(before["conv_stem.weight"], after["conv_stem.weight"])
    statistics = [name for name in before if "running" in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert told["recipe"]["embeddings"] == "its own"
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert not written & {"fusion.json", "background.safetensors", "export.onnx"}
    assert "train-descriptor" in (tmp_path / "out" / "MODEL_CARD.md").read_text()


def test_a_block_before_a_tap_is_never_trained(base: Path) -> None:
    network = load_model(resolve(str(base)), torch.device("cpu")).network

    freeze_before(network, 20, ["blocks.5"])

    trained = {name for name, each in network.named_parameters() if each.requires_grad}
    assert trained
    assert not any(name.startswith(("conv_stem", "bn1", "blocks")) for name in trained)
    assert "classifier.weight" in trained


def test_weights_favour_rare_classes_and_are_taken_back() -> None:
    targets = np.eye(2, dtype=bool)[[0] * 90 + [1] * 10]

    weights = class_weights(targets)

    assert weights[1] / weights[0] == pytest.approx(3)
    assert (targets @ weights).mean() == pytest.approx(1)
    np.testing.assert_allclose(np.exp(prior_shift(targets, multi_label=False)), weights)
    assert positive_weights(targets)[1] == pytest.approx(3)


@pytest.mark.parametrize("multi_label", [False, True])
def test_an_epoch_is_no_worse_for_being_too_sure(multi_label: bool) -> None:
    random = np.random.default_rng(0)
    targets = np.eye(3, dtype=bool)[np.arange(60) % 3]
    logits = (targets + random.normal(size=targets.shape)).astype(np.float32)

    cautious, sure = (measure(logits * by, targets, multi_label=multi_label) for by in (1, 6))

    assert sure.loss == pytest.approx(cautious.loss, rel=1e-3)
    assert sure.error == pytest.approx(cautious.error, rel=1e-2)
    assert 0 < cautious.error < cautious.loss
    assert sure.accuracy == cautious.accuracy


def test_a_board_that_is_not_installed_is_named(
    base: Path, labelled: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.writer", None)

    done = index.run_here(
        *("model", "train", labelled, "--model", base, "--out", tmp_path / "out"),
        *("--depth", "head", "--report-to", "tensorboard"),
        code=2,
    )

    assert "pip install 'lookalike[tensorboard]'" in done.stderr.replace("\n", " ")


def test_a_board_shows_the_figures_of_each_epoch(
    base: Path, labelled: Path, index: Index, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = train(
        *(index, labelled, base, tmp_path / "out"),
        *("--depth", "head", "--report-to", "tensorboard"),
    )

    shown = EventAccumulator(str(tmp_path / "out.tensorboard"))
    shown.Reload()
    for tag, field in {
        "loss/training": "loss",
        "loss/held_out": "held_out_loss",
        "accuracy/held_out": "held_out_accuracy",
    }.items():
        points = [(event.step, event.value) for event in shown.Scalars(tag)]
        assert points == [(each["at"], pytest.approx(each[field])) for each in told["curve"]]
    rates = [event.value for event in shown.Scalars("learning_rate")]
    assert len(rates) == EPOCHS
    assert min(rates) > 0
