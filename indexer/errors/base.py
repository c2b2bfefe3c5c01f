"""Base class of all errors."""

from collections.abc import Sequence


class LookalikeError(Exception):
    """Base class: catching it catches everything we raise on purpose."""

    code = "lookalike_error"
    exit_code = 1


def named(ids: Sequence[int], most: int = 10) -> str:
    """Return the first ids for a message, with an ellipsis where there are more."""
    return ", ".join(map(str, ids[:most])) + (", ..." if len(ids) > most else "")
