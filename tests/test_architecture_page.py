"""The walk through the code in docs/architecture.md names files that are there, and is short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
MOST = 50  # files of a walk
FILE = re.compile(r"`((?:indexer|search_api)/[\w/]+\.py)`")


def walk(name: str) -> list[str]:
    begin = PAGE.index(f"<!-- walk: {name} -->")
    return FILE.findall(PAGE[begin : PAGE.index("\n\n", begin)])


@pytest.mark.parametrize("name", ["index add", "search"])
def test_a_walk_names_files_that_are_there_each_once(name: str) -> None:
    files = walk(name)

    assert 30 <= len(files) <= MOST
    assert len(files) == len(set(files))
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_a_search_enters_matching_by_one_door() -> None:
    entered = [file for file in walk("search") if file.startswith("indexer/matching/")]
    routes = (ROOT / "search_api" / "routes").rglob("*.py")
    used = {name for path in routes for name in re.findall(r"matcher\.(\w+)", path.read_text())}

    assert entered[0] == "indexer/matching/matcher.py"
    assert used & {"answer", "matches"} == {"answer"}
