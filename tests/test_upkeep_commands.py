"""The commands that look after an index, as their users meet them, on both databases."""

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from indexer.store import open_store
from support.commands import PHOTOS, Index
from support.models import make_tiny

NAMES = ("bee.jpg", "castle-front.jpg", "crab.jpg", "hedgehog.jpg", "koala.jpg")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(PHOTOS / name, folder)
    return folder


@pytest.fixture
def index(tmp_path: Path, database_url: str, model: Path, pictures: Path) -> Index:
    """Index five photos, two of them in the bank `unsafe`."""
    index = Index(tmp_path / "home", database_url)
    index.run_here("init", "--model", model)
    index.run_here("index", "add", pictures / NAMES[0], pictures / NAMES[1], "--bank", "unsafe")
    index.run_here("index", "add", pictures)
    return index


def ids_of(index: Index) -> dict[str, int]:
    listed = index.run_here("index", "list", "--json").json
    return {Path(image["sources"][0]).name: image["image_id"] for image in listed}


def execute(index: Index, statement: str, **values: Any) -> None:
    url = index.settings.resolved_database_url
    with open_store(url) as store, store.writer() as writer:
        writer.connection.execute(text(statement), values)


# --- verify and repair ----------------------------------------------------------------------------


def test_what_verify_names_repair_and_retry_mend(index: Index, pictures: Path) -> None:
    run = index.run_here
    run("index", "snapshot")
    assert run("verify").stdout.startswith("No problems: 5 images")
    assert run("verify", "--all", "--json").json["problems"] == []
    assert run("repair").stdout == "There is nothing to repair.\n"

    lost = ids_of(index)["crab.jpg"]
    execute(index, "DELETE FROM embeddings WHERE image_id = :id", id=lost)
    snapshot = max(index.home.glob("views/pdq-*/snapshot-*"))
    (snapshot / "manifest.json").write_text("{}")

    found = run("verify", "--json", code=3).json["problems"]
    assert any(f"no embedding; the first is of image {lost}" in problem for problem in found)
    assert any(str(snapshot) in problem for problem in found)
    told = run("verify", code=3)
    assert "Run `lookalike repair`" in told.stderr
    assert "would repair: " in run("repair", "--dry-run", code=3).stdout

    repaired = run("repair", "--json", code=3).json
    assert all("no embedding" in problem for problem in repaired["left"])
    assert "quarantine retry --code no_embedding" in repaired["advice"][0]
    listed = run("index", "quarantine", "list", "--code", "no_embedding", "--json").json
    assert [item["uri"] for item in listed] == [str(pictures / "crab.jpg")]

    report = run("index", "quarantine", "retry", "--code", "no_embedding", "--json").json
    assert (report["completed"], report["added"], report["skipped"]) == (1, 0, [])
    assert run("index", "quarantine", "list", "--json").json == []
    assert run("verify", "--all", "--json").json["problems"] == []
    assert ids_of(index)["crab.jpg"] == lost
    assert run("search", pictures / "crab.jpg", "--json").json["tier"] == "exact"


def test_adding_the_folder_again_mends_a_lost_embedding_too(index: Index, pictures: Path) -> None:
    execute(index, "DELETE FROM classifications WHERE image_id = 3")

    report = index.run_here("index", "add", pictures, "--json").json

    assert (report["completed"], report["encoded"], report["unchanged"]) == (1, 1, 5)
    assert index.run_here("verify", "--json").json["problems"] == []


def test_a_bad_row_of_a_manifest_keeps_its_reason_and_names_the_manifest(
    index: Index, pictures: Path
) -> None:
    manifest = pictures.parent / "list.csv"
    manifest.write_text("uri,created_at\npictures/bee.jpg,\npictures/crab.jpg,yesterday\n")
    index.run_here("index", "add", manifest, code=2)
    [row] = index.run_here("index", "quarantine", "list", "--json").json
    assert row["uri"] == f"{manifest}:3"
    for files in [], [row["uri"]]:
        report = index.run_here("index", "quarantine", "retry", *files, "--json", code=2).json

        [told] = report["skipped"]
        assert told == {name: row[name] for name in ("uri", "code")} | {"message": row["reason"]}
        assert told["message"].startswith(f"Row {manifest}:3 cannot be used: created_at is 'yest")
        assert told["message"].endswith("Correct it and add the manifest again.")
        [after] = index.run_here("index", "quarantine", "list", "--json").json
        assert after == row | {"last_seen_at": after["last_seen_at"]}


