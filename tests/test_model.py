import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from indexer.errors import (
    InputError,
    InvalidModel,
    NotFoundError,
    SettingsError,
    UnreadableImage,
    UnusableOutput,
)
from indexer.model import Encoder, load_encoder
from indexer.settings import SHIPPED_MODEL
from indexer.types import Rgb
from support.models import MARQO_CONFIG, edit_config, make_marqo_like, make_model, make_tiny

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
SHIPPED_FOLDER = Path(str(files("indexer.model"))) / "weights" / "nsfw-mobilenetv2-140-224"


def read_photo(name: str) -> Rgb:
    return np.asarray(Image.open(PHOTOS / name).convert("RGB"))


def read_sklearn_photo(name: str) -> Rgb:
    with (files("sklearn.datasets") / "images" / name).open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB"))


@pytest.fixture(scope="module")
def marqo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_marqo_like(tmp_path_factory.mktemp("models") / "marqo")


@pytest.fixture(scope="module", params=["shipped", "marqo"])
def folder(request: pytest.FixtureRequest, marqo_folder: Path) -> Path:
    return SHIPPED_FOLDER if request.param == "shipped" else marqo_folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load_encoder(str(folder), "cpu")


@pytest.fixture(scope="module")
def shipped() -> Encoder:
    return load_encoder(SHIPPED_MODEL)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(str(make_tiny(tmp_path_factory.mktemp("models") / "tiny")), "cpu")


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "tiny")


# Exactness


def test_answers_equal_plain_timm_code(encoder: Encoder, folder: Path) -> None:
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = timm.data.create_transform(
        **timm.data.resolve_data_config({}, model=model), is_training=False
    )
    photo = Image.open(PHOTOS / "tabby-cat.jpg").convert("RGB")
    with torch.inference_mode():
        batch = transform(photo).unsqueeze(0)
        probabilities = torch.softmax(model(batch), dim=1)
        features = model.forward_head(model.forward_features(batch), pre_logits=True)
        embedding = torch.nn.functional.normalize(features, dim=1)

    encoding = encoder.encode([np.asarray(photo)])

    assert np.abs(encoding.probabilities - probabilities.numpy()).max() < 1e-5
    if encoder.card.descriptor is None:  # a head makes its own, see test_model_descriptor.py
        assert np.abs(encoding.embeddings - embedding.numpy()).max() < 1e-5


def test_a_batch_gives_what_single_images_give(encoder: Encoder) -> None:
    photos = [read_photo(name) for name in ("koala.jpg", "crab.jpg", "bee.jpg")]

    together = encoder.encode(photos)
    alone = [encoder.encode([photo]) for photo in photos]

    np.testing.assert_allclose(
        together.probabilities, np.concatenate([e.probabilities for e in alone]), atol=1e-5
    )
    np.testing.assert_allclose(
        together.embeddings, np.concatenate([e.embeddings for e in alone]), atol=1e-5
    )


def test_embeddings_are_unit_rows_and_probabilities_sum_to_one(encoder: Encoder) -> None:
    encoding = encoder.encode([read_photo("sheep.jpg"), np.zeros((40, 30, 3), np.uint8)])

    assert encoding.embeddings.dtype == encoding.probabilities.dtype == np.float32
    assert encoding.embeddings.shape == (2, encoder.card.dimension)
    assert encoding.probabilities.shape == (2, len(encoder.card.labels))
    np.testing.assert_allclose(np.linalg.norm(encoding.embeddings, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(encoding.probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_the_shipped_model_calls_a_harmless_photo_neutral(shipped: Encoder, name: str) -> None:
    probabilities = shipped.encode([read_sklearn_photo(name)]).probabilities[0]

    assert shipped.card.labels[int(probabilities.argmax())] == "Neutral"


def test_several_threads_may_use_one_encoder(tiny: Encoder) -> None:
    photos = [read_photo(name) for name in ("swans.jpg", "drum-in-a-living-room.jpg")] * 4

    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda photo: tiny.encode([photo]).embeddings[0], photos))

    np.testing.assert_allclose(np.stack(rows), tiny.encode(photos).embeddings, atol=1e-5)


def test_nothing_in_gives_nothing_out(tiny: Encoder) -> None:
    encoding = tiny.encode([])

    assert encoding.probabilities.shape == (0, 3)
    assert encoding.embeddings.shape == (0, tiny.card.dimension)


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 600), height=st.integers(1, 600))
def test_a_picture_of_any_shape_is_prepared(tiny: Encoder, width: int, height: int) -> None:
    picture = np.full((height, width, 3), 255, np.uint8)

    np.testing.assert_allclose(tiny.prepare(picture), np.ones((3, 64, 64)), atol=1e-6)


