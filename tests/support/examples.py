"""The command tree as data: its commands, and the examples that their help ends in."""

import shlex
from functools import cache
from typing import Any

import typer.main

from search_api.cli import app

Path = tuple[str, ...]


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def command_at(path: Path) -> Any:
    """Return the command of a path such as ("index", "add")."""
    command = _root()
    for name in path:
        command = command.commands[name]
    return command


def leaf_commands(path: Path = ()) -> list[Path]:
    """Return the paths of all commands that do something."""
    command = command_at(path)
    if not hasattr(command, "commands"):
        return [path]
    return [leaf for name in command.commands for leaf in leaf_commands((*path, name))]


def example_of(command: Any) -> str:
    """Return the example that a command's help ends in."""
    last = (command.help or "").strip().splitlines()[-1].strip()
    assert last.startswith("Example: "), f"{command.name}: {last}"
    return str(last.removeprefix("Example: "))


def parse_example(example: str) -> list[Path]:
    """Let each command of a shell line parse its arguments; return which commands they are."""
    return [_parse(shlex.split(part)) for part in example.split("&&")]


def _parse(words: list[str]) -> Path:
    while "=" in words[0]:  # a variable set for the command
        words = words[1:]
    assert words[0] == "lookalike", words
    path: Path = ()
    arguments = words[1:]
    while hasattr(command_at(path), "commands"):
        path = (*path, arguments[0])
        arguments = arguments[1:]
    command_at(path).make_context(" ".join(path), arguments)  # raises on what it does not know
    return path
