"""Results on stdout: a table for people, JSON for machines."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

_PIPED_WIDTH = 120  # columns; a file or a pipe has no width of its own


def print_json(value: Any) -> None:
    """Print a result (dataclasses, paths, dates and all) as indented JSON; bytes in hexadecimal."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 -- keeps --help quick

    plain = to_jsonable_python(value, bytes_mode="hex")
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))


def shorten_path(path: str | None) -> str | None:
    """Write a path below the working folder relative to it."""
    here = f"{Path.cwd()}{os.sep}"
    return path.removeprefix(here) if path else path


def print_table(
    title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Print rows, under a title if there is one."""
    from rich import box  # noqa: PLC0415 -- keeps --help quick
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")  # the longest one, such as a path, stays whole
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)