def test_a_very_long_picture_is_cropped_before_it_is_enlarged(tiny: Encoder) -> None:
    photo = np.asarray(Image.open(PHOTOS / "aqueduct.jpg").convert("RGB").resize((1201, 13)))
    card = tiny.card
    transform = timm.data.create_transform(
        input_size=card.input_size,
        interpolation=card.interpolation,
        crop_pct=card.crop_pct,
        mean=card.mean,
        std=card.std,
    )

    difference = tiny.prepare(photo) - transform(Image.fromarray(photo)).numpy()

    assert np.abs(difference).mean() < 0.01
    assert tiny.prepare(np.zeros((1, 60_000, 3), np.uint8)).shape == (3, 64, 64)


# The card


def test_the_shipped_card_states_what_is_known(shipped: Encoder) -> None:
    card = shipped.card

    assert card.reference == "shipped"
    assert card.architecture == "mobilenetv2_140"
    assert card.labels == ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
    assert card.dimension == 512
    assert card.descriptor is not None
    assert card.input_size == (3, 224, 224)
    assert (card.interpolation, card.crop_pct, card.crop_mode) == ("bilinear", 1.0, "squash")
    assert card.mean == card.std == (0.5, 0.5, 0.5)
    assert card.licence == "mit"
    assert card.weights_sha256 in (SHIPPED_FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_card_of_a_model_like_marqos_states_what_is_known(marqo_folder: Path) -> None:
    card = load_encoder(str(marqo_folder), "cpu").card

    assert card.reference == str(marqo_folder)
    assert card.architecture == "vit_tiny_patch16_384"
    assert card.labels == ("NSFW", "SFW")
    assert card.dimension == 192
    assert card.input_size == (3, 384, 384)
    assert (card.interpolation, card.crop_pct, card.crop_mode) == ("bicubic", 1.0, "center")
    assert card.licence == "apache-2.0"


def test_the_fingerprint_is_the_same_for_a_copy(tiny: Encoder, tiny_folder: Path) -> None:
    again = load_encoder(str(tiny_folder), "cpu").card

    assert again.reference != tiny.card.reference
    assert again.fingerprint == tiny.card.fingerprint


def test_one_changed_weight_changes_the_fingerprint(tiny: Encoder, tiny_folder: Path) -> None:
    tensors = load_file(tiny_folder / "model.safetensors")
    tensors["classifier.bias"][0] += 1e-3
    save_file(tensors, tiny_folder / "model.safetensors")

    assert load_encoder(str(tiny_folder), "cpu").card.fingerprint != tiny.card.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"pretrained": {"mean": [0.5, 0.5, 0.4]}},
        {"pretrained": {"interpolation": "bilinear"}},
        {"pretrained": {"crop_pct": 0.9}},
        {"pretrained": {"crop_mode": "squash"}},
        {"pretrained": {"input_size": [3, 96, 96]}},
        {"model_args": {"pad_type": "same"}},
    ],
)
def test_other_preprocessing_or_arguments_change_the_fingerprint(
    tiny: Encoder, tiny_folder: Path, change: dict[str, dict[str, object]]
) -> None:
    edit_config(tiny_folder, **change)

    assert load_encoder(str(tiny_folder), "cpu").card.fingerprint != tiny.card.fingerprint


def test_other_labels_leave_the_embedding_space_as_it_is(tiny: Encoder, tiny_folder: Path) -> None:
    edit_config(tiny_folder, label_names={"0": "a", "1": "b", "2": "c"})

    card = load_encoder(str(tiny_folder), "cpu").card

    assert card.labels == ("a", "b", "c")
    assert tiny.card.labels == ("class_0", "class_1", "class_2")
    assert card.fingerprint == tiny.card.fingerprint


# Heads


