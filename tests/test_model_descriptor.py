"""Descriptors: embeddings made of feature maps by a head of their own, in the same pass."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from indexer.errors import InputError, InvalidModel
from indexer.model import Encoder, load_background, load_encoder
from indexer.model.background import BACKGROUND, write_background
from indexer.model.descriptor_head import generalised_mean
from indexer.model.parity import compare
from indexer.model.training import Recipe, train_descriptor
from indexer.model.training.augmentations import edit
from indexer.model.training.head_fit import pair_views
from indexer.model.training.losses import contrastive, crowding
from indexer.settings import SHIPPED_MODEL, ImageLimits
from indexer.types import Rgb
from support.commands import Index
from support.models import add_descriptor, make_model, make_tiny

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_frames=1)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "plain")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return add_descriptor(make_tiny(tmp_path / "with head"))


def state(folder: Path, **changes: Any) -> None:
    path = folder / "descriptor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def open_photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / f"{name}.jpg").convert("RGB")


def read_photo(name: str) -> Rgb:
    return np.asarray(open_photo(name))


# --- the head ------------------------------------------------------------------------------------


def test_the_embedding_is_made_of_the_taps_and_the_classes_stay(plain: Path, folder: Path) -> None:
    photo = read_photo("tabby-cat")
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    tensors = load_file(folder / "descriptor.safetensors")
    encoder = load_encoder(str(folder), "cpu")
    with torch.inference_mode():
        values = network.bn1(network.conv_stem(torch.from_numpy(encoder.prepare(photo)[None])))
        outputs = {}
        for number, stage in enumerate(network.blocks):
            values = outputs[number] = stage(values)
        joined = torch.cat(
            [
                outputs[3].clamp(min=1e-4).pow(3).mean((2, 3)).pow(1 / 3),
                outputs[5].mean((2, 3)),
            ],
            dim=1,
        )
        expected = joined @ tensors["projection.weight"].T + tensors["projection.bias"]
        expected = torch.nn.functional.normalize(expected).numpy()

    encoding = encoder.encode([photo])

    np.testing.assert_allclose(encoding.embeddings, expected, atol=1e-5)
    assert encoder.card.dimension == encoding.embeddings.shape[1] == 16
    assert encoder.card.descriptor == "random 1"
    np.testing.assert_allclose(
        encoding.probabilities,
        load_encoder(str(plain), "cpu").encode([photo]).probabilities,
        atol=1e-6,
    )


def test_a_folder_without_a_head_embeds_as_timm_pools(plain: Path) -> None:
    assert load_encoder(str(plain), "cpu").card.descriptor is None


@pytest.mark.long
def test_onnx_runtime_answers_as_torch_does(folder: Path, model_cache: Path) -> None:
    on_torch = load_encoder(str(folder), "cpu", "torch")
    on_onnx = load_encoder(str(folder), "cpu", "onnx", model_cache)

    assert on_onnx.card == on_torch.card
    assert compare(on_torch, on_onnx).holds


def test_several_threads_may_use_one_head(folder: Path) -> None:
    encoder = load_encoder(str(folder), "cpu", "torch")
    photos = [read_photo(name) for name in ("swans", "koala", "bee", "crab")] * 4

    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda photo: encoder.encode([photo]).embeddings[0], photos))

    np.testing.assert_allclose(np.stack(rows), encoder.encode(photos).embeddings, atol=1e-5)


def test_a_model_for_copies_alone_has_a_head_and_no_classes(tmp_path: Path) -> None:
    config = {
        "architecture": "resnet10t",
        "num_classes": 0,
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "num_classes": 0,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "first_conv": "conv1.0",
            "classifier": "fc",
        },
    }
    folder = make_model(tmp_path / "sscd", config)
    add_descriptor(folder, taps=[{"module": "layer4", "power": 3}], dimension=32)

    encoding = load_encoder(str(folder), "cpu").encode([read_photo("moose")])

    assert encoding.embeddings.shape == (1, 32)
    assert encoding.probabilities.shape == (1, 0)


@settings(max_examples=30, deadline=None)
@given(st.floats(1, 8), st.integers(0, 99))
def test_a_generalised_mean_lies_between_the_average_and_the_maximum(
    power: float, seed: int
) -> None:
    values = torch.rand(2, 5, 3, 3, generator=torch.Generator().manual_seed(seed)) + 0.1

    mean = generalised_mean(values, power)

    assert (mean >= values.mean((2, 3)) - 1e-4).all()
    assert (mean <= values.amax((2, 3)) + 1e-4).all()


# --- its space -----------------------------------------------------------------------------------


def test_a_head_makes_another_space(plain: Path, folder: Path) -> None:
    assert fingerprint(plain) != fingerprint(folder)


def test_the_space_of_a_copy_is_the_same(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    state(copy, training={"pictures": 12})

    assert fingerprint(copy) == fingerprint(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"taps": [{"module": "blocks.3", "power": 3}, {"module": "blocks.5", "power": 2}]},
    ],
)
def test_another_head_makes_another_space(folder: Path, change: dict[str, Any]) -> None:
    before = fingerprint(folder)
    state(folder, **change)

    assert fingerprint(folder) != before


@pytest.mark.long
def test_one_changed_weight_of_the_head_makes_another_space_and_export(
    folder: Path, tmp_path: Path
) -> None:
    before = load_encoder(str(folder), "cpu", "onnx", tmp_path / "cache")
    tensors = load_file(folder / "descriptor.safetensors")
    tensors["projection.bias"] += 1
    save_file(tensors, folder / "descriptor.safetensors")

    after = load_encoder(str(folder), "cpu", "onnx", tmp_path / "cache")

    assert after.card.fingerprint != before.card.fingerprint
    photo = read_photo("bee")
    assert not np.allclose(after.encode([photo]).embeddings, before.encode([photo]).embeddings)


def fingerprint(folder: Path) -> str:
    return load_encoder(str(folder), "cpu").card.fingerprint


# --- bad folders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["descriptor.json", "descriptor.safetensors"])
def test_half_a_descriptor_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()

    with pytest.raises(InvalidModel, match=f"without {missing}"):
        load_encoder(str(folder), "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "must state"),
        ({"taps": []}, "must state"),
        ({"dimension": 0}, "must state"),
        ({"taps": [{"module": "blocks.3"}]}, "A tap in"),
        ({"taps": [{"module": "blocks.3", "power": 0.5}]}, "A tap in"),
        ({"taps": [{"module": "blocks.99", "power": 3}]}, "does not have"),
        ({"taps": [{"module": "blocks.3", "power": 3}]}, "cannot read the network"),
        ({"dimension": 17}, "does not hold the weights"),
        ({"training": []}, '"training"'),
    ],
)
def test_a_descriptor_that_cannot_be_used_is_refused(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    state(folder, **change)

    with pytest.raises(InvalidModel, match=message):
        load_encoder(str(folder), "cpu")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 100])
def test_a_damaged_file_is_refused(folder: Path, data: bytes) -> None:
    kept = (folder / "descriptor.json").read_bytes()
    (folder / "descriptor.json").write_bytes(data)
    with pytest.raises(InvalidModel, match=r"descriptor\.json"):
        load_encoder(str(folder), "cpu")

    (folder / "descriptor.json").write_bytes(kept)
    (folder / "descriptor.safetensors").write_bytes(data)
    with pytest.raises(InvalidModel, match="does not hold the weights"):
        load_encoder(str(folder), "cpu")


def test_a_head_with_infinite_weights_is_refused(folder: Path) -> None:
    tensors = load_file(folder / "descriptor.safetensors")
    tensors["projection.bias"][0] = torch.inf
    save_file(tensors, folder / "descriptor.safetensors")

    with pytest.raises(InvalidModel, match="finite numbers"):
        load_encoder(str(folder), "cpu")


# --- the background ------------------------------------------------------------------------------


def test_a_background_is_read_as_it_was_written(folder: Path) -> None:
    rows = np.eye(5, 16, dtype=np.float32) * 3
    write_background(rows, "1", folder / BACKGROUND)

    np.testing.assert_array_equal(load_background(str(folder)), rows / 3)


def test_a_model_without_a_background_or_a_head_has_none(plain: Path, folder: Path) -> None:
    write_background(np.eye(16, dtype=np.float32), "1", plain / BACKGROUND)

    assert load_background(str(plain)) is None
    assert load_background(str(folder)) is None


def test_a_background_of_another_head_or_a_damaged_one_is_refused(folder: Path) -> None:
    write_background(np.eye(16, dtype=np.float32), "2", folder / BACKGROUND)
    with pytest.raises(InvalidModel, match="made by the head 2"):
        load_background(str(folder))

    (folder / BACKGROUND).write_bytes(b"nothing")
    with pytest.raises(InvalidModel, match="not a readable background"):
        load_background(str(folder))


# --- training ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(16, 300), height=st.integers(16, 300))
def test_any_picture_can_be_edited(seed: int, width: int, height: int) -> None:
    picture = open_photo("crab").resize((width, height))
    before, other = picture.copy(), lambda: open_photo("bee").resize((120, 90))

    edited = edit(picture, Random(seed), other)
    again = edit(picture, Random(seed), other)

    assert edited.mode == "RGB"
    assert 16 <= min(edited.size) <= max(edited.size) <= 640
    assert edited == again
    assert picture == before


def test_the_loss_falls_as_copies_come_together_and_strangers_part() -> None:
    pictures = torch.arange(4).repeat(2)
    apart = torch.eye(4).repeat(2, 1)
    mixed = torch.nn.functional.normalize(apart + apart.roll(1, 0))

    assert contrastive(apart, pictures, 0.05) < contrastive(mixed, pictures, 0.05)
    assert crowding(apart, pictures) < crowding(mixed, pictures)


def test_a_share_of_the_pairs_holds_the_unedited_picture() -> None:
    views = torch.arange(4.0).reshape(1, 4, 1).repeat(1000, 1, 1)  # each shows its number
    source = np.random.default_rng(0)

    def share(originals: float) -> float:
        first, second = pair_views(views, np.arange(1000), originals, source).split(1000)
        assert not (first == second).any()
        return float(((first == 0) | (second == 0)).float().mean())

    assert share(1.0) == 1
    assert share(0.5) == pytest.approx(0.75, abs=0.05)
    assert share(0.0) == pytest.approx(0.5, abs=0.05)


@pytest.fixture(scope="module")
def some_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(PHOTOS.glob("*.jpg"))[::2]:
        picture = Image.open(path)
        picture.thumbnail((160, 160))
        picture.save(folder / path.name)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.mark.slow
def test_a_trained_head_knows_copies_better_than_the_network_alone(
    plain: Path, some_photos: Path, tmp_path: Path
) -> None:
    recipe = Recipe(
        dimension=16,
        views=12,
        rotations=0,
        epochs=80,
        batch=16,
        temperature=0.1,
        entropy=0.3,
    )
    told: list[tuple[str, int, int]] = []

    trained = train_descriptor(
        str(plain),
        some_photos,
        tmp_path / "trained",
        name="test",
        recipe=recipe,
        limits=LIMITS,
        taps=["blocks.1", "blocks.2"],
        on_progress=lambda *progress: told.append(progress),
    )

    assert trained.last_loss < trained.first_loss
    assert trained.pictures == 18
    assert told[0] == ("pictures", 1, 19)
    assert told[-1] == ("epochs", 80, 80)
    encoder = load_encoder(str(trained.folder), "cpu")
    assert encoder.card.descriptor == f"test {trained.descriptor.version}"
    assert margin(encoder) > margin(load_encoder(str(plain), "cpu"))
    background = load_background(str(trained.folder))
    assert background is not None
    np.testing.assert_allclose(np.linalg.norm(background, axis=1), np.ones(18), atol=1e-5)


def test_training_refuses_a_folder_that_exists_and_one_without_pictures(
    plain: Path, some_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="exists already"):
        train_descriptor(
            str(plain), some_photos, plain, name="test", recipe=Recipe(), limits=LIMITS
        )
    with pytest.raises(InputError, match="0 images"):
        train_descriptor(
            str(plain), plain, tmp_path / "new", name="test", recipe=Recipe(), limits=LIMITS
        )


def test_training_refuses_a_tap_that_the_network_lacks(
    plain: Path, some_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidModel, match="no part"):
        train_descriptor(
            str(plain),
            some_photos,
            tmp_path / "new",
            name="test",
            recipe=Recipe(),
            limits=LIMITS,
            taps=["no part"],
        )


def test_the_command_trains_and_the_result_loads(
    plain: Path, some_photos: Path, tmp_path: Path
) -> None:
    index, out = Index(tmp_path / "home"), tmp_path / "trained"
    arguments = ["model", "train-descriptor", str(some_photos), "--model", str(plain)]
    options = ["--out", str(out), "--views", "2", "--epochs", "1", "--dimension", "8"]

    told = index.run_here(*arguments, *options, "--tap", "blocks.2", "--json").json

    assert told["pictures"] == 18
    assert told["descriptor"]["dimension"] == 8
    assert load_encoder(str(out), "cpu").card.dimension == 8
    assert "exists already" in index.run_here(*arguments, *options, code=2).stderr


def margin(encoder: Encoder) -> float:
    """Return how much nearer edited copies lie than other photos, in standard deviations."""
    originals, copies = zip(*edited_photos(), strict=True)
    similarities = encoder.encode(originals).embeddings @ encoder.encode(copies).embeddings.T
    own = np.eye(len(originals), dtype=bool)
    difference = similarities[own].mean() - similarities[~own].mean()
    return float(difference / similarities[~own].std())


def edited_photos() -> Iterator[tuple[Rgb, Rgb]]:
    random = Random(7)
    for path in sorted(PHOTOS.glob("*.jpg"))[1::2]:
        photo = Image.open(path).convert("RGB")
        photo.thumbnail((160, 160))
        yield np.asarray(photo), np.asarray(edit(photo, random, lambda: open_photo("bee")))


# --- the shipped one -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(model_cache: Path) -> Encoder:
    return load_encoder(SHIPPED_MODEL, cache=model_cache)


def test_the_shipped_background_is_of_the_shipped_space(shipped: Encoder) -> None:
    background = load_background(SHIPPED_MODEL)

    assert background is not None
    assert background.shape == (4_394, shipped.card.dimension)
    similarities = shipped.encode([read_photo("koala")]).embeddings @ background.T
    assert similarities.max() < 0.6  # no picture of ours is in it


def test_the_shipped_descriptor_finds_copies_that_are_cropped_turned_or_framed(
    shipped: Encoder,
) -> None:
    names = sorted(path.stem for path in PHOTOS.glob("*.jpg"))
    photos = [open_photo(name) for name in names]
    gallery = shipped.encode([np.asarray(photo) for photo in photos]).embeddings
    edits = {
        "cropped": lambda photo: photo.crop(
            (photo.width // 6, photo.height // 8, photo.width, photo.height)
        ),
        "turned": lambda photo: photo.rotate(8, fillcolor="white", expand=True),
        "upside down": lambda photo: photo.transpose(Image.Transpose.ROTATE_180),
        "framed": framed,
    }
    for name, change in edits.items():
        queries = shipped.encode([np.asarray(change(photo)) for photo in photos]).embeddings
        found = (queries @ gallery.T).argmax(axis=1) == np.arange(len(photos))
        assert found.mean() >= 0.9, name


def framed(photo: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (photo.width, int(photo.height * 1.5)), "black")
    canvas.paste(photo, (0, photo.height // 4))
    return canvas
