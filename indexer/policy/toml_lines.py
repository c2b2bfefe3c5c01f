"""Lines of the keys of a TOML document, which `tomllib` does not give."""

import tomllib
from collections.abc import Iterator
from typing import Any, Final

TomlPath = tuple[str | int, ...]
"""A key with the tables around it: `("rules", 2, "tier")` is a key of the third `[[rules]]`."""
_HEADER: Final = "["
_LONGEST: Final = 200  # lines of one value; what is behind a longer one is not found


def lines_of(text: str) -> dict[TomlPath, int]:
    """Return the line, from 1, on which each key and each table of a document begins.

    Keys within a value, as in an inline table, count as their value.

    Parameters
    ----------
    text : str
        A document that `tomllib` reads, of one level of tables.
    """
    found: dict[TomlPath, int] = {}
    table: TomlPath = ()
    seen: dict[str, int] = {}  # tables of each array so far
    for line, statement, parsed in _statements(text):
        for key, value in parsed.items():
            if not statement.lstrip().startswith(_HEADER):
                found.setdefault((*table, key), line)
                continue
            if isinstance(value, list):
                seen[key] = seen.get(key, 0) + 1
                table = (key, seen[key] - 1)
            else:
                table = (key,)
            found.setdefault((key,), line)
            found.setdefault(table, line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield each key or header with its first line: the fewest lines that TOML can be."""
    lines = text.replace("\r\n", "\n").split("\n")
    start = 0
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[start:end])
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # a value of several lines
            if end - start > _LONGEST:
                return
            continue
        yield start + 1, statement, parsed
        start = end
