"""`/console/login` and `/console/logout`: sessions of people who have a key."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from indexer.errors import AccessError, Forbidden, UnavailableError
from indexer.runtime.actor import acting_as
from indexer.types import allows
from search_api.access import session_cookies
from search_api.access.client_address import Caller
from search_api.access.csrf import check_csrf, is_own_form
from search_api.access.middleware import actor_of
from search_api.auth import PrincipalDependency, Scope, requires
from search_api.console.pages import render
from search_api.dependencies import ServiceDependency
from search_api.errors import refusal, status_for
from search_api.request_context import request_id

router = APIRouter(prefix="/console", include_in_schema=False)
STATIC = GZipMiddleware(StaticFiles(packages=[("search_api.console", "static")]))
root = APIRouter(include_in_schema=False)
Next = Annotated[str | None, Query(max_length=200)]


@root.get("/")
async def front() -> Response:
    """Lead to the console, which asks for a key where there must be one."""
    return RedirectResponse("/console", HTTPStatus.SEE_OTHER)


@router.get("/login")
async def login_form(request: Request, next: Next = None) -> Response:  # noqa: A002 -- its name in the URL
    """Ask for a key."""
    return _form(request, session_cookies.page_behind(next))


@router.post("/login")
async def login(request: Request, service: ServiceDependency) -> Response:
    """Sign in with a key of scope analyst or admin."""
    caller: Caller = request.state.caller
    form = await session_cookies.read_login_form(request)
    behind = session_cookies.page_behind(form.get("next"))
    if not is_own_form(request, caller, form.get("csrf")):
        return _form(request, behind, HTTPStatus.FORBIDDEN, session_cookies.STALE)
    try:
        key = await service.access.authenticator.check(form.get("key", "").strip(), caller.address)
        if not allows(key.scopes, Scope.ANALYST):
            raise Forbidden
    except (AccessError, UnavailableError) as error:
        status = status_for(error)
        refused = _form(request, behind, status, session_cookies.WRONG.get(status, str(error)))
        if "retry-after" in (told := refusal(error).headers):
            refused.headers["Retry-After"] = told["retry-after"]
        return refused
    with acting_as(actor_of(key, caller), request_id()):
        token, signed_in = await service.write(service.access.sessions.open, key)
    response = RedirectResponse(behind, HTTPStatus.SEE_OTHER)
    seconds = (signed_in.session.expires_at - signed_in.session.created_at).total_seconds()
    session_cookies.set_session_cookie(response, token, caller, seconds)
    return response


@router.post("/logout", dependencies=[requires(*Scope)])
async def logout(
    request: Request, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Sign out."""
    caller: Caller = request.state.caller
    form = await session_cookies.read_login_form(request)
    check_csrf(principal, caller, form.get("csrf"))
    if caller.session is not None:
        await service.write(service.access.sessions.end, caller.session)
    response = RedirectResponse("/console/login", HTTPStatus.SEE_OTHER)
    session_cookies.forget_session(response, caller)
    return response


def _form(
    request: Request, behind: str, status: HTTPStatus = HTTPStatus.OK, wrong: str | None = None
) -> Response:
    token, csrf = session_cookies.begin_login(request)
    page = render("login.html", status, csrf=csrf, next=behind, wrong=wrong)
    session_cookies.set_login_cookie(page, token, request.state.caller)
    return page
