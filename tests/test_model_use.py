"""The classifier of an index: changed in place, served at once, trained from what is stored."""

import shutil
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from indexer.store import open_store
from support.commands import Index
from support.labelled import draw, make_folder
from support.models import make_tiny

UNCUT = {"LOOKALIKE_QUERY_VIEWS": "none"}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("labelled") / "policy", 8)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, labelled: Path) -> Index:
    """Index the labelled images by a manifest; not to be changed."""
    index = Index(tmp_path_factory.mktemp("home"), extra=UNCUT)
    manifest = labelled.parent / "images.csv"
    rows = [f"{path},{path.parent.name}" for path in sorted(labelled.rglob("*.png"))]
    manifest.write_text("\n".join(["path,label", *rows]) + "\n")
    index.run_here("init", "--model", make_tiny(index.home.parent / "tiny"))
    index.run_here("index", "add", manifest)
    return index


@pytest.fixture(scope="module")
def probe(original: Index) -> Path:
    """Train a probe on the embeddings and labels of the index."""
    out = original.home.parent / "probe"
    told = original.run_here("model", "train", "--from-index", "labels", "--out", out, "--json")
    assert told.json["data"]["by_class"] == {"drawing": 8, "photo": 8}
    assert told.json["data"]["from_index"]
    return out


@pytest.fixture
def index(original: Index, tmp_path: Path) -> Index:
    return original.copy(tmp_path / "home")


def stored_classes(index: Index) -> list[set[str]]:
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        return [set(record.probabilities) for record in catalog.images.page()]


def test_another_classifier_of_the_same_space_is_named_before_it_is_used(
    index: Index, probe: Path
) -> None:
    elsewhere = Index(index.home, extra={**UNCUT, "LOOKALIKE_MODEL": str(probe)})
    for command in (["init"], ["search", probe], ["index", "add", probe]):
        refused = elsewhere.run_here(*command, code=3)
        assert f"lookalike model use {probe}" in refused.stderr.replace("\n", " ")
        assert "(classifier_mismatch)" in refused.stderr


def test_stored_embeddings_are_classified_anew(index: Index, probe: Path, labelled: Path) -> None:
    changed = index.run_here("model", "use", probe, "--json").json

    assert changed["classified"] >= 16
    assert changed["unclassified"] == 0
    assert stored_classes(index) == [{"drawing", "photo"}] * 16
    index.run_here("verify")
    answer = index.run_here("classify", labelled / "drawing" / "00.png", "--json").json
    assert answer["probabilities"].keys() == {"drawing", "photo"}
    draw(77).save(index.home / "new.png")
    index.run_here("index", "add", index.home / "new.png")
    assert stored_classes(index) == [{"drawing", "photo"}] * 17


def test_a_classifier_that_reads_features_classifies_by_reading_files_again(
    index: Index, labelled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features"
    index.run_here("model", "train", labelled, "--out", out)

    told = index.run_here("model", "use", out).stdout
    without = stored_classes(index)
    index.run_here("model", "reembed")

    assert "16 images have no class probabilities yet: run `lookalike model reembed`" in told
    assert without == [set()] * 16
    assert stored_classes(index) == [{"drawing", "photo"}] * 16


def test_a_model_of_another_space_is_refused(index: Index) -> None:
    refused = index.run_here("model", "use", "shipped", code=3)

    assert "Run `lookalike model reembed --model shipped`" in refused.stderr.replace("\n", " ")


def test_rules_of_a_policy_that_no_longer_apply_are_named(
    index: Index, probe: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'format = 1\nname = "p"\n[[rules]]\nid = "r"\naction = "review"\n'
        'class = "class_1"\nmin_probability = 0.5\n'
    )
    index.run_here("policy", "use", policy)

    changed = index.run_here("model", "use", probe)

    assert "has rules on class_1, which no longer apply" in changed.stderr.replace("\n", " ")


def test_a_running_server_takes_the_classifier_without_a_restart(
    index: Index, probe: Path, labelled: Path
) -> None:
    image = (labelled / "drawing" / "00.png").read_bytes()
    with index.serve() as client:
        before = client.post("/v1/classify", files={"image": image}).json()["probabilities"]
        index.run_here("model", "use", probe)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            answer = client.post("/v1/classify", files={"image": image})
            assert answer.status_code == HTTPStatus.OK
            if answer.json()["probabilities"].keys() != before.keys():
                break
            time.sleep(0.05)
        found = client.post("/v1/search", files={"image": image})

    assert answer.json()["probabilities"].keys() == {"drawing", "photo"}
    assert found.json()["probabilities"].keys() == {"drawing", "photo"}


def test_the_tutorial_goes_from_a_folder_to_a_served_classifier(
    labelled: Path, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "tutorial-custom-classifier.md").read_text()
    commands = [
        line.removeprefix("lookalike ").split()
        for line in page.splitlines()
        if line.startswith("lookalike ")
    ]
    train, init, serve = commands[:3]
    assert serve == ["serve"]
    shutil.copytree(labelled, tmp_path / "policy")
    index = Index(tmp_path / "home", extra=UNCUT)
    here = {
        "policy/": tmp_path / "policy",
        "holdout/": tmp_path / "policy",
        "my-model": tmp_path / "my-model",
        "holdout.html": tmp_path / "holdout.html",
    }
    for command in (train, init, *commands[3:]):
        index.run_here(*[here.get(word, word) for word in command])
    draw(500).save(tmp_path / "new.png")

    with index.serve() as client:
        answer = client.post(
            "/v1/classify", files={"image": (tmp_path / "new.png").read_bytes()}
        ).json()

    assert max(answer["probabilities"], key=answer["probabilities"].get) == "drawing"