def test_one_class_has_the_sigmoid_of_its_logit_as_probability(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_tiny(tmp_path, num_classes=1, label_names=["unsafe"])), "cpu")
    photo = read_photo("moose.jpg")

    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    with torch.inference_mode():
        logit = model(torch.from_numpy(encoder.prepare(photo)[None])).item()

    assert encoder.encode([photo]).probabilities.shape == (1, 1)
    assert encoder.encode([photo]).probabilities[0, 0] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_a_model_without_a_classifier_has_embeddings_and_no_probabilities(tmp_path: Path) -> None:
    encoder = load_encoder(str(make_tiny(tmp_path, num_classes=0)), "cpu")

    encoding = encoder.encode([read_photo("moose.jpg")])

    assert encoder.card.labels == ()
    assert encoding.probabilities.shape == (1, 0)
    assert encoding.embeddings.shape == (1, encoder.card.dimension)


def test_an_architecture_with_two_heads_is_refused(tmp_path: Path) -> None:
    make_model(
        tmp_path,
        {
            **MARQO_CONFIG,
            "architecture": "deit_tiny_distilled_patch16_224",
            "pretrained_cfg": {
                "input_size": [3, 224, 224],
                "first_conv": "patch_embed.proj",
                "classifier": ["head", "head_dist"],
            },
        },
    )

    with pytest.raises(InvalidModel, match="one pass"):
        load_encoder(str(tmp_path), "cpu")


# Numbers that must not get out


def test_an_image_without_finite_answer_is_named_and_refused(tiny: Encoder) -> None:
    good = tiny.prepare(read_photo("bee.jpg"))

    with pytest.raises(UnusableOutput, match=r"row\(s\) 1 ") as caught:
        tiny.forward([good, np.full_like(good, np.nan)])

    assert caught.value.rows == (1,)


def test_an_embedding_of_zero_length_is_refused(tiny_folder: Path) -> None:
    tensors = load_file(tiny_folder / "model.safetensors")
    save_file(
        {name: tensor.zero_() for name, tensor in tensors.items()},
        tiny_folder / "model.safetensors",
    )
    encoder = load_encoder(str(tiny_folder), "cpu")

    with pytest.raises(UnusableOutput):
        encoder.encode([read_photo("bee.jpg")])


def test_weights_that_are_not_finite_are_refused(tiny_folder: Path) -> None:
    tensors = load_file(tiny_folder / "model.safetensors")
    tensors["conv_stem.weight"][0] = torch.nan
    save_file(tensors, tiny_folder / "model.safetensors")

    with pytest.raises(InvalidModel, match=r"model\.safetensors.* not give finite numbers"):
        load_encoder(str(tiny_folder), "cpu")


def test_arrays_of_another_size_are_refused(tiny: Encoder) -> None:
    with pytest.raises(InputError, match=r"\(3, 64, 64\), got \(3, 32, 32\)"):
        tiny.forward(np.zeros((1, 3, 32, 32), np.float32))


def test_a_picture_too_thin_for_bordered_resizing_is_unreadable(tiny_folder: Path) -> None:
    edit_config(tiny_folder, pretrained={"crop_mode": "border"})
    encoder = load_encoder(str(tiny_folder), "cpu")

    with pytest.raises(UnreadableImage, match="1 by 60000 pixels"):
        encoder.prepare(np.zeros((60_000, 1, 3), np.uint8))


# Folders that cannot be used


def test_a_pickle_is_refused_with_the_way_to_convert_it(tiny_folder: Path) -> None:
    weights = tiny_folder / "model.safetensors"
    torch.save(load_file(weights), tiny_folder / "pytorch_model.bin")
    weights.unlink()

    with pytest.raises(InvalidModel, match="Only safetensors") as caught:
        load_encoder(str(tiny_folder), "cpu")

    assert "pytorch_model.bin" in str(caught.value)
    assert "save_file" in str(caught.value)


def test_a_pickle_beside_safetensors_is_not_opened(tiny: Encoder, tiny_folder: Path) -> None:
    for name in ("pytorch_model.bin", "model.pth"):
        (tiny_folder / name).write_bytes(b"anything that is opened fails")

    assert load_encoder(str(tiny_folder), "cpu").card.fingerprint == tiny.card.fingerprint


