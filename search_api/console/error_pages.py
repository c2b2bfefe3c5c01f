"""Error pages and error toasts of the console."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from search_api.console.pages import render

_TITLES: Final[Mapping[int, str]] = {
    HTTPStatus.FORBIDDEN: "Your key does not allow this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "This cannot be used",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "The server cannot answer now",
}
_NO_ROUTE: Final = "Not Found"
_IN_WORDS: Final = "This address leads nowhere. It was mistyped, or what was here has been removed."
IS_FRAGMENT: Final = "hx-request"
"""Header of requests for a part of a page."""


def show_error(problem: Mapping[str, Any], *, as_toast: bool) -> Response:
    """Return a problem document as a page, or as a toast for a part of a page."""
    status = HTTPStatus(problem["status"])
    if as_toast:
        return render(
            "parts/toast.html",
            status,
            {"HX-Reswap": "none"},
            message=problem["detail"],
            wrong=True,
            undo=None,
        )
    return render(
        "error.html",
        status,
        title=_TITLES.get(status, "Something went wrong"),
        detail=_IN_WORDS if problem["detail"] == _NO_ROUTE else problem["detail"],
        code=problem["title"],
        request_id=problem["request_id"],
        number=int(status),
    )