def test_views_are_rebuilt_and_written_on_demand(index: Index) -> None:
    assert list(index.home.glob("views/*/snapshot-*")) == []
    written = index.run_here("index", "snapshot", "--json").json["snapshots"]
    assert {Path(path).parent.name.partition("-")[0] for path in written} == {
        "embedding",
        "pdq",
        "entries",
    }
    before = {path: path.stat().st_ino for path in index.home.glob("views/*/snapshot-*")}

    rebuilt = index.run_here("index", "rebuild").stdout.split()

    assert sorted(rebuilt) == sorted(written)
    after = {path: path.stat().st_ino for path in index.home.glob("views/*/snapshot-*")}
    assert before.keys() == after.keys()
    assert not before.items() & after.items()
    assert index.run_here("verify", "--json").json["problems"] == []


# --- status and doctor ----------------------------------------------------------------------------


def test_status_counts_and_measures(index: Index) -> None:
    index.run_here("index", "remove", ids_of(index)["koala.jpg"], "--purge")
    status = index.run_here("status", "--json").json

    assert status["counts"]["images"] == 4
    assert status["counts"]["purged"] == 1
    assert [bank["entry_count"] for bank in status["banks"]] == [2]
    assert [view["lag"] for view in status["views"]] == [0, 0, 0]
    assert status["views_bytes"] > 0
    assert status["database_bytes"] > 0
    shown = index.run_here("status").stdout
    assert "newest snapshot" in shown
    assert "quarantined" in shown


def test_doctor_finds_a_sound_index_sound(index: Index) -> None:
    findings = {f["what"]: f for f in index.run_here("doctor", "--json").json}

    assert {"program", "torch", "home", "disk", "limits", "clock"} <= findings.keys()
    assert {findings[what]["state"] for what in ("database", "model", "runtime")} == {"ok"}
    assert findings["database"]["found"].startswith(("SQLite 3.", "PostgreSQL 1"))
    assert sum(what.startswith("view ") for what in findings) == 3
    assert findings["verification"]["state"] == "ok"
    assert "problem" not in index.run_here("doctor").stdout


def test_doctor_ends_with_the_code_of_the_first_problem(
    index: Index, tmp_path: Path, model: Path
) -> None:
    other = make_tiny(tmp_path / "other", architecture="mobilenetv3_small_050")
    as_torch = replace(index, extra={"LOOKALIKE_RUNTIME": "torch"})
    assert "problem" not in as_torch.run_here("doctor", "--model", model).stdout
    done = as_torch.run_here("doctor", "--model", other, "--json", code=3)
    [problem] = [f for f in done.json if f["state"] == "problem"]
    assert problem["what"] == "model"
    assert "lookalike model reembed --model" in problem["found"]

    empty = Index(tmp_path / "none").run_here("doctor", "--json", code=4).json
    assert "lookalike init" in empty[-1]["found"]
    away = Index(tmp_path / "home", "postgresql://someone:secret@127.0.0.1:1/lookalike")
    assert "secret" not in away.run_here("doctor", code=5).stdout


def test_doctor_warns_of_a_clock_that_went_wrong(index: Index) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    execute(index, "UPDATE changes SET created_at = :at", at=tomorrow.replace(tzinfo=None))

    [clock] = [f for f in index.run_here("doctor", "--json").json if f["what"] == "clock"]

    assert clock["state"] == "warning"
    assert "in the future" in clock["found"]


def test_doctor_says_how_images_get_the_features_that_they_lack(
    index: Index, pictures: Path
) -> None:
    execute(index, "DELETE FROM thumbnails")
    execute(index, "DELETE FROM local_features WHERE image_id < 3")

    def verification() -> Any:
        findings = index.run_here("doctor", "--json").json
        return next(each for each in findings if each["what"] == "verification")

    told = verification()
    assert told["state"] == "warning"
    assert told["found"].startswith("2 images have no local features")
    assert "index add --features" in told["advice"]
    index.run_here("index", "add", "--features", pictures)
    assert verification()["state"] == "ok"


def test_doctor_names_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = Index(tmp_path / "file").run_here("doctor", "--json", code=5)

    [home] = [f for f in done.json if f["what"] == "home"]
    assert home["state"] == "problem"
    assert "LOOKALIKE_HOME" in home["advice"]


# --- removing -------------------------------------------------------------------------------------


def test_images_are_removed_by_what_they_are(index: Index, pictures: Path) -> None:
    run = index.run_here
    ids = ids_of(index)
    planned = run("index", "remove", "--bank", "unsafe", "--dry-run", "--json").json
    assert planned == {
        "removed": sorted([ids[NAMES[0]], ids[NAMES[1]]]),
        "purged": False,
        "dry_run": True,
    }
    assert len(ids_of(index)) == 5
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    assert (
        len(run("index", "remove", "--before", tomorrow, "--dry-run", "--json").json["removed"])
        == 5
    )

    narrowed = ("--bank", "unsafe", "--source-prefix", pictures / "bee")
    assert run("index", "remove", *narrowed, "--json").json["removed"] == [ids["bee.jpg"]]
    assert "bee.jpg" not in ids_of(index)


