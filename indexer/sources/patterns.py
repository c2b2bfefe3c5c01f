"""Patterns in a SOURCE: brace ranges for numbered shards, globs for local files."""

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Final

_BRACES: Final = re.compile(r"\{(\d+\.\.\d+|[^{}]*,[^{}]*)\}")
_MAGIC: Final = re.compile(r"[*?[]")
_ANY_DEPTH: Final = "**"


def expand_braces(text: str) -> Iterator[str]:
    """Write out `shards/{0000..0099}.tar` and `{train,test}.csv`, in order.

    The numbers of a range keep the width that its first one has. Text without braces comes back
    as it is.
    """
    literal_and_braces = _BRACES.split(text)  # literals at even places, insides of braces at odd
    choices = [
        _alternatives(part) if place % 2 else [part]
        for place, part in enumerate(literal_and_braces)
    ]
    return ("".join(parts) for parts in product(*choices))


def has_magic(text: str) -> bool:
    """Tell whether a text is a glob: it has `*`, `?` or `[`."""
    return _MAGIC.search(text) is not None


def glob_files(pattern: Path) -> Iterator[Path]:
    """Find the files that an absolute glob matches, by name order, holding one folder at a time.

    `**` stands for any number of folders and does not follow links; the other parts do. Hidden
    names are matched only where the pattern says the dot. Folders are never matched, and one
    that cannot be listed is passed over, as in a shell.
    """
    return _match(Path(pattern.anchor), pattern.parts[1:])


def _alternatives(inside: str) -> Sequence[str]:
    if "," in inside:
        return inside.split(",")
    first, last = inside.split("..")
    step = 1 if int(first) <= int(last) else -1
    numbers = range(int(first), int(last) + step, step)
    return [f"{number:0{len(first)}d}" for number in numbers]


def _match(base: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        if os.path.isfile(base):  # noqa: PTH113 -- Path's raises where a folder is closed
            yield base
        return
    part, rest = parts[0], parts[1:]
    if part == _ANY_DEPTH:
        for folder in _folders_beneath(base):
            yield from _match(folder, rest or ("*",))
    elif has_magic(part):
        for name in _names(base):
            if fnmatchcase(name, part) and (not name.startswith(".") or part.startswith(".")):
                yield from _match(base / name, rest)
    else:
        yield from _match(base / part, rest)


def _folders_beneath(base: Path) -> Iterator[Path]:
    """Yield a folder and those beneath it; a stack, as folders nest deeper than Python calls."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        yield folder
        waiting += [
            path
            for name in reversed(_names(folder))
            if not name.startswith(".")
            and os.path.isdir(path := folder / name)  # noqa: PTH112 -- as above
            and not path.is_symlink()
        ]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:  # no folder, or a closed one
        return []
