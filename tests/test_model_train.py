"""Classifiers trained on labelled images: probes, their folders, reports and errors."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.errors import InvalidModel
from indexer.model import load_encoder, resolve
from indexer.model.classified_model import load_classified
from indexer.model.graph_writers import AnsweringNetwork
from indexer.settings import SHIPPED_MODEL
from support.commands import Index
from support.labelled import draw, make_folder, photo
from support.models import add_descriptor, make_tiny


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("labelled") / "media")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def trained(index: Index, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the shipped network's probe; broken files are among the images."""
    place = labelled.with_name("with broken files")
    shutil.copytree(labelled, place)
    (place / "photo" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (place / "stray.png").write_bytes((place / "photo" / "00.png").read_bytes())
    shutil.copy(place / "photo" / "01.png", place / "photo" / "same.png")
    out = tmp_path_factory.mktemp("models") / "media"
    done = index.run_here("model", "train", place, "--out", out, "--json")
    (out.parent / "trained.json").write_text(done.stdout)
    return out


def test_a_probe_tells_its_classes_and_keeps_the_space(trained: Path, index: Index) -> None:
    told = json.loads((trained.parent / "trained.json").read_text())
    answer = index.run_here("classify", "--model", trained, trained.parent / "trained.json", code=2)
    image = trained.parent / "new.png"
    draw(99).save(image)

    answer = index.run_here("classify", "--model", trained, image, "--json").json

    assert answer["probabilities"]["drawing"] > 0.9
    assert answer["probabilities"].keys() == {"drawing", "photo"}
    shipped, own = (
        load_encoder(name, "cpu", "onnx", None) for name in (SHIPPED_MODEL, str(trained))
    )
    assert answer["model"] == shipped.card.fingerprint == told["space"]
    assert own.card.classifier == told["classifier"]
    rgb = np.asarray(draw(99))
    np.testing.assert_array_equal(own.encode([rgb]).embeddings, shipped.encode([rgb]).embeddings)
    assert told["evaluation"]["accuracy"]["share"] == 1.0


def test_unusable_files_are_listed_and_left_out(trained: Path) -> None:
    told = json.loads((trained.parent / "trained.json").read_text())

    assert {(Path(each["uri"]).name, each["code"]) for each in told["skipped"]} == {
        ("broken.jpg", "unreadable_image"),
        ("stray.png", "unlabelled"),
    }
    assert told["data"]["duplicates"] == 1
    assert told["data"]["by_class"] == {"drawing": 12, "photo": 12}


def test_the_folder_holds_the_base_and_a_card_without_names_of_images(trained: Path) -> None:
    card = (trained / "MODEL_CARD.md").read_text()

    assert {"descriptor.json", "fusion.json", "export.onnx", "classifier.json"} <= {
        path.name for path in trained.iterdir()
    }
    assert "24 different images" in card
    assert re.search(r"digests: `[0-9a-f]{64}`", card)
    assert "| licence" in card or "base's licence" in card
    for path in trained.iterdir():
        if path.suffix in {".md", ".json"}:
            assert "broken" not in path.read_text()


def test_the_report_loads_nothing_and_shows_curves(trained: Path) -> None:
    page = trained.with_name("media.report.html").read_text()
    written = json.loads(trained.with_name("media.report.json").read_text())

    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert page.count("<polyline") >= 5
    assert (
        written["evaluation"]["confusion"] == [[2, 0], [0, 3]]
        or sum(map(sum, written["evaluation"]["confusion"])) == written["evaluation"]["images"]
    )


@pytest.mark.parametrize("source", ["features", "embedding"])
def test_both_runtimes_classify_alike(
    labelled: Path, index: Index, tmp_path: Path, model_cache: Path, source: str
) -> None:
    base = add_descriptor(make_tiny(tmp_path / "base"))
    out = tmp_path / "probe"
    index.run_here("model", "train", labelled, "--model", base, "--input", source, "--out", out)
    images = [np.asarray(photo(number)) for number in range(3)]

    one, other = (load_encoder(str(out), "cpu", kind, model_cache) for kind in ("torch", "onnx"))

    assert one.card == other.card
    np.testing.assert_allclose(
        one.encode(images).probabilities, other.encode(images).probabilities, atol=1e-4
    )
    assert one.encode(images).probabilities.shape == (3, 2)
    exported = AnsweringNetwork(load_classified(resolve(str(out)), torch.device("cpu")))
    answers = exported.run(np.stack([one.prepare(image) for image in images]))
    np.testing.assert_allclose(
        answers["probabilities"], one.encode(images).probabilities, atol=1e-5
    )


def test_a_classifier_of_another_network_is_refused(trained: Path, tmp_path: Path) -> None:
    other = make_tiny(tmp_path / "other")
    for name in ("classifier.json", "classifier.safetensors"):
        shutil.copy(trained / name, other)

    with pytest.raises(InvalidModel, match="trained on another model"):
        load_encoder(str(other), "cpu", "torch")


def test_a_damaged_classifier_is_refused(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    weights = copy / "classifier.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x41")

    with pytest.raises(InvalidModel, match="not a valid classifier"):
        load_encoder(str(copy), "cpu", "torch")


def test_a_folder_without_its_classifier_has_the_networks_own_classes(
    trained: Path, tmp_path: Path, index: Index
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "classifier.safetensors").unlink()

    done = index.run_here("model", "show", "--model", copy, code=2)

    assert "classifier.json without classifier.safetensors" in done.stderr


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        photo(20 + number).save(folder / f"{number}.png")


def move_to_one_origin(place: Path) -> None:
    shutil.rmtree(place / "photo")
    fill(place / "photo" / "camera", 4)


def empty_all(place: Path) -> None:
    for name in ("photo", "drawing"):
        shutil.rmtree(place / name)


def break_photos(place: Path) -> None:
    for path in (place / "photo").iterdir():
        path.write_bytes(b"GIF89a")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda place: shutil.rmtree(place / "photo"),
            "At least two classes are needed, and all images are of drawing",
        ),
        (
            lambda place: fill(place / "memes", 0),
            "The class folder memes of .* hold no images. Fill or remove",
        ),
        (
            lambda place: fill(place / "memes", 1),
            "Each class needs at least 2 different readable images; memes has fewer",
        ),
        (move_to_one_origin, "All images of photo come from one origin or are near-duplicates"),
        (empty_all, "has no folders. Put the images of each class into a folder of its name"),
        (break_photos, "12 files were left out; the first"),
    ],
    ids=["one class", "empty class", "one image", "one origin", "no classes", "unreadable"],
)
def test_what_cannot_be_learnt_from_is_refused(
    labelled: Path, index: Index, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    place = tmp_path / "place"
    shutil.copytree(labelled, place)
    damage(place)

    done = index.run_here("model", "train", place, "--out", tmp_path / "out", code=2)

    assert re.search(message, done.stderr.replace("\n", " ")), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_manifest_without_labels_is_refused(labelled: Path, index: Index, tmp_path: Path) -> None:
    manifest = tmp_path / "images.csv"
    rows = [str(path) for path in sorted(labelled.rglob("*.png"))]
    manifest.write_text("path\n" + "\n".join(rows) + "\n")

    done = index.run_here("model", "train", manifest, "--out", tmp_path / "out", code=2)

    assert "has no labels. Add a column label" in done.stderr.replace("\n", " ")


def test_an_existing_folder_is_never_written_to(
    trained: Path, labelled: Path, index: Index
) -> None:
    before = {path.name: path.read_bytes() for path in trained.iterdir()}

    index.run_here("model", "train", labelled, "--out", trained, code=2)

    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_an_image_may_be_of_several_classes(index: Index, tmp_path: Path) -> None:
    rows = ["path,label"]
    for number in range(16):
        image = photo(number)
        labels = ["photo"]
        if number % 2:
            image.paste(draw(number).resize((90, 90)), (0, 0))
            labels.append("drawing")
        image.save(tmp_path / f"{number}.png")
        rows.append(f"{tmp_path / f'{number}.png'},{'|'.join(labels)}")
    for number in range(16, 24):
        draw(number).save(tmp_path / f"{number}.png")
        rows.append(f"{tmp_path / f'{number}.png'},drawing")
    manifest = tmp_path / "images.csv"
    manifest.write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"

    told = index.run_here("model", "train", manifest, "--out", out, "--multi-label", "--json").json
    answer = index.run_here("classify", "--model", out, tmp_path / "1.png", "--json").json

    assert told["evaluation"]["multi_label"]
    assert sum(answer["probabilities"].values()) > 1.2
