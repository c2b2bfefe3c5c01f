"""Stated recall: what a snapshot says of its inverted lists, read without loading any of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from indexer.types import Completeness, CompletenessKind

LISTS: Final = "lists.json"
"""File of a snapshot: how its lists are searched, and with which recall."""
REFUSAL: Final = "lists-refused.json"
"""File of a snapshot whose lists did not reach the recall that was wanted."""


def read_recall(folder: Path) -> Completeness | None:
    """Return the measured recall of a snapshot's lists; None without lists, or of a bad file."""
    try:
        return parse_recall(json.loads((folder / LISTS).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # `check_snapshots` says what is wrong with it


def parse_recall(said: Mapping[str, Any]) -> Completeness:
    """Return the recall that the content of `LISTS` has.

    Raises
    ------
    ValueError, KeyError, TypeError
        It has none.
    """
    low, high = said["interval"]
    return Completeness(CompletenessKind.MEASURED, said["recall"], (low, high), said["queries"])


def were_lists_refused(folder: Path) -> bool:
    """Return whether lists were made for a snapshot and did not reach the recall."""
    return (folder / REFUSAL).exists()