@pytest.mark.parametrize(
    "options",
    [[], ["--before", "2020-01-01"], ["--label", "none"], ["--source-prefix", "/nowhere/"]],
)
def test_removing_nothing_is_refused(index: Index, options: list[str]) -> None:
    done = index.run_here("index", "remove", *options, code=2)

    assert "No image matches all options" in done.stderr
    assert len(ids_of(index)) == 5


def test_a_purge_erases_and_says_what_it_did_not(index: Index, pictures: Path) -> None:
    run = index.run_here
    victim = pictures / "koala.jpg"
    image_id = ids_of(index)["koala.jpg"]
    run("index", "remove", victim)  # removed before: it is found nevertheless
    assert "(not_found)" in run("index", "remove", victim, code=4).stderr

    assert "would be purged" in run("index", "remove", victim, "--purge", "--dry-run").stdout
    told = run("index", "remove", victim, "--purge").stdout

    assert told.startswith(f"1 images purged: {image_id}\n")
    for part in ("Erased: ", "Kept as proof: ", "Not touched: the files themselves, backups"):
        assert part in told
    assert victim.exists()
    assert run("status", "--json").json["counts"]["purged"] == 1
    assert run("verify", "--all", "--json").json["problems"] == []
    assert run("search", victim, "--json").json["tier"] != "exact"
    assert run("index", "add", victim, "--json").json["added"] == 1  # a new decision


# --- quarantine -----------------------------------------------------------------------------------


@pytest.fixture
def bad(index: Index, tmp_path: Path) -> Iterator[Path]:
    """Put four bad files into quarantine, one of them in an archive."""
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "more.jpg").write_text("no picture")
    with tarfile.open(folder / "shard.tar", "w") as archive:
        archive.add(folder / "text.jpg", "inside.jpg")
        archive.add(PHOTOS / "drum-in-a-living-room.jpg", "drum.jpg")
    index.run_here("index", "add", folder, folder / "shard.tar", code=2)
    return folder


def quarantined(index: Index, *options: str) -> list[str]:
    listed = index.run_here("index", "quarantine", "list", *options, "--json").json
    return [item["uri"].rpartition("/")[2] for item in listed]


def test_retrying_indexes_what_has_become_good(index: Index, bad: Path) -> None:
    assert quarantined(index) == ["empty.jpg", "more.jpg", "inside.jpg", "text.jpg"]
    assert quarantined(index, "--code", "empty_image") == ["empty.jpg"]
    shutil.copy(PHOTOS / "sheep.jpg", bad / "text.jpg")
    (bad / "more.jpg").unlink()

    report = index.run_here("index", "quarantine", "retry", "--bank", "unsafe", "--json", code=2)

    assert report.json["added"] == 1
    assert report.json["entries"] == 1
    assert report.json["skipped_count"] == 3
    listed = index.run_here("index", "quarantine", "list", "--json").json
    codes = {item["uri"].rpartition("/")[2]: item["code"] for item in listed}
    assert codes == {
        "empty.jpg": "empty_image",
        "more.jpg": "unreadable_source",
        "inside.jpg": "unreadable_image",
    }


def test_only_the_files_named_are_retried(
    index: Index, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("text.jpg", "more.jpg"):
        shutil.copy(PHOTOS / "sheep.jpg", bad / name)
    monkeypatch.chdir(bad)

    index.run_here("index", "quarantine", "retry", "text.jpg")

    assert "text.jpg" not in quarantined(index)
    assert "more.jpg" in quarantined(index)
    done = index.run_here("index", "quarantine", "retry", "text.jpg", code=4)
    assert "None of these files is in quarantine" in done.stderr


def test_the_quarantine_is_cleared_by_file_by_code_or_wholly(index: Index, bad: Path) -> None:
    run = index.run_here
    assert "exactly one of" in run("index", "quarantine", "clear", code=2).stderr
    both = ("--all", "--code", "empty_image")
    assert "exactly one of" in run("index", "quarantine", "clear", *both, code=2).stderr

    assert run("index", "quarantine", "clear", bad / "text.jpg", "--json").json == {"cleared": 1}
    run("index", "quarantine", "clear", "--code", "empty_image")
    assert quarantined(index) == ["more.jpg", "inside.jpg"]
    run("index", "quarantine", "clear", "--all")
    assert quarantined(index) == []
