"""Each page of docs/ names all that exists and nothing that does not."""

import inspect
import re
from dataclasses import fields
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from indexer import errors
from indexer.cli.index_work import TERMINATED
from indexer.cli.root import INTERRUPTED
from indexer.cli.search import FOUND
from indexer.errors import LookalikeError
from indexer.settings import PREFIX, SERVE_PREFIX, Settings
from indexer.sources import SKIP_CODES, walk
from indexer.types import Match, SkippedSource, Suppression, Verdict
from indexer.upkeep.repair import NO_EMBEDDING
from search_api.errors import status_for
from search_api.settings import ServeSettings
from support.examples import command_at, example_of, leaf_commands
from support.openapi import HMA_OPERATIONS, OPERATIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SETTINGS, COMMANDS, API, ERRORS = (
    (DOCS / name).read_text() for name in ("settings.md", "commands.md", "api.md", "errors.md")
)
FIELDS = [
    (prefix + name.upper(), field)
    for prefix, cls in ((PREFIX, Settings), (SERVE_PREFIX, ServeSettings))
    for name, field in cls.model_fields.items()
]
OF_ACCESS = {"401", "403", "429"}  # told once for all routes
COMMAND_SECTIONS = [("lookalike", *path) for path in leaf_commands()]
CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return {title.strip("`"): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def rows(text: str) -> dict[str, list[str]]:
    """Return the table rows that begin with a name in code quotes, by that name."""
    cells = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `"))
    return {name.strip("`"): rest for name, *rest in cells}


# --- prose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_line_of_prose_is_wider_than_120_columns(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\]\([^)]*\)", "]", line) for line in prose.splitlines()]

    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


# --- settings ------------------------------------------------------------------------------------


def test_the_settings_page_lists_the_settings() -> None:
    assert list(rows(SETTINGS)) == [name for name, _ in FIELDS]


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[name for name, _ in FIELDS])
def test_the_settings_page_says_what_a_setting_means(name: str, field: Any) -> None:
    default, meaning = rows(SETTINGS)[name]

    assert meaning == field.description
    if field.default is None:
        assert default == "unset"
    elif field.default is not PydanticUndefined:  # those made at start are told in words
        assert default == f"`{field.default}`"


# --- commands ------------------------------------------------------------------------------------


def test_the_commands_page_has_a_section_for_each_command() -> None:
    titles = [title for title in sections(COMMANDS) if title.startswith("lookalike ")]

    assert titles == [" ".join(path) for path in COMMAND_SECTIONS]


@pytest.mark.parametrize("path", COMMAND_SECTIONS, ids=" ".join)
def test_a_command_s_section_has_its_help_options_and_example(path: tuple[str, ...]) -> None:
    command = command_at(path[1:])
    section = sections(COMMANDS)[" ".join(path)]
    plain = section.replace("`", "")
    first_line = command.help.partition("\n")[0].rstrip(".")
    shown = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    options = [option.opts[0] for option in shown]

    assert first_line in plain
    assert list(rows(section)) == options
    assert f"```console\n{example_of(command)}\n```" in section


def test_the_commands_page_explains_each_exit_code() -> None:
    explained = {int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE)}

    assert explained == {0, FOUND, INTERRUPTED, TERMINATED} | {cls.exit_code for cls in CLASSES}


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS.rglob("*.md")], ids=lambda p: p.name)
def test_no_page_names_a_command_or_setting_that_does_not_exist(page: Path) -> None:
    text = page.read_text()
    known = {PREFIX, SERVE_PREFIX} | {name for name, _ in FIELDS}
    commands = {" ".join(path) for path in leaf_commands()}
    code = re.findall(r"```console\n(.*?)```|`(lookalike [^`]+)`", text, re.DOTALL)
    lines = "\n".join(block or inline for block, inline in code)
    named = re.findall(r"^lookalike ([a-z][a-z -]*[a-z])", lines, re.MULTILINE)

    assert set(re.findall(r"\bLOOKALIKE_[A-Z_]*", text)) <= known
    for words in named:  # a command, with or without arguments
        assert any(f"{words} ".startswith(f"{command} ") for command in commands), words


# --- API -----------------------------------------------------------------------------------------


def test_the_api_page_has_a_section_for_each_route() -> None:
    titles = [title for title in sections(API) if "/" in title]

    assert titles == list(OPERATIONS)


@pytest.mark.parametrize(("route", "operation"), OPERATIONS.items(), ids=OPERATIONS)
def test_a_route_s_section_has_its_summary_parameters_and_statuses(
    route: str, operation: dict[str, Any]
) -> None:
    section = sections(API)[route]
    queries = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    statuses = {*operation["responses"]} - OF_ACCESS
    told = re.search(r"^Statuses: (.*)\.$", section, re.MULTILINE)

    assert operation["summary"] in section
    assert list(rows(section)) == queries
    assert told is not None
    assert {*told[1].split(", ")} - OF_ACCESS == statuses
    assert "```console\ncurl " in section


@pytest.mark.parametrize("cls", [Verdict, Match, Suppression], ids=lambda cls: cls.__name__)
def test_the_api_page_lists_the_fields_of_an_answer(cls: type[Any]) -> None:
    table = rows(sections(API)[cls.__name__])

    assert list(table) == [field.name for field in fields(cls)]


def test_the_hma_page_has_a_row_for_each_of_its_routes_with_the_parameters() -> None:
    table = rows(sections((DOCS / "hma.md").read_text())["Routes"])

    assert list(table) == list(HMA_OPERATIONS)
    for route, operation in HMA_OPERATIONS.items():
        queries = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        assert queries <= set(re.findall(r"`(\w+)`", table[route][0])), route


# --- errors --------------------------------------------------------------------------------------


def test_the_errors_page_lists_the_codes_in_the_order_of_the_tree() -> None:
    raised = sections(ERRORS)["What the library raises"]
    tree = re.findall(r"^ *[*x-] (\w+)", errors.__doc__ or "", re.MULTILINE)

    assert list(rows(raised)) == [getattr(errors, name).code for name in tree]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_errors_page_gives_exit_code_and_status(cls: type[LookalikeError]) -> None:
    exit_code, status, meaning, remedy = rows(ERRORS)[cls.code]

    assert int(exit_code) == cls.exit_code
    assert int(status) == status_for(cls.__new__(cls))
    assert meaning
    assert remedy


def test_the_errors_page_lists_what_only_the_server_answers() -> None:
    table = rows(sections(ERRORS)["What only the server answers"])
    source = (ROOT / "search_api").rglob("*.py")
    given = {
        code for file in source for code in re.findall(r'problem\(\s*"(\w+)"', file.read_text())
    }

    assert set(table) == given | {"method_not_allowed", "bad_request"}
    assert {int(status) for status, *_ in table.values()} <= {*HTTPStatus}


def test_the_errors_page_lists_what_only_the_quarantine_holds(tmp_path: Path) -> None:
    table = rows(sections(ERRORS)["Why a file is in quarantine"])
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "missing")

    skipped = {item.code for item in walk([tmp_path]) if isinstance(item, SkippedSource)}

    assert skipped <= set(table) == SKIP_CODES | {NO_EMBEDDING}
