"""`lookalike bank harden`: entries match edited copies that they missed, and strangers do not."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.generation.styles import parse_style, restyle
from indexer.hardening.edit_directions import (
    control_pictures,
    mean_direction,
    without_direction,
)
from indexer.hardening.variant_choice import cover
from support.commands import PHOTOS, Index

KNOWN = ("bee.jpg", "castle-front.jpg", "coffee.jpg")
STRANGER = "camels.jpg"
RECIPE = "style:outlines@1"
OUTLINES = ("--kind", "style", "--style", "outlines", "--budget", 1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of known pictures, and of copies of one and of a stranger in one style."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "known").mkdir()
    for name in KNOWN:
        shutil.copy(PHOTOS / name, folder / "known" / name)
    for name in (KNOWN[0], STRANGER):
        with Image.open(PHOTOS / name) as picture:
            small = picture.convert("RGB")
        small.thumbnail((400, 400))
        restyle(small, parse_style("outlines")).save(folder / f"outlined-{name}", quality=90)
    return folder


@pytest.fixture(scope="module")
def filled(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Make an index with a bank of the known pictures."""
    index = Index(tmp_path_factory.mktemp("filled"))
    index.run_here("init")
    index.run_here("bank", "create", "known")
    index.run_here("index", "add", pictures / "known", "--bank", "known")
    return index


