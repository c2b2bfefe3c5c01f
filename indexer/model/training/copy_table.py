"""Copy table: copies that were made elsewhere, each with its original, for the fit of a fusion."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from indexer.errors import InputError, UnreadableSource

_COLUMNS: Final = ("query_path", "reference_path")


def read_copies(table: Path) -> Mapping[Path, Sequence[Path]]:
    """Read a table of copies.

    Parameters
    ----------
    table : Path
        CSV with the columns query_path, the copy, and reference_path, its original, as a ground
        truth has them; others are ignored, and so are rows without an original. Paths are relative
        to the table's folder.

    Returns
    -------
    mapping of Path to a sequence of Path
        Copies by the resolved path of their original.

    Raises
    ------
    UnreadableSource
        The table cannot be read.
    InputError
        It lacks a column, or has no copies.
    """
    found: defaultdict[Path, list[Path]] = defaultdict(list)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
                raise InputError(
                    f"{table} has no column {', '.join(missing)}. A table of copies has the "
                    f"columns {', '.join(_COLUMNS)}."
                )
            for row in rows:
                if row["query_path"] and row["reference_path"]:
                    original = (table.parent / row["reference_path"]).resolve()
                    found[original].append(table.parent / row["query_path"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableSource(
            f"The table of copies {table} cannot be read: {error}. Pass a CSV file with the "
            f"columns {', '.join(_COLUMNS)}."
        ) from error
    if not found:
        raise InputError(f"{table} lists no copies. Leave the option out, or fill the table.")
    return dict(found)
