"""HTTP errors: table of statuses, and problem documents."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from indexer.errors import (
    AccessError,
    EmptyImage,
    FetchFailed,
    FetchRefused,
    Forbidden,
    ImageTooLarge,
    InputError,
    InvalidModel,
    LockedOut,
    LookalikeError,
    MismatchError,
    NotFoundError,
    RateLimited,
    Unauthenticated,
    UnavailableError,
    UnreadableImage,
)
from search_api.admission.waiting_room import ClientGone, Overloaded, TimedOut
from search_api.console.error_pages import IS_FRAGMENT, show_error
from search_api.request_context import current_request
from search_api.schemas import Problem

log = structlog.get_logger(__name__)
PROBLEM = "application/problem+json"
_GONE = 499  # what nginx calls a client that did not wait for the answer
_PAGES = ("/console",)  # what a browser asks for here, it shows to a person
_TOLD = 10  # mistakes of a request that its refusal names

STATUS: dict[type[LookalikeError], HTTPStatus] = {
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    EmptyImage: HTTPStatus.BAD_REQUEST,
    FetchRefused: HTTPStatus.BAD_REQUEST,
    FetchFailed: HTTPStatus.FAILED_DEPENDENCY,
    ImageTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnreadableImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidModel: HTTPStatus.INTERNAL_SERVER_ERROR,
    AccessError: HTTPStatus.FORBIDDEN,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    LockedOut: HTTPStatus.TOO_MANY_REQUESTS,
    MismatchError: HTTPStatus.CONFLICT,
    NotFoundError: HTTPStatus.NOT_FOUND,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    LookalikeError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_for(error: LookalikeError) -> HTTPStatus:
    """Return the status of the nearest listed ancestor of `error`."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem_of(error: LookalikeError) -> Problem:
    """Return the problem document of an error, for an answer that has several."""
    facts = current_request()
    return Problem(
        type=f"urn:lookalike:{error.code}",
        title=error.code,
        status=status_for(error),
        detail=str(error),
        brief=_brief(error),
        request_id=facts.id if facts else None,
    )


def problem(
    code: str,
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    *,
    brief: str | None = None,
) -> JSONResponse:
    """Return an `application/problem+json` response."""
    facts = current_request()
    if facts:
        facts.problem = code
    body = Problem(
        type=f"urn:lookalike:{code}",
        title=code,
        status=status,
        detail=detail.encode("utf-8", "backslashreplace").decode(),  # it may quote half characters
        brief=brief,
        request_id=facts.id if facts else None,
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "1", **(headers or {})}
    return JSONResponse(body.model_dump(), status, headers, PROBLEM)


def refusal(error: LookalikeError) -> JSONResponse:
    """Return the response that an error of ours becomes."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="lookalike"'
    if isinstance(error, RateLimited | LockedOut):
        headers["Retry-After"] = str(error.retry_after)
    return problem(error.code, status_for(error), str(error), headers, brief=_brief(error))


def _brief(error: LookalikeError) -> str | None:
    return None if error.brief == str(error) else error.brief


def problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe the problem documents of a route for OpenAPI."""
    return {
        int(status): {
            "description": status.phrase,
            "content": {PROBLEM: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


def for_reader(scope: Scope, response: Response) -> Response:
    """Return a problem document as HTML where a browser asked for a page of the console."""
    headers = Headers(scope=scope)
    if not scope["path"].startswith(_PAGES) or "text/html" not in headers.get("accept", ""):
        return response
    page = show_error(json.loads(bytes(response.body)), as_toast=IS_FRAGMENT in headers)
    if "retry-after" in response.headers:
        page.headers["Retry-After"] = response.headers["retry-after"]
    return page


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, LookalikeError):  # pragma: no cover -- registered for ours only
        raise error
    return for_reader(request.scope, refusal(error))


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):  # pragma: no cover -- as above
        raise error
    mistakes = list(error.errors())
    told = [f"{'.'.join(map(str, e['loc']))[:200]}: {e['msg'][:500]}" for e in mistakes[:_TOLD]]
    if len(mistakes) > _TOLD:
        told.append(f"and {len(mistakes) - _TOLD} more")
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return for_reader(request.scope, problem("invalid_request", status, "; ".join(told)))


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover -- as above
        raise error
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    answer = problem(code, error.status_code, str(error.detail), error.headers)
    return for_reader(request.scope, answer)


def overloaded() -> JSONResponse:
    """Return the answer to a request for which there is no room."""
    detail = (
        "This server has as many requests as it may hold at once, and does not take yours. Send it "
        "again in a second."
    )
    return problem("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, detail)


async def _overloaded(request: Request, _error: Exception) -> Response:
    return for_reader(request.scope, overloaded())


async def _timed_out(request: Request, _error: Exception) -> Response:
    detail = "The request waited too long for its turn, and was not run. Send it again in a second."
    answer = problem("timed_out", HTTPStatus.SERVICE_UNAVAILABLE, detail)
    return for_reader(request.scope, answer)


async def _client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_GONE)  # nobody reads it, but the log


def unexpected(route: str, error: Exception) -> JSONResponse:
    """Log what nobody foresaw, and return the problem that tells the caller."""
    log.error("request failed", route=route, exc_info=error)
    return problem(
        "internal_error",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "An unexpected error occurred; the server's log has the details.",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make every error a problem document."""
    app.add_exception_handler(LookalikeError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Overloaded, _overloaded)
    app.add_exception_handler(TimedOut, _timed_out)
    app.add_exception_handler(ClientGone, _client_gone)
    app.add_exception_handler(ClientDisconnect, _client_gone)
