"""What holds for every command: empty arguments, help, versions, commands that are not there."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import indexer
from indexer.cli.commands import Command, Group
from indexer.cli.time_arguments import parse_earlier
from indexer.errors import InputError
from support.commands import Index
from support.examples import command_at, leaf_commands

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EMPTY = "is empty. Is the shell variable behind it set?"


def groups() -> list[tuple[str, ...]]:
    return sorted({path[:depth] for path in leaf_commands() for depth in range(len(path))})


def texts() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give each parameter of each command that takes a value."""
    for path in leaf_commands():
        for parameter in command_at(path).params:
            if not getattr(parameter, "is_flag", False):
                yield path, parameter


# --- empty arguments -----------------------------------------------------------------------------


def test_every_command_is_one_that_refuses_empty_arguments() -> None:
    assert [path for path in leaf_commands() if not isinstance(command_at(path), Command)] == []
    assert [path for path in groups() if not isinstance(command_at(path), Group)] == []


def test_no_parameter_of_any_command_takes_an_empty_text() -> None:
    """Refused while it is parsed, before anything else is looked at."""
    accepted = []
    for path, parameter in texts():
        for blank in ("", " \t"):
            named = [parameter.opts[0], blank] if parameter.param_type_name == "option" else [blank]
            before = ["x"] * _arguments_before(path, parameter)
            try:
                command_at(path).make_context(" ".join(path), [*before, *named])
            except InputError as error:
                assert EMPTY in str(error)  # noqa: PT017 -- of each of some 200
            else:
                accepted.append((path, parameter.name))

    assert accepted == []


def _arguments_before(path: tuple[str, ...], parameter: Any) -> int:
    """Count the arguments that stand before a parameter."""
    if parameter.param_type_name == "option":
        return 0
    arguments = [p for p in command_at(path).params if p.param_type_name == "argument"]
    return [p.name for p in arguments].index(parameter.name)


def test_an_unset_variable_does_not_index_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index = Index(tmp_path / "home")

    done = index.run_here("index", "add", "", code=2)
    assert done.stderr == f"Error (invalid_input): SOURCE {EMPTY}\n"
    assert f"IMAGE {EMPTY}" in index.run_here("bank", "add", "b", "", code=2).stderr
    assert f"--bank {EMPTY}" in index.run_here("index", "add", "x", "--bank=", code=2).stderr
    assert "Usage:" in index.run_here("index", "add", "", "--help").stdout


def test_a_pattern_of_nothing_is_no_source(tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("db", "upgrade")

    assert "is not a source" in index.run_here("index", "add", "{ ,}", code=2).stderr


# --- help and versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["version"], ["-V"], ["--version"]], ids=" ".join)
def test_the_version_is_said_however_it_is_asked_for(arguments: list[str], tmp_path: Path) -> None:
    assert Index(tmp_path).run_here(*arguments).stdout == f"lookalike {indexer.__version__}\n"


@pytest.mark.parametrize("path", [(), ("index",), ("index", "add")], ids=" ".join)
def test_help_is_shown_however_it_is_asked_for(path: tuple[str, ...], tmp_path: Path) -> None:
    run = Index(tmp_path).run_here
    shown = run(*path, "--help").stdout

    assert shown.startswith(f"Usage: {' '.join(('lookalike', *path))} [OPTIONS]")
    assert run(*path, "-h").stdout == run("help", *path).stdout == shown
    if path and path[-1] == "index":
        assert run(*path, "help").stdout == shown


def test_the_usage_says_which_arguments_must_be_there(tmp_path: Path) -> None:
    run = Index(tmp_path).run_here

    assert " index add [OPTIONS] SOURCE...\n" in run("index", "add", "-h").stdout
    assert " bank add [OPTIONS] NAME [IMAGE...]\n" in run("bank", "add", "-h").stdout


def test_no_help_is_wider_than_80_columns_or_cut_or_names_a_type_of_python(tmp_path: Path) -> None:
    wide = []
    cut = []
    jargon = []
    for path in [*groups(), *leaf_commands()]:
        shown = Index(tmp_path, extra={"COLUMNS": "80"}).run_here(*path, "--help").stdout
        lines = shown.splitlines()
        wide += [(path, line) for line in lines if len(line) > 80]
        jargon += [(path, line) for line in lines if "<" in line.replace("<=", "")]
        cut += [(path, line) for line in lines[1:] if line.endswith("...") and "ARGS" not in line]

    assert (wide, cut, jargon) == ([], [], [])


def test_the_first_line_of_every_help_fits_the_list_of_commands() -> None:
    lines = {path: command_at(path).help.partition("\n")[0] for path in leaf_commands()}
    lines |= {path: command_at(path).help.partition("\n")[0] for path in groups()}

    assert [line for line in lines.values() if not re.fullmatch(r"[A-Z].{9,44}[^.]\.", line)] == []
    assert [
        path for path in lines if f"{command_at(path).get_short_help_str()}." != lines[path]
    ] == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("add", "`lookalike index add`, `lookalike bank add` or `lookalike decision add`?"),
        ("serach", "Did you mean `lookalike search`?"),
        ("index ad", "Did you mean `lookalike index add`?"),
        ("calibrte", "Did you mean `lookalike threshold calibrate`?"),
        ("qqq", "`lookalike help` lists the commands."),
    ],
)
def test_a_command_that_is_not_there_hints_at_those_that_are(
    words: str, hint: str, tmp_path: Path
) -> None:
    done = Index(tmp_path).run_here(*words.split(), code=2)

    assert f"There is no command lookalike {words}." in done.stderr
    assert hint in done.stderr


# --- moments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("3d ago", NOW - timedelta(days=3)),
        ("3 D ago", NOW - timedelta(days=3)),
        ("today", NOW.astimezone().replace(hour=0)),
        ("Yesterday", (NOW.astimezone() - timedelta(days=1)).replace(hour=0)),
        ("2026-11-01", datetime(2026, 11, 1).astimezone()),
        ("2026-11-01T18:00Z", datetime(2026, 11, 1, 18, tzinfo=UTC)),
    ],
)
def test_a_moment_in_the_past_is_a_date_a_day_or_how_long_ago(text: str, moment: datetime) -> None:
    assert parse_earlier(text, NOW) == moment


@pytest.mark.parametrize("command", ["audit list --since", "cluster run --since"])
def test_what_is_no_moment_in_the_past_is_told_how_to_write_one(
    command: str, tmp_path: Path
) -> None:
    done = Index(tmp_path).run_here(*command.split(), "last week", code=2)

    assert "how long ago (90m, 36h, 7d, 2w), today, yesterday, or a date" in done.stderr
    assert "from now" not in done.stderr
