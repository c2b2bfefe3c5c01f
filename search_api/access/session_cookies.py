"""Session cookies of the console, and its log-in form."""

import secrets
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import Request, Response

from indexer.errors import InputError
from indexer.keys.sessions import csrf_of
from search_api.access.client_address import SECURE_COOKIE, Caller
from search_api.access.csrf import LOGIN_COOKIE
from search_api.auth import SESSION_COOKIE

_FIELDS = frozenset({"key", "csrf", "next"})
_MOST = 4096  # bytes of a form: a key and two tokens
_LOGIN_SECONDS = 3600
_PAGES = ("/console", "/docs")


async def read_login_form(request: Request) -> dict[str, str]:
    """Return the fields of a small form.

    Raises
    ------
    InputError
        The form is too large or no text.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST:
            raise InputError(f"The form has more than {_MOST} bytes.")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError as error:
        raise InputError(f"The form is invalid: {error}.") from error
    for name in fields:
        if name not in _FIELDS:
            raise InputError(f"The form has an unknown field {name[:100]!r}.")
    return {name: values[-1] for name, values in fields.items()}


def begin_login(request: Request) -> tuple[str, str]:
    """Return the token of the log-in form's cookie and what the form must send."""
    token = request.cookies.get(LOGIN_COOKIE) or secrets.token_hex(32)
    return token, csrf_of(token)


def set_login_cookie(response: Response, token: str, caller: Caller) -> None:
    """Let the browser keep the token that a log-in form belongs to."""
    response.set_cookie(
        LOGIN_COOKIE,
        token,
        max_age=_LOGIN_SECONDS,
        path="/console/login",
        secure=caller.secure,
        httponly=True,
        samesite="strict",
    )


def set_session_cookie(response: Response, token: str, caller: Caller, seconds: float) -> None:
    """Let the browser keep a session; scripts cannot read it, other sites cannot post with it."""
    response.delete_cookie(LOGIN_COOKIE, path="/console/login")
    response.set_cookie(
        SECURE_COOKIE if caller.secure else SESSION_COOKIE,
        token,
        max_age=int(seconds),
        path="/",
        secure=caller.secure,
        httponly=True,
        samesite="lax",
    )


def forget_session(response: Response, caller: Caller) -> None:
    """Let the browser forget a session."""
    name = SECURE_COOKIE if caller.secure else SESSION_COOKIE
    response.delete_cookie(name, path="/", secure=caller.secure, httponly=True, samesite="lax")


def page_behind(asked: str | None) -> str:
    """Return where to go once signed in: a page of ours, whatever was asked for."""
    known = asked in _PAGES or (asked or "").startswith("/console/")
    return asked if asked and known and asked.isascii() and asked.isprintable() else "/console"


WRONG = {
    HTTPStatus.UNAUTHORIZED: "This key does not work: it is unknown, revoked or expired.",
    HTTPStatus.FORBIDDEN: "This key may not sign in: that requires the scope analyst or admin.",
}
STALE = "This form was open for too long, or cookies are off. Try again."
