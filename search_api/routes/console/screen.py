"""Screens: a page in the shell, for who is signed in."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from indexer.types import allows
from search_api.auth import Principal, Scope, requires
from search_api.console.pages import render
from search_api.console.shell import RAIL

READING: Final = [requires(Scope.ANALYST)]
EDITING: Final = [requires(Scope.BANK_WRITE)]
ADMIN: Final = [requires(Scope.ADMIN)]
"""What a route depends on, by what it does."""


def screen_router() -> APIRouter:
    """Return a router of pages, each of which names its scope."""
    return APIRouter(prefix="/console", include_in_schema=False)


def show(
    template: str,
    screen: str,
    principal: Principal,
    status: HTTPStatus = HTTPStatus.OK,
    **values: Any,
) -> HTMLResponse:
    """Return a page in the shell.

    Parameters
    ----------
    template : str
    screen : str
        The entry of the rail that it belongs to.
    principal : Principal
    status : HTTPStatus
    **values
        What the template names.
    """
    can_bank = allows(principal.scopes, Scope.BANK_WRITE)
    is_admin = allows(principal.scopes, Scope.ADMIN)
    return render(
        template,
        status,
        principal=principal,
        screen=screen,
        rail=RAIL,
        can_bank=can_bank,
        is_admin=is_admin,
        **values,
    )


def with_query(request: Request, **changes: object) -> str:
    """Return the request's address with other values in its query; None leaves one out."""
    query = {**request.query_params, **changes}
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{request.url.path}?{urlencode(kept)}"


def go_to(path: str) -> Response:
    """Return the answer that makes htmx go to another page."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": quote(path)})