def test_a_missing_config_is_refused(tiny_folder: Path) -> None:
    (tiny_folder / "config.json").unlink()

    with pytest.raises(InvalidModel, match=r"has no config\.json"):
        load_encoder(str(tiny_folder), "cpu")


def test_a_missing_directory_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="hf-hub:owner/name"):
        load_encoder(str(tmp_path / "nothing"), "cpu")


def test_a_file_is_not_a_model_directory(tiny_folder: Path) -> None:
    with pytest.raises(InvalidModel, match="is a file"):
        load_encoder(str(tiny_folder / "model.safetensors"), "cpu")


@pytest.mark.parametrize("size", [0, 4, 5_000, 100_000])
def test_truncated_weights_are_refused(tiny_folder: Path, size: int) -> None:
    weights = tiny_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])

    with pytest.raises(InvalidModel, match=r"model\.safetensors is not a readable"):
        load_encoder(str(tiny_folder), "cpu")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"architecture": 3}', '{"architecture": "x", "model_args": 1}']
)
def test_a_damaged_config_is_refused(tiny_folder: Path, text: str) -> None:
    (tiny_folder / "config.json").write_text(text, encoding="utf-8")

    with pytest.raises(InvalidModel, match=r"config\.json"):
        load_encoder(str(tiny_folder), "cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "no_such_network"},
        {"architecture": "lcnet_050"},
        {"num_classes": 5},
        {"model_args": {"num_classes": 5}},
        {"model_args": {"no_such_argument": 1}},
        {"model_args": {"features_only": True}},
        {"model_args": {"in_chans": 1}},
        {"pretrained": {"mean": [0.5, 0.5]}},
        {"pretrained": {"std": [0, 0, 0]}},
        {"pretrained": {"interpolation": "guess"}},
        {"pretrained": {"input_size": [3, 64]}},
        {"pretrained": {"no_such_key": 1}},
        {"label_names": ["one", "two"]},
        {"label_names": ["same", "same", "other"]},
        {"label_names": {"0": "a", "1": "b", "7": "c"}},
        {"label_names": "abc"},
        {"label_names": [1, 2, 3]},
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_refused(
    tiny_folder: Path, change: dict[str, object]
) -> None:
    edit_config(tiny_folder, **change)

    with pytest.raises(InvalidModel, match=r"config\.json"):
        load_encoder(str(tiny_folder), "cpu")


def test_weights_that_lack_a_tensor_are_refused_even_where_timm_loads_loosely(
    tmp_path: Path,
) -> None:
    pretrained_cfg = {
        "input_size": [3, 64, 64],
        "first_conv": "base_layer.0",
        "classifier": "fc",
        "num_classes": 2,
    }
    make_model(
        tmp_path,
        {"architecture": "dla46x_c", "num_classes": 2, "pretrained_cfg": pretrained_cfg},
    )
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["fc.weight"]
    save_file(tensors, tmp_path / "model.safetensors")

    with pytest.raises(InvalidModel, match=r"lacks tensors .* fc\.weight"):
        load_encoder(str(tmp_path), "cpu")


@pytest.mark.parametrize("device", ["cuda:99", "meta", "toaster"])
def test_a_device_that_is_not_here_is_refused(tiny_folder: Path, device: str) -> None:
    with pytest.raises(SettingsError, match="LOOKALIKE_DEVICE"):
        load_encoder(str(tiny_folder), device)


def test_a_relative_directory_is_remembered_as_an_absolute_one(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_folder.parent)

    assert load_encoder(tiny_folder.name, "cpu").card.reference == str(tiny_folder)


def test_the_licence_notices_travel_with_the_shipped_weights() -> None:
    for name, holder in (("nsfwjs", "Infinite Red"), ("nsfw_model", "nsfw_model Developers")):
        text = (SHIPPED_FOLDER / f"LICENSE-{name}").read_text(encoding="utf-8")
        assert text.startswith("MIT License")
        assert holder in text


def test_the_shipped_folder_loads_from_elsewhere_into_the_same_space(
    shipped: Encoder, tmp_path: Path
) -> None:
    copy = shutil.copytree(SHIPPED_FOLDER, tmp_path / "copy")

    assert load_encoder(str(copy), "cpu").card.fingerprint == shipped.card.fingerprint
    assert json.loads((copy / "config.json").read_text())["model_args"]["pad_type"] == "same"
