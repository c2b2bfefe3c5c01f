"""What people see on a terminal: tables, verdicts and progress, 80 columns wide."""

import re
import shutil
from pathlib import Path
from time import sleep
from unittest.mock import patch

import pytest
from PIL import Image

from indexer.cli import output, progress
from indexer.cli.progress import Reporter, show_progress
from indexer.policy import default_policy
from indexer.store import open_store
from indexer.types import FoundTemplate, Outcome
from support.commands import PHOTOS, Index
from support.examples import leaf_commands
from support.screen import show

FOLDER = Path("evidence of the north region", "case-000123", "uploads-2026-11-25", "by hand")
GALLERY = ("bee.jpg", "crab.jpg")
BLOCKED = "hedgehog.jpg"
HOOK = "https://hooks.example/a/long/path/of/a/receiver/of/events"
STRANGER = PHOTOS / "aqueduct.jpg"
LISTS = [
    "index list",
    "index quarantine list",
    "index job list",
    "bank list",
    "bank show known",
    "decision list",
    "retro-scan list",
    "retro-scan show 1",
    "flood list",
    "threshold list",
    "cluster list",
    "cluster show",
    "cluster show 1",
    "cluster lineage",
    "key list",
    "audit list",
    "template list",
    "policy list",
    "space list",
    "webhook list",
    "webhook deliveries 1",
    "status",
    "model show",
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / FOLDER
    folder.mkdir(parents=True)
    for name in (*GALLERY, BLOCKED):
        shutil.copy(PHOTOS / name, folder)
    return folder


@pytest.fixture(scope="module")
def altered(pictures: Path) -> Path:
    file = pictures.parent / "altered.jpg"
    with Image.open(pictures / BLOCKED) as photo:
        photo.resize((photo.width // 2, photo.height // 2)).save(file)
    return file


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, pictures: Path, altered: Path) -> Index:
    """Make an index that every list has something to show of; not to be changed."""
    index = Index(tmp_path_factory.mktemp("home"))
    run = index.run_here
    broken = pictures.parent / "broken.jpg"
    broken.write_text("no picture")
    run("init")
    run("index", "add", pictures)
    run("index", "add", broken, code=2)
    run("bank", "create", "known")
    run("bank", "add", "known", pictures / BLOCKED, "--fingerprint", f"sha256 {'ab' * 32}")
    run("index", "add", altered)
    run("index", "add", altered, "--queue", "--job", "uploads of the north region")
    run("retro-scan", "run")
    run("cluster", "run", "--algorithm", "kmeans", "-k", 2)
    run("decision", "add", altered, "--entry", 1, "--outcome", Outcome.CONFIRMED)
    run("key", "create", "--name", "uploads", "--scope", "check")
    run("webhook", "create", HOOK, "--event", "flood_flag")
    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        writer.templates.add(FoundTemplate(b"\xff" * 32, (1, 2)))
        writer.policies.put_in_force("uploads", default_policy())
        writer.policies.retire()
    return index


# --- tables --------------------------------------------------------------------------------------


def test_each_list_is_held_to_80_columns() -> None:
    """A list command that is made later belongs into LISTS."""
    lists = {" ".join(path) for path in leaf_commands() if path[-1] in {"list", "deliveries"}}

    assert lists == {name.removesuffix(" 1") for name in LISTS if "list" in name or "deliv" in name}


@pytest.mark.parametrize("command", LISTS)
def test_no_table_cuts_or_wraps_an_id_a_number_or_a_path(index: Index, command: str) -> None:
    """All that is said on a wide screen is said on a narrow one, each cell in one piece."""
    with patch.object(output, "terminal_width", return_value=1000):
        wide = index.run_here(*command.split()).stdout
    with patch.object(output, "terminal_width", return_value=80):
        narrow = index.run_here(*command.split()).stdout
    piped = index.run_here(*command.split()).stdout

    cells = {cell for line in _rows(wide) for cell in re.split(r"\s{2,}", line.strip())}
    missing = [cell for cell in cells if cell and cell not in narrow]
    assert missing == []
    assert "…" not in narrow
    assert piped == wide
    assert "None" not in narrow


def _rows(shown: str) -> list[str]:
    """Leave out the heads of tables: a block says a column's name only beside a value."""
    lines = shown.splitlines()
    heads = {place for place, line in enumerate(lines) if line.startswith("─")}
    return [line for place, line in enumerate(lines) if not {place, place + 1} & heads]


def test_rows_become_blocks_only_where_they_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    columns, rows = ["id", "name", "path"], [(7, "a name", "/a/path"), (12, None, "/another")]

    def shown(width: int) -> list[str]:
        with patch.object(output, "terminal_width", return_value=width):
            output.print_table("Things", columns, rows)
        return capsys.readouterr().out.splitlines()

    assert shown(40)[1:3] == ["id  name    path", "──  ──────  ────────"]
    assert shown(40)[3:] == [" 7  a name  /a/path", "12          /another"]
    assert shown(15)[1:] == [
        *("id    7", "name  a name", "path  /a/path"),
        "",
        *("id    12", "path  /another"),
    ]
    rows = [(7, "a name", "/a/path/that/is/longer/than/24"), (12, "b", None)]
    assert shown(20)[1:] == [
        *("id  name", "    path", "──  ──────"),
        *(" 7  a name", "    /a/path/that/is/longer/than/24", "12  b"),
    ]


def test_a_list_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table("Things", ["id"], [])

    assert capsys.readouterr().out == "Things: none\n"


def test_wide_characters_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(None, ["a", "b"], [("漢字", "x"), ("ab", "y")])

    assert capsys.readouterr().out.splitlines()[2:] == ["漢字  x", "ab    y"]


# --- verdicts ------------------------------------------------------------------------------------


def test_a_match_on_a_terminal_is_a_block_with_its_evidence_in_words(
    index: Index, pictures: Path, altered: Path
) -> None:
    seen = show(index, "search", altered, "--bank", "known").splitlines()

    assert seen[0] == f"{altered}: near_duplicate, in known"
    assert re.fullmatch(r"  classes   Neutral 0\.\d{3}, .*", seen[1])
    assert seen[2] == "  searched  2 entries of 1 bank"
    assert seen[4] == "  near_duplicate"
    assert re.fullmatch(r"    decided by  PDQ \d+ bits apart, at most 31 \(settings\)", seen[5])
    also = r"cosine 0\.\d{3}, log-odds \d+\.\d"
    assert re.fullmatch(f"    also        {also}", seen[6])
    added = r"(PDQ|embedding|prior|[\d,]+ comparisons) [+-]\d+\.\d"
    assert re.fullmatch(f"    evidence    {added}(, {added}){{3}}", seen[7])
    assert seen[8] == "    bank        known (block), entry 2"
    assert re.fullmatch(r"    image       \d+", seen[9])
    assert seen[10] == f"    source      {pictures / BLOCKED}"
    assert len(seen) == 11


def test_none_says_what_was_searched_and_how_near_the_nearest_came(index: Index) -> None:
    shown = index.run_here("search", STRANGER).stdout
    verdict = index.run_here("search", STRANGER, "--json").json

    nearest = verdict["nearest"]
    bound = f"log-odds {nearest['log_odds']:.1f}, at least {nearest['threshold']:g} needed (model)"
    assert f"{output.shorten_path(str(STRANGER))}: none\n" in shown
    assert "  searched  2 entries of 1 bank, 4 images\n" in shown
    assert "\n  nearest, but no match\n" in shown
    assert f"    missed by  {bound}\n" in shown
    assert f"    image      {nearest['image_id']}\n" in shown
    assert f"    source     {nearest['source']}\n" in shown
    assert nearest["tier"] == "none"


def test_the_nearest_is_said_only_where_nothing_matched(index: Index, altered: Path) -> None:
    found = index.run_here("search", altered, "--json").json
    narrow = index.run_here("search", STRANGER, "--bank", "known", "--json").json
    stricter = index.run_here("search", STRANGER, "--min-log-odds", 99, "--json").json

    assert found["nearest"] is None
    assert narrow["nearest"]["bank"] == "known"
    assert stricter["nearest"]["threshold"] == 99


def test_a_folder_is_searched_like_its_pictures(index: Index, pictures: Path) -> None:
    found = index.run_here("search", pictures.parent, "--json", code=2)
    shown = index.run_here("search", pictures).stdout
    classified = index.run_here("classify", pictures, "--json").json
    empty = index.run_here("search", index.home, "--json").json

    names = {Path(verdict["query"]).name for verdict in found.json}
    assert names == {"altered.jpg", *GALLERY, BLOCKED}
    assert {verdict["tier"] for verdict in found.json} == {"exact"}
    assert "broken.jpg" in found.stderr
    assert shown.count(": exact") == 3
    assert shown.startswith("Searching 2 entries of 1 bank, 4 images.\n\n")
    assert shown.endswith("\n\n3 pictures: 3 exact.\n")
    assert len(classified) == 3
    assert empty == []


def test_nothing_is_said_of_a_search_in_a_bank_that_is_not_there(
    index: Index, pictures: Path
) -> None:
    done = index.run_here("search", pictures, "--bank", "knwon", code=4)

    assert done.stdout == ""
    assert "Did you mean known?" in done.stderr


def test_a_script_learns_from_the_exit_code_whether_a_picture_matched(
    index: Index, altered: Path, pictures: Path
) -> None:
    run = index.run_here
    broken = pictures.parent / "broken.jpg"

    run("search", STRANGER, altered, "--exit-code", code=10)
    run("search", STRANGER, "--exit-code", code=0)
    run("search", STRANGER, broken, "--exit-code", code=2)
    run("search", altered, broken, "--exit-code", "--json", code=10)
    run("search", altered, code=0)


# --- progress ------------------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_said_with_its_rate_and_the_time_that_is_left() -> None:
    clock = Clock()
    reporter = Reporter(clock)
    clock.now += 5
    assert reporter.line() == "opening: 0:00:05 elapsed"

    reporter("indexing", 0, None)
    clock.now += 10
    reporter("indexing", 1_000, None, "990 new")
    assert reporter.line() == "indexing: 1,000, 100.0/s, 0:00:15 elapsed (990 new)"
    clock.now += 10
    reporter("indexing", 1_100, 2_100)
    assert reporter.line() == "indexing: 1,100 of 2,100, 55.0/s, 0:00:25 elapsed, 0:00:18 left"

    for _ in range(8):  # the rate is that of the last half minute
        clock.now += 5
        reporter("indexing", reporter.done + 50, 2_100)
    assert "1,500 of 2,100, 10.0/s" in reporter.line()
    clock.now += 1
    reporter("writing", 0, 3)
    assert reporter.line() == "writing: 0 of 3, 0:01:06 elapsed"


def test_without_a_terminal_a_line_is_printed_now_and_then(
    index: Index, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.object(progress, "INTERVAL", 0.005):
        done = index.run_here("index", "add", pictures, "--json")
        with show_progress() as reporter:
            reporter("asking", 1, 2)
            sleep(0.1)

    assert done.json["unchanged"] == 3
    assert re.search(r"^opening: \d:\d\d:\d\d elapsed$", done.stderr, re.MULTILINE)
    assert "asking: 1 of 2" in capsys.readouterr().err


def test_on_a_terminal_the_bar_says_what_its_figures_are_and_goes_when_done(
    index: Index, pictures: Path
) -> None:
    seen = show(index, "index", "add", pictures)

    frames, _, left = seen.rpartition("\x1b[2K")  # what erases the bar
    assert "elapsed" in frames
    assert left.startswith("0 images added")
    assert "━" not in left
