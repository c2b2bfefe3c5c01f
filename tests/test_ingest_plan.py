import json
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from PIL import Image

from indexer.ingest import IngestOptions, Plan
from indexer.ingest.encoding import PictureEncoder
from indexer.ingest.throughput import Throughput, load_throughput, save_throughput
from indexer.store import Store
from support.consistency import examine
from support.ingesting import NAMES, Place, make_place, noise, rewrite
from support.pictures import png_bomb, text


@pytest.fixture
def place(store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


KINDS = ("new", "changed", "incomplete", "duplicates", "unchanged", "unreadable", "links", "gone")


def counted(plan: Plan) -> dict[str, int]:
    """Return the counts that are not zero."""
    counts = {kind: getattr(plan, kind).count for kind in KINDS}
    return {kind: count for kind, count in counts.items() if count}


def test_a_plan_for_a_new_folder_embeds_and_writes_nothing(place: Place) -> None:
    with patch.object(PictureEncoder, "encode", side_effect=AssertionError("it encodes")):
        plan = place.plan()

    content = examine(place.store)
    assert (content.images, content.sources, content.changes) == ({}, {}, 0)
    assert counted(plan) == {"new": 6}
    assert plan.bytes == plan.bytes_read == sum(os.stat(path).st_size for path in place.files)  # noqa: PTH116
    assert plan.estimate.images == plan.estimate.vectors == 6
    assert plan.estimate.basis == "sample"
    assert plan.estimate.seconds is not None
    assert 0 < plan.estimate.view_bytes < plan.estimate.database_bytes


def test_a_plan_tells_each_kind_of_source_and_the_run_agrees(place: Place) -> None:
    place.ingest().run(place.found())
    folder = place.folder
    bee = place.image_at(folder / "bee.jpg")
    shutil.copy(folder / "bee.jpg", folder / "bee again.jpg")
    rewrite(folder / "camels.jpg", noise(folder.parent / "other.png", 1).read_bytes())
    rewrite(folder / "coffee.jpg", (folder / "coffee.jpg").read_bytes())  # only touched
    (folder / "crab.jpg").unlink()
    (folder / "text.jpg").write_bytes(text())
    (folder / "bomb.png").write_bytes(png_bomb(10_000))
    (folder / "empty.gif").write_bytes(b"")
    shutil.copy(noise(folder / "noise.png", 2), folder / "noise again.png")

    before = examine(place.store)
    plan = place.plan()
    assert examine(place.store) == before

    expected = {"new": 1, "changed": 1, "duplicates": 2, "unchanged": 4, "unreadable": 3, "gone": 1}
    assert counted(plan) == expected
    [gone] = plan.gone.examples
    assert gone.uri == str(folder / "crab.jpg")
    details = {example.uri: example.detail for example in plan.duplicates.examples}
    assert details[str(folder / "bee again.jpg")] == f"image {bee}"
    reasons = {Path(example.uri).name: example.detail for example in plan.unreadable.examples}
    assert reasons.keys() == {"text.jpg", "bomb.png", "empty.gif"}
    assert "0 bytes" in (reasons["empty.gif"] or "")

    report = place.ingest().run(place.found(), IngestOptions(prune=True))
    assert (report.added, report.duplicates, report.changed) == (2, 2, 1)
    assert (report.unchanged, report.skipped_count, report.pruned) == (4, 3, 1)


def test_a_plan_for_an_unchanged_folder_reads_nothing(place: Place) -> None:
    place.ingest().run(place.found())

    plan = place.plan()

    assert counted(plan) == {"unchanged": 6}
    assert plan.bytes_read == 0
    assert (plan.estimate.images, plan.estimate.seconds) == (0, None)


def test_a_plan_with_tiles_names_the_images_that_lack_them(place: Place) -> None:
    Image.effect_noise((1400, 300), 50).save(place.folder / "long.png")
    place.ingest().run(place.found())

    plan = place.plan(tiled=True)

    assert counted(plan) == {"unchanged": 6, "incomplete": 1}
    assert plan.estimate.vectors > plan.estimate.images == 1
    assert plan.bytes == (place.folder / "long.png").stat().st_size


def test_a_plan_shows_a_few_examples_of_many(place: Place) -> None:
    for number in range(40):
        noise(place.folder / f"{number}.png", number)

    plan = place.plan()

    assert plan.new.count == 46
    assert len(plan.new.examples) == 5
    assert plan.estimate.images == 46


def test_a_plan_takes_its_time_from_the_last_run(place: Place) -> None:
    for number in range(20):
        noise(place.folder / f"{number}.png", number)
    report = place.ingest().run(place.found())
    noise(place.folder / "new.png", 99)

    plan = place.plan()

    assert plan.estimate.basis == "last_run"
    assert plan.estimate.seconds == pytest.approx(report.seconds / report.encoded, abs=0.1)


def test_a_short_run_is_not_remembered(place: Place) -> None:
    place.ingest().run(place.found())

    assert len(NAMES) < 20
    assert list(place.settings.home.glob("last_run*")) == []


def test_a_pace_is_that_of_the_same_model_and_threads(tmp_path: Path) -> None:
    pace = Throughput(space="ab", threads=2, images=100, seconds=50.0)
    save_throughput(tmp_path / "home", pace)

    assert load_throughput(tmp_path / "home", space="ab", threads=2) == pace
    assert load_throughput(tmp_path / "home", space="cd", threads=2) is None
    assert load_throughput(tmp_path / "home", space="ab", threads=4) is None
    assert load_throughput(tmp_path, space="ab", threads=2) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", json.dumps({"space": "ab", "threads": 2, "images": 0, "seconds": 1})],
)
def test_a_damaged_pace_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "last_run.json").write_text(content)

    assert load_throughput(tmp_path, space="ab", threads=2) is None


def test_a_folder_of_nothing_gives_an_empty_plan(place: Place, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    plan: Any = place.plan(empty)

    assert counted(plan) == {}
