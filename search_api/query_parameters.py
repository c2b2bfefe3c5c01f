"""Check of query parameters: unknown or empty ones are refused by name."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

MAY_BE_EMPTY: Final[dict[str, Any]] = {"x-may-be-empty": True}
"""As `json_schema_extra` of a parameter: an empty text is a value of it."""
_REPLACED: Final = {
    ("threshold", "min_log_odds"): "It was a cosine similarity; min_log_odds, the minimum log-odds "
    "of a lookalike, replaces it. Leave it out for the bounds in force (docs/matching.md)."
}
"""Parameters that no longer exist, and why, by their names and those that replace them."""
_TOLD: Final = 10  # mistakes that a refusal names
_LONGEST: Final = 100  # characters of a name that are quoted
_Known = Mapping[str, bool]  # by name: whether it may be empty


class QueryCheck:
    """A dependency of all routes; each route's own declarations say which parameters it has.

    A typing error would otherwise leave a condition out, and an unset variable empty it.
    """

    def __init__(self) -> None:
        self._known: dict[Callable[..., Any], _Known] = {}

    async def __call__(self, request: Request) -> None:
        """Check the names and values of the query.

        Raises
        ------
        RequestValidationError
            A name is unknown, or a value is empty.
        """
        if not request.scope["query_string"]:
            return
        route = request.scope["route"]
        known = self._known.get(route.endpoint)
        if known is None:
            known = self._known[route.endpoint] = dict(_declared(route.dependant))
        mistakes = list(islice(_mistakes(request, known), _TOLD))
        if mistakes:
            raise RequestValidationError(mistakes)


def _declared(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        extra = field.field_info.json_schema_extra
        yield field.alias, isinstance(extra, dict) and MAY_BE_EMPTY.items() <= extra.items()
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _mistakes(request: Request, known: _Known) -> Iterator[dict[str, Any]]:
    for name, value in request.query_params.multi_items():
        if name not in known:
            yield _mistake("unknown_parameter", name, f"No such parameter. {_hint(name, known)}")
        elif not value and not known[name]:
            yield _mistake("empty_parameter", name, "It is empty: give it a value or leave it out.")


def _mistake(kind: str, name: str, message: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("query", name[:_LONGEST]), "msg": message}


def _hint(name: str, known: _Known) -> str:
    for (old, new), advice in _REPLACED.items():
        if name == old and new in known:
            return advice
    if near := difflib.get_close_matches(name[:_LONGEST], known, n=1):
        return f"Did you mean {near[0]}?"
    return f"There are {', '.join(known)}." if known else "This route has none."