@pytest.fixture(scope="module")
def hardened(filled: Index, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Harden a copy of it against one style."""
    index = filled.copy(tmp_path_factory.mktemp("hardened") / "home")
    report = index.run_here("bank", "harden", "known", *OUTLINES, "--json").json
    assert (report["entries"], report["hardened"], report["variants"]) == (3, 3, 3)
    assert report["recipes"] == {RECIPE: 3}
    assert (report["missed"], report["still_missed"], report["unreachable"]) == (3, 0, 0)
    return index


@pytest.fixture
def index(hardened: Index, tmp_path: Path) -> Index:
    return hardened.copy(tmp_path / "home")


def ask(index: Index, picture: Path) -> dict[str, Any]:
    return dict(index.run_here("search", picture, "--json").json)


def test_an_entry_matches_a_styled_copy_by_its_variant_and_says_so(
    filled: Index, index: Index, pictures: Path
) -> None:
    copy = pictures / f"outlined-{KNOWN[0]}"
    assert ask(filled, copy)["tier"] == "none"

    verdict = ask(index, copy)

    assert verdict["tier"] != "none"
    [match] = verdict["matches"]
    assert Path(match["source"]).name == KNOWN[0]
    assert match["part"] == {"kind": "variant", "number": 1, "box": None, "recipe": RECIPE}
    assert f"variant {RECIPE} of the image" in index.run_here("search", copy).stdout


def test_a_stranger_in_the_same_style_matches_no_variant(index: Index, pictures: Path) -> None:
    assert ask(index, pictures / f"outlined-{STRANGER}")["tier"] == "none"


def entries(index: Index) -> list[dict[str, Any]]:
    return list(index.run_here("bank", "show", "known", "--json").json["entries"])


@pytest.mark.long
def test_a_second_run_passes_over_what_has_variants(index: Index) -> None:
    report = index.run_here("bank", "harden", "known", *OUTLINES, "--json").json

    assert (report["already"], report["hardened"], report["tried"]) == (3, 0, 0)
    index.run_here("verify")


def test_a_plan_opens_no_picture_and_writes_nothing(filled: Index, pictures: Path) -> None:
    plan = filled.run_here("bank", "harden", "known", *OUTLINES, "--plan", "--json").json

    assert (plan["entries"], plan["with_source"], plan["most_variants"]) == (3, 3, 3)
    assert ask(filled, pictures / f"outlined-{KNOWN[0]}")["tier"] == "none"


def test_variants_can_be_taken_away_again(index: Index, pictures: Path) -> None:
    first = entries(index)[0]["id"]

    one = index.run_here("bank", "harden", "known", "--undo", "--entry", first)
    rest = index.run_here("bank", "harden", "known", "--undo", "--json").json
    again = index.run_here("bank", "harden", "known", "--undo").stdout

    assert one.stdout == "Removed 1 variant of 1 entry in bank known.\n"
    assert rest == {"bank": "known", "entries": 2, "variants": 2}
    assert again == "Removed 0 variants of 0 entries in bank known.\n"
    assert ask(index, pictures / f"outlined-{KNOWN[0]}")["tier"] == "none"


@pytest.mark.long
def test_a_thumbnail_stands_in_for_a_file_that_is_gone(filled: Index, tmp_path: Path) -> None:
    index, folder = filled.copy(tmp_path / "home"), tmp_path / "gone"
    folder.mkdir()
    shutil.copy(PHOTOS / STRANGER, folder / STRANGER)
    index.run_here("bank", "create", "gone")
    index.run_here("index", "add", folder, "--bank", "gone")
    (folder / STRANGER).unlink()

    report = index.run_here("bank", "harden", "gone", *OUTLINES, "--json").json

    assert (report["hardened"], report["from_thumbnails"]) == (1, 1)


@pytest.mark.long
def test_an_entry_whose_picture_is_not_to_be_had_is_named(filled: Index, tmp_path: Path) -> None:
    copied = filled.copy(tmp_path / "home")
    index = Index(copied.home, extra={"LOOKALIKE_KEEP_THUMBNAILS": "false"})
    (tmp_path / STRANGER).write_bytes((PHOTOS / STRANGER).read_bytes())
    index.run_here("bank", "create", "gone")
    index.run_here("index", "add", tmp_path / STRANGER, "--bank", "gone")
    with (tmp_path / STRANGER).open("ab") as file:
        file.write(b"other bytes")

    ended = index.run_here("bank", "harden", "gone", *OUTLINES, code=2)

    assert f"{STRANGER}: The file holds other bytes" in ended.stderr
    assert "(source_changed)" in ended.stderr
    assert "1 have neither a source nor a thumbnail." in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--style", "monet"), "There is no style 'monet'"),
        (("--kind", "magic"), "There is no kind of edit 'magic'"),
        (("--kind", "painting"), "need paintings"),
        (("--strength", 2), "above 0 and at most 1"),
        (("--undo", "--plan"), "mutually exclusive"),
    ],
)
def test_what_cannot_be_done_is_refused(
    filled: Index, arguments: tuple[object, ...], message: str
) -> None:
    assert message in filled.run_here("bank", "harden", "known", *arguments, code=2).stderr


def test_an_allow_bank_and_a_foreign_entry_are_refused(index: Index) -> None:
    index.run_here("bank", "create", "benign", "--kind", "allow")
    index.run_here("bank", "create", "other")
    first = entries(index)[0]["id"]

    allowed = index.run_here("bank", "harden", "benign", *OUTLINES, code=2)
    foreign = index.run_here("bank", "harden", "other", "--undo", "--entry", first, code=4)

    assert "Bank benign is an allow bank" in allowed.stderr
    assert f"Entry {first} is of bank known, not other" in foreign.stderr


def test_a_pipeline_that_cannot_be_loaded_ends_the_run(filled: Index, tmp_path: Path) -> None:
    arguments = ("--kind", "img2img", "--model", tmp_path)
    ended = filled.end_here("bank", "harden", "known", *arguments)

    assert ended.code != 0
    assert "model_index.json" in ended.stderr


@pytest.mark.long
def test_a_killed_run_leaves_whole_entries_and_goes_on(filled: Index, tmp_path: Path) -> None:
    index = filled.copy(tmp_path / "home")
    arguments = ("bank", "harden", "known", "--kind", "style", "--json")
    database = index.home / "lookalike.db"
    before = database.stat().st_mtime_ns
    with index.start(*arguments) as process:
        wal = database.with_name("lookalike.db-wal")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (wal.exists() and wal.stat().st_size):
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert database.stat().st_mtime_ns >= before
    index.run_here("verify")

    report = index.run_here(*arguments).json

    assert report["already"] + report["hardened"] + report["not_needed"] == 3
    index.run_here("verify")


# --- what a run rests on -------------------------------------------------------------------------


def test_columns_are_chosen_until_every_row_is_covered() -> None:
    found = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.bool_)

    assert cover(found, np.array([0.0, 0.0, -1.0, 0.0]), 4) == ([2, 0, 3], 0)
    assert cover(found, np.zeros(4), 1) == ([0], 2)
    assert cover(np.zeros((2, 2), np.bool_), np.zeros(2), 4) == ([], 2)
    assert cover(np.zeros((0, 0), np.bool_), np.zeros(0), 4) == ([], 0)


def test_a_direction_is_taken_out_of_a_vector() -> None:
    vector, direction = np.array([0.6, 0.8], np.float32), np.array([1.0, 0.0], np.float32)

    assert without_direction(vector, direction).tolist() == [0, 1]
    assert without_direction(direction, direction).tolist() == [1, 0]  # nothing would be left
    assert mean_direction([vector, -vector]).tolist() == [0, 0]
    assert np.linalg.norm(mean_direction([vector, direction])) == pytest.approx(1)


def test_control_pictures_are_the_same_each_time_and_unlike_each_other() -> None:
    first, again = control_pictures(3), control_pictures(3)

    assert first == again
    assert len({picture.tobytes() for picture in first}) == 3
