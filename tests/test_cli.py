import shutil
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import monotonic, sleep

import pytest
from PIL import Image

import indexer
from indexer.cli.interruption import stop_at_ctrl_c
from indexer.errors import IndexNotInitialised
from indexer.store import open_store
from support.commands import PHOTOS, Index
from support.examples import command_at, example_of, leaf_commands, parse_example
from support.models import make_tiny

MATCH_KEYS = {
    "tier",
    "bank",
    "entry_id",
    "image_id",
    "source",
    "similarity",
    "pdq_distance",
    "threshold",
    "decided_by",
}
BLOCKED = "hedgehog.jpg"
GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg")
STRANGER = PHOTOS / "aqueduct.jpg"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of a few photos, and an altered copy of one of them beside it."""
    folder = tmp_path_factory.mktemp("pictures") / "photos"
    folder.mkdir()
    for name in (BLOCKED, *GALLERY):
        shutil.copy(PHOTOS / name, folder)
    with Image.open(PHOTOS / BLOCKED) as photo:
        photo.resize((photo.width // 2, photo.height // 2)).save(folder.parent / "altered.jpg")
    return folder


@pytest.fixture(scope="module")
def altered(pictures: Path) -> Path:
    return pictures.parent / "altered.jpg"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Index:
    """Index the photos, one of them in the block bank `known-unsafe`; not to be changed."""
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    index.run_here("index", "add", pictures)
    index.run_here("bank", "create", "known-unsafe")
    index.run_here("bank", "add", "known-unsafe", pictures / BLOCKED)
    return index


@pytest.fixture
def empty_index(empty_database_url: str, tmp_path: Path) -> Index:
    """Return an index that is not made yet, on each database."""
    return Index(tmp_path / "home", empty_database_url)


# --- the main job --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_main_job_as_processes(tmp_path: Path, pictures: Path, altered: Path) -> None:
    index = Index(tmp_path / "home")

    assert str(tmp_path / "home") in index.run("init").stdout
    added = index.run("index", "add", pictures, "--bank", "known-unsafe", "--json")
    found = index.run("search", altered, "--json")

    assert added.json["added"] == 4
    assert "Creating block bank known-unsafe" in added.stderr
    assert (found.json["tier"], found.json["banks"]) == ("near_duplicate", ["known-unsafe"])
    assert found.json["matches"][0]["source"] == str(pictures / BLOCKED)


@pytest.mark.postgres
def test_an_index_from_its_making_to_a_removal(
    empty_index: Index, pictures: Path, altered: Path
) -> None:
    index = empty_index
    run, blocked = index.run_here, pictures / BLOCKED
    run("init")
    run("init")  # again: nothing changes

    first = run("index", "add", pictures, "--json").json
    second = run("index", "add", pictures, "--json").json
    assert (first["added"], first["unchanged"], first["skipped"]) == (4, 0, [])
    assert (second["added"], second["unchanged"], second["skipped"]) == (0, 4, [])

    assert run("bank", "create", "known-unsafe", "--json").json["entry_count"] == 0
    run("bank", "create", "known-unsafe")  # again
    run("bank", "create", "press", "--kind", "allow")
    assert run("bank", "add", "known-unsafe", blocked, "--json").json["entries"] == 1
    assert run("bank", "add", "known-unsafe", pictures, "--json").json["entries"] == 3
    ids = {Path(i["sources"][0]).name: i["image_id"] for i in run("index", "list", "--json").json}
    assert run("bank", "add", "press", ids["bee.jpg"], "--json").json["entries"] == 1
    assert run("bank", "add", "press", ids["bee.jpg"], "--json").json["entries"] == 0
    banks = [(b["name"], b["kind"], b["entry_count"]) for b in run("bank", "list", "--json").json]
    assert banks == [("known-unsafe", "block", 4), ("press", "allow", 1)]

    assert run("search", blocked, "--json").json["tier"] == "exact"
    assert run("search", altered, "--json").json["tier"] == "near_duplicate"
    assert run("search", STRANGER, "--json").json["tier"] == "none"

    planned = run("index", "remove", blocked, "--dry-run", "--json").json
    assert planned == {"removed": [ids[BLOCKED]], "purged": False, "dry_run": True}
    assert run("search", altered, "--json").json["tier"] == "near_duplicate"
    run("index", "remove", blocked)
    assert run("search", altered, "--json").json["matches"] == []

    by_hash = {Path(i["sources"][0]).name: i["sha256"] for i in run("index", "list", "--json").json}
    assert BLOCKED not in by_hash
    removed = run("index", "remove", ids["bee.jpg"], by_hash["crab.jpg"], "--json").json["removed"]
    assert removed == sorted([ids["bee.jpg"], ids["crab.jpg"]])
    status = run("status", "--json").json
    assert status["counts"] | {"images": 1, "entries": 1, "banks": 2} == status["counts"]
    assert status["space"]["dimension"] == 512

    # what was removed comes back when it is added again
    assert run("index", "add", blocked, "--json").json["added"] == 1
    assert run("search", altered, "--json").json["tier"] == "near_duplicate"


def test_the_schema_s_commands(empty_index: Index) -> None:
    run = empty_index.run_here
    assert run("db", "current").stdout == "none\n"
    assert "lookalike init" in run("db", "check", code=4).stderr

    revision = run("db", "upgrade").stdout.split()[-1].rstrip(".")

    assert run("db", "current").stdout == f"{revision}\n"
    assert "is up to date" in run("db", "check").stdout
    assert "not bound to a model" in run("search", STRANGER, code=4).stderr


# --- search and classify -------------------------------------------------------------------------


def test_one_query_gives_one_verdict(index: Index, pictures: Path, altered: Path) -> None:
    verdict = index.run_here("search", altered, "--json").json

    best = verdict["matches"][0]
    space = index.run_here("status", "--json").json["space"]
    assert verdict["query"] == str(altered)
    assert (verdict["tier"], verdict["banks"]) == ("near_duplicate", ["known-unsafe"])
    assert set(best) >= MATCH_KEYS
    assert (best["tier"], best["decided_by"], best["threshold"]) == ("near_duplicate", "pdq", 31)
    assert (best["bank"], best["source"]) == ("known-unsafe", str(pictures / BLOCKED))
    assert isinstance(best["entry_id"], int)
    assert isinstance(best["image_id"], int)
    assert 0 <= best["pdq_distance"] <= 31
    assert -1 <= best["similarity"] <= 1
    assert set(verdict["probabilities"]) == set(space["labels"])
    assert sum(verdict["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert verdict["model"] == space["fingerprint"]


def test_several_queries_give_an_array_in_their_order(
    index: Index, pictures: Path, altered: Path
) -> None:
    queries = [STRANGER, altered, pictures / BLOCKED]

    verdicts = index.run_here("search", *queries, "--json").json

    assert [verdict["query"] for verdict in verdicts] == list(map(str, queries))
    assert [verdict["tier"] for verdict in verdicts] == ["none", "near_duplicate", "exact"]


def test_a_query_alone_is_judged_as_among_others(index: Index, altered: Path) -> None:
    together = index.run_here("search", STRANGER, altered, "--json").json

    assert together[1] == index.run_here("search", altered, "--json").json


def test_an_unreadable_query_does_not_keep_the_others_from_their_answers(
    index: Index, altered: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    missing = tmp_path / "missing.jpg"

    done = index.run_here("search", text, altered, missing, "--json", code=2)

    assert [verdict["query"] for verdict in done.json] == [str(altered)]
    assert "(unreadable_image)" in done.stderr
    assert "(unreadable_source)" in done.stderr


def test_a_search_of_nothing_readable_answers_nothing(index: Index, tmp_path: Path) -> None:
    one = index.run_here("search", tmp_path / "missing.jpg", "--json", code=2)
    two = index.run_here("search", tmp_path / "a.jpg", tmp_path / "b.jpg", "--json", code=2)

    assert one.stdout == ""
    assert two.json == []


def test_a_choice_of_banks_leaves_the_gallery_out(index: Index, pictures: Path) -> None:
    in_gallery = pictures / GALLERY[0]

    assert index.run_here("search", in_gallery, "--json").json["tier"] == "exact"
    chosen = index.run_here("search", in_gallery, "--bank", "known-unsafe", "--json").json
    assert chosen["tier"] == "none"


def test_an_unknown_bank_is_refused_with_the_nearest_name(index: Index, altered: Path) -> None:
    done = index.run_here("search", altered, "--bank", "known-unsave", "--json", code=4)

    assert done.stdout == ""
    assert "Did you mean known-unsafe?" in done.stderr


def test_least_log_odds_replace_the_bound_in_force(index: Index) -> None:
    verdict = index.run_here("search", STRANGER, "--min-log-odds", -100, "-k", 2, "--json").json

    assert verdict["tier"] == "lookalike"
    assert len(verdict["matches"]) == 2
    assert {m["threshold_source"] for m in verdict["matches"]} == {"request"}


@pytest.mark.parametrize(
    "options", [["--min-log-odds", "many"], ["-k", "0"], ["-k", "many"], ["--bnak", "x"], []]
)
def test_options_that_cannot_be_used_are_refused(index: Index, options: list[str]) -> None:
    images = [STRANGER] if options else []

    assert "Usage: " in index.run_here("search", *images, *options, code=2).stderr


def test_the_cosine_threshold_of_before_is_refused_with_its_replacement(index: Index) -> None:
    refused = index.run_here("search", STRANGER, "--threshold", 0.9, code=2)

    assert refused.stderr == (
        "Error (invalid_input): --threshold no longer exists: it was a cosine similarity. Use "
        "--min-log-odds, or leave it out for the bounds in force. docs/matching.md explains "
        "log-odds.\n"
    )
    assert "--threshold" not in index.run_here("search", "--help").stdout


def test_a_table_says_what_decided(index: Index, altered: Path) -> None:
    shown = index.run_here("search", altered).stdout

    assert ": near_duplicate, in known-unsafe\n" in shown
    assert "Neutral" in shown


def test_classify_gives_probabilities_and_searches_nothing(
    index: Index, tmp_path: Path, altered: Path
) -> None:
    searched = index.run_here("search", altered, "--json").json

    answer = index.run_here("classify", altered, "--json").json
    without_index = Index(tmp_path / "none").run_here("classify", altered, "--json").json
    shown = index.run_here("classify", altered).stdout

    shared = ("query", "probabilities", "model", "opinions", "is_disputed", "action", "policy")
    assert answer == {key: searched[key] for key in shared}
    assert without_index == answer
    assert "Neutral" in shown


# --- index, bank, status, model ------------------------------------------------------------------


def test_pages_of_the_list_go_on_where_the_last_one_ended(index: Index) -> None:
    whole = index.run_here("index", "list", "--json").json
    first = index.run_here("index", "list", "--limit", 3, "--json").json
    rest = index.run_here("index", "list", "--after", first[-1]["image_id"], "--json").json

    assert first + rest == whole
    # ids follow the order in which pictures were ready, not that of their paths
    assert [image["image_id"] for image in whole] == sorted(i["image_id"] for i in whole)
    assert {Path(image["sources"][0]).name for image in whole} == {BLOCKED, *GALLERY}
    assert len(whole) == 1 + len(GALLERY)


def test_the_list_of_a_bank_holds_its_entries(index: Index) -> None:
    images = index.run_here("index", "list", "--bank", "known-unsafe", "--json").json

    assert [Path(image["sources"][0]).name for image in images] == [BLOCKED]
    assert [entry["bank"] for entry in images[0]["entries"]] == ["known-unsafe"]
    assert "known-unsafe" in index.run_here("bank", "list").stdout


def test_a_target_that_is_not_there_keeps_all_from_being_removed(
    index: Index, pictures: Path
) -> None:
    for unknown in ("4711", "missing.jpg", "00" * 32):
        done = index.run_here("index", "remove", pictures / BLOCKED, unknown, code=4)
        assert unknown in done.stderr
    assert len(index.run_here("index", "list", "--json").json) == 4


def test_bad_files_are_skipped_listed_and_told_by_the_exit_code(
    tmp_path: Path, empty_database_url: str
) -> None:
    index = Index(tmp_path / "home", empty_database_url)
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    shutil.copy(PHOTOS / "bee.jpg", folder)
    index.run_here("init")

    report = index.run_here("index", "add", folder, "--json", code=2).json
    listed = index.run_here("index", "quarantine", "list", "--json").json
    shutil.copy(PHOTOS / "crab.jpg", folder / "text.jpg")
    index.run_here("index", "add", folder, code=2)
    left = index.run_here("index", "quarantine", "list", "--json").json

    assert report["added"] == 1
    codes = [(Path(item["uri"]).name, item["code"]) for item in report["skipped"]]
    assert sorted(codes) == [("empty.jpg", "empty_image"), ("text.jpg", "unreadable_image")]
    assert [Path(item["uri"]).name for item in listed] == ["empty.jpg", "text.jpg"]
    assert [Path(item["uri"]).name for item in left] == ["empty.jpg"]


def test_links_out_of_a_folder_are_counted_and_followed_on_demand_only(
    index: Index, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").symlink_to(pictures)

    added = index.run_here("index", "add", tmp_path)

    assert "1 links lead out of their folder and were not followed" in added.stdout
    assert index.run_here("index", "add", tmp_path, "--json").json["links_not_followed"] == 1
    plan = index.run_here("index", "add", tmp_path, "--plan", "--json").json
    assert (plan["links"]["count"], plan["duplicates"]["count"]) == (1, 0)
    plan = index.run_here("index", "add", tmp_path, "--plan", "--follow-links", "--json").json
    assert (plan["links"]["count"], plan["duplicates"]["count"] > 0) == (0, True)


def test_a_folder_that_does_not_exist_is_refused(index: Index, tmp_path: Path) -> None:
    done = index.run_here("index", "add", tmp_path / "missing", code=2)

    assert "(unreadable_source)" in done.stderr


def test_status_tells_where_and_how_much(index: Index) -> None:
    status = index.run_here("status", "--json").json

    assert status["home"] == str(index.home)
    assert status["database"] == f"sqlite:///{index.home}/lookalike.db"
    assert status["counts"]["images"] == 4
    assert [bank["name"] for bank in status["banks"]] == ["known-unsafe"]
    assert "known-unsafe" in index.run_here("status").stdout


def test_the_model_s_card_names_the_space_of_the_index(index: Index) -> None:
    card = index.run_here("model", "show", "--json").json

    assert card["fingerprint"] == index.run_here("status", "--json").json["space"]["fingerprint"]
    assert card["dimension"] == 512
    assert "Neutral" in index.run_here("model", "show").stdout


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["status"], ["index", "list"], ["bank", "create", "b"], ["index", "add", "photos"]]
)
def test_without_an_index_commands_say_how_to_make_one(tmp_path: Path, command: list[str]) -> None:
    done = Index(tmp_path / "home").run_here(*command, code=4)

    assert done.stderr.startswith(f"Error ({IndexNotInitialised.code})")
    assert "`lookalike init`" in done.stderr
    assert not (tmp_path / "home").exists()


def test_another_model_than_that_of_the_index_is_refused(
    index: Index, tmp_path: Path, altered: Path
) -> None:
    model = make_tiny(tmp_path / "model")

    for command in (["search", altered], ["index", "add", PHOTOS], ["init"]):
        done = index.run_here(*command, "--model", model, code=3)
        assert "(model_mismatch)" in done.stderr
    assert len(index.run_here("index", "list", "--json").json) == 4


def test_an_index_is_bound_to_the_model_that_it_was_made_with(tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("init", "--model", make_tiny(tmp_path / "model"))

    verdict = index.run_here("search", STRANGER, "--json").json
    assert len(verdict["probabilities"]) == 3
    assert "(model_mismatch)" in index.run_here("init", "--model", "shipped", code=3).stderr


def test_a_misspelt_setting_is_refused(tmp_path: Path) -> None:
    done = Index(tmp_path, extra={"LOOKALIKE_BATCHSIZE": "7"}).run("status", code=2)

    assert "Did you mean LOOKALIKE_BATCH_SIZE?" in done.stderr


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/lookalike"

    done = Index(tmp_path, url).run("status", code=5)

    assert "(database_unavailable)" in done.stderr
    assert "secret" not in done.stderr


def test_a_bank_is_of_one_kind(index: Index) -> None:
    done = index.run_here("bank", "create", "known-unsafe", "--kind", "allow", code=3)

    assert "(bank_mismatch)" in done.stderr
    assert "(invalid_name)" in index.run_here("bank", "create", "no spaces", code=2).stderr


@pytest.mark.slow
def test_an_interrupted_add_keeps_what_it_committed_and_is_completed_later(tmp_path: Path) -> None:
    index = Index(tmp_path / "home", extra={"LOOKALIKE_BATCH_SIZE": "1"})
    index.run_here("init")
    many = tmp_path / "many"  # enough that the signal comes before the end on a busy machine
    many.mkdir()
    for photo, quality in product(PHOTOS.glob("*.jpg"), (50, 70)):
        with Image.open(photo) as image:
            image.save(many / f"{quality}-{photo.name}", quality=quality)
    total = len(list(many.iterdir()))

    with index.start("index", "add", many) as process:
        wait_until(lambda: images_in(index) >= 2)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)

    kept = images_in(index)
    assert process.returncode == 130
    assert f"{kept} images added" in stdout
    assert "Press Ctrl-C again" in stderr
    assert "Interrupted." in stderr
    assert "Traceback" not in stderr
    assert 2 <= kept < total
    report = index.run_here("index", "add", many, "--json").json
    assert (report["added"], report["unchanged"]) == (total - kept, kept)
    assert images_in(index) == total


def test_the_first_ctrl_c_asks_to_stop_and_the_second_one_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt), stop_at_ctrl_c() as stop:  # noqa: PT012 -- in order
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_at_ctrl_c() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_plan_says_what_would_be_done_and_does_nothing(pictures: Path, tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("init")

    told = index.run_here("index", "add", pictures, "--plan")
    plan = index.run_here("index", "add", pictures, "--plan", "--json").json

    count = len(list(pictures.iterdir()))
    assert "nothing was written" in told.stdout
    assert f"The model would see {count} pictures" in told.stdout
    assert plan["new"]["count"] == plan["estimate"]["images"] == count
    assert images_in(index) == 0


def test_prune_closes_what_is_gone_and_says_so(pictures: Path, tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("init")
    folder = tmp_path / "folder"
    shutil.copytree(pictures, folder)
    index.run_here("index", "add", folder)
    min(folder.iterdir()).unlink()

    pruned = index.run_here("index", "add", folder, "--prune", "--remove-orphans")

    assert "1 sources are gone and were closed" in pruned.stdout
    done = index.run_here("index", "add", folder, "--remove-orphans", code=2)
    assert "--prune" in done.stderr


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end
        sleep(0.02)


def images_in(index: Index) -> int:
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        return catalog.gauges.counts().images


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [(), *leaf_commands()], ids=" ".join)
def test_help_ends_in_an_example_that_parses(path: tuple[str, ...], tmp_path: Path) -> None:
    example = example_of(command_at(path))
    shown = Index(tmp_path).run_here(*path, "--help").stdout

    assert f"  Example: {example}\n" in shown  # on one line, to be copied
    parsed = parse_example(example)
    assert path in parsed or not path


def test_every_option_says_what_it_does() -> None:
    silent = [
        (path, parameter.name)
        for path in leaf_commands()
        for parameter in command_at(path).params
        if not getattr(parameter, "help", "")
    ]

    assert silent == []


def test_a_group_alone_shows_its_commands(tmp_path: Path) -> None:
    done = Index(tmp_path).run_here("index", code=2)

    assert "quarantine" in done.stdout + done.stderr


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    assert Index(tmp_path).run_here("--version").stdout == f"lookalike {indexer.__version__}\n"
