"""Command classes: argument parsing, help texts and hints for every command."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from indexer.errors import InputError

_MOST_SUGGESTED: Final = 3
_TYPE: Final = re.compile(r" <(?:list\[)?(.+?)\]?>$")  # as typer writes it
_VALUES: Final = {"int": "N", "float": "X", "str": "TEXT", "path": "PATH"}
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command that refuses empty arguments, mostly unset shell variables."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises
        ------
        InputError
            One of them is empty or blank.
        """
        if not ctx.resilient_parsing:  # as completion parses
            self._refuse_empty(ctx, args)
        return list(super().parse_args(ctx, args))

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 -- click's signature
        """Return the help's first line, without its full stop."""
        return _first_line(self)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name: `SOURCE...` where it must be, else `[FILE]`."""
        pieces = [self.options_metavar] if self.options_metavar else []
        for each in self.get_params(ctx):
            if each.param_type_name == "argument":
                name = _name_of(each) + ("..." if each.nargs != 1 else "")
                pieces.append(name if each.required else f"[{name}]")
        return pieces

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, with values in words of ours: `N`, not `<int range>`."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            records = [
                (_TYPE.sub("" if kind == "argument" else _value_of, name), text)
                for each in self.get_params(ctx)
                if each.param_type_name == kind and (record := each.get_help_record(ctx))
                for name, text in [record]
            ]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def _refuse_empty(self, ctx: Any, args: list[str]) -> None:
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        parameters = self.get_params(ctx)
        if any(each.is_eager and given.get(each.name) for each in parameters):
            return  # --help answers, whatever else is there
        for each in parameters:
            value = given.get(each.name)
            for text in value if isinstance(value, list | tuple) else (value,):
                if isinstance(text, str) and not text.strip():
                    raise InputError(
                        f"{_name_of(each)} is empty. Is the shell variable behind it set?"
                    )


class Group(TyperGroup):
    """Answers `help` as it does `--help`, and says where a command is that it does not have."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; `help index add` is `index add --help`."""
        if args[:1] == ["help"] and not ctx.resilient_parsing:
            args = [*args[1:], "--help"]
        return list(super().parse_args(ctx, args))

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 -- click's signature
        """Return the help's first line, without its full stop."""
        return _first_line(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"There is no command {ctx.command_path} {args[0]}. {_hint(ctx, args[0])}")
        return super().resolve_command(ctx, args)


class Commands(typer.Typer):
    """A group of commands, each of them a `Command`."""

    def __init__(self, *, cls: type[Group] = Group, **options: Any) -> None:
        super().__init__(cls=cls, no_args_is_help=True, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[FunctionT], FunctionT]:
        """Make a function a command of this group."""
        return super().command(name, cls=Command, **options)


def _first_line(command: Any) -> str:
    return str(command.help or "").partition("\n")[0].removesuffix(".")


def _name_of(parameter: Any) -> str:
    """Call a parameter as the help does: `--bank`, `SOURCE`."""
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name.upper())


def _value_of(match: re.Match[str]) -> str:
    """Name an option's value by its kind, or by its choices."""
    kind = match[1].removesuffix(" range")
    return f" {_VALUES.get(kind, kind)}"


def _hint(ctx: Any, word: str) -> str:
    """Say which commands may be meant by a word that is none."""
    all_of_them = "`lookalike help` lists the commands."
    found = _alike(ctx, word)
    if not found:
        return all_of_them
    shown = [f"`lookalike {' '.join(path)}`" for path in found[:_MOST_SUGGESTED]]
    meant = f"Did you mean {' or '.join(filter(None, [', '.join(shown[:-1]), shown[-1]]))}?"
    return f"{meant} {all_of_them}" if len(found) > len(shown) else meant


def _alike(ctx: Any, word: str) -> list[tuple[str, ...]]:
    """Return the commands of such a name: of the group first, then of all others."""
    from difflib import get_close_matches

    root = ctx.find_root().command
    here = tuple(ctx.command_path.split()[1:])
    own = [(*here, name) for name in get_close_matches(word, ctx.command.commands)]
    others = [path for path in _paths(root) if path not in own]
    same = [path for path in others if path[-1] == word]
    near = get_close_matches(word, {path[-1] for path in others}, cutoff=0.75)
    return [*own, *same] or [path for path in others if path[-1] in near]


def _paths(group: Any, path: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command beneath a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _paths(command, (*path, name))
        else:
            yield (*path, name)
