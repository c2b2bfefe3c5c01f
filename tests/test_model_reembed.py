"""`model reembed`: a new model for an index, though it is killed, and while a server runs."""

import json
import re
import shlex
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from shutil import copyfile

import pytest

from indexer.store import open_store
from indexer.types import Tier
from support.commands import PHOTOS, Index
from support.consistency import examine
from support.deaths import Death, Moment
from support.feeding import assert_sound
from support.forked import start
from support.ingesting import NAMES
from support.models import add_descriptor, make_tiny

SOME_MISSING = 2
MISMATCH = 3
UNCUT = {"LOOKALIKE_QUERY_VIEWS": "none"}  # what is killed below has parts


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make two models: the same network, with and without a head."""
    folder = tmp_path_factory.mktemp("models")
    return make_tiny(folder / "plain"), add_descriptor(make_tiny(folder / "with-head"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in NAMES:
        copyfile(PHOTOS / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, models: tuple[Path, Path], photos: Path
) -> Index:
    """Index six photos by the plain model; not to be changed."""
    return filled(Index(tmp_path_factory.mktemp("home"), extra=UNCUT), models[0], photos)


@pytest.fixture
def index(original: Index, tmp_path: Path) -> Index:
    return original.copy(tmp_path / "home")


def filled(index: Index, model: Path, photos: Path) -> Index:
    index.run_here("init", "--model", model)
    index.run_here("index", "add", photos)
    return index


def space_of(index: Index) -> str:
    return str(index.run_here("status", "--json").json["space"]["fingerprint"])


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.postgres
def test_a_run_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, database_url: str, models: tuple[Path, Path], photos: Path
) -> None:
    index = Index(tmp_path / "home", database_url, {"LOOKALIKE_BATCH_SIZE": "2"})
    filled(index, models[0], photos)
    before = space_of(index)
    command = ("model", "reembed", "--model", models[1], "--json")
    for death in (Death(Moment.COMMIT, 3), Death(Moment.WRITTEN, 3)):  # in the second batch
        start(index, *command, death=death).die(death)
        assert space_of(index) == before
    assert index.run_here("search", photos / "bee.jpg", "--json").json["tier"] == Tier.EXACT

    report = json.loads(start(index, *command).finish())

    assert 0 < report["wanted"] == report["embedded"] <= len(NAMES) - 2
    assert report["active"] is True
    assert space_of(index) == report["space"] != before
    with open_store(database_url) as store:
        assert_sound(index, store)
    index.run_here("model", "reembed", "--drop-old")
    with open_store(database_url) as store:
        assert len(examine(store).images) == len(NAMES)


@pytest.mark.slow
def test_the_command_that_an_error_names_brings_the_index_over(
    index: Index, models: tuple[Path, Path], photos: Path
) -> None:
    for command in (["index", "add", photos], ["search", photos / "bee.jpg"], ["init"]):
        refused = index.run_here(*command, "--model", models[1], code=MISMATCH)
        [named] = re.findall(r"`lookalike (model reembed [^`]+)`", refused.stderr)

    planned = index.run_here(*shlex.split(named), "--plan")
    assert "to embed from sources" in planned.stdout
    done = start(index, *shlex.split(named)).finish()

    assert "6 images of 6 embedded" in done
    assert "`lookalike cluster run`" in done
    index.run_here("index", "add", photos, "--model", models[1])
    assert "(model_mismatch)" in index.run_here("init", "--model", models[0], code=3).stderr


def test_what_cannot_be_embedded_is_listed_with_what_to_do(
    index: Index, models: tuple[Path, Path], photos: Path
) -> None:
    command = ("model", "reembed", "--model", models[1])
    gone = photos / "bee.jpg"
    kept = gone.rename(photos.parent / gone.name)
    before = space_of(index)

    refused = index.run_here(*command, code=SOME_MISSING)

    assert f"{gone}: " in refused.stderr
    assert "(unreadable_source)" in refused.stderr
    assert "--from-thumbnails" in refused.stdout
    assert "--allow-missing" in refused.stdout
    assert space_of(index) == before

    done = index.run_here(*command, "--from-thumbnails")
    assert "1 of them from their thumbnails" in done.stdout
    assert space_of(index) != before
    kept.rename(gone)


def test_threshold_cards_of_the_earlier_space_are_said_to_hold_no_more(
    index: Index, models: tuple[Path, Path]
) -> None:
    index.run_here("threshold", "calibrate", "--signal", "fused", "--target", "0.01")

    done = index.run_here("model", "reembed", "--model", models[1])

    assert "1 threshold card of the earlier space" in done.stdout
    assert "`lookalike threshold calibrate`" in done.stdout


@pytest.mark.slow
def test_a_server_that_cannot_follow_goes_on_in_its_space_until_that_is_dropped(
    index: Index, models: tuple[Path, Path], photos: Path
) -> None:
    upload = {"image": (photos / "bee.jpg").read_bytes()}
    bound = replace(index, extra={**index.extra, "LOOKALIKE_MODEL": str(models[0])})
    with bound.serve() as client:
        before = client.post("/v1/search", files=upload).json()["model"]
        index.run_here("model", "reembed", "--model", models[1])

        assert client.post("/v1/search", files=upload).json()["model"] == before
        assert client.get("/readyz").status_code == HTTPStatus.OK
        index.run_here("model", "reembed", "--drop-old")

        refused = client.post("/v1/search", files=upload)
        assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert refused.json()["title"] == "space_replaced"
    with index.serve() as client:
        answer = client.post("/v1/search", files=upload).json()
    assert (answer["model"], answer["tier"]) == (space_of(index), Tier.EXACT)
