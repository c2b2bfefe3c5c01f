"""CSRF tokens of sessions, and of the log-in form."""

import hmac

from fastapi import Request

from indexer.errors import Forbidden
from indexer.keys.sessions import csrf_of
from search_api.access.client_address import Caller
from search_api.auth import Principal

LOGIN_COOKIE = "lookalike_login"
"""Holds the token that a log-in form belongs to."""


def check_csrf(principal: Principal, caller: Caller, sent: str | None) -> None:
    """Make sure that a session's request that changes something was made by our own page.

    Raises
    ------
    Forbidden
        The token is missing or wrong, or a page of another site sent the request.
    """
    if principal.csrf is None:
        return
    # as bytes: texts that are not ASCII cannot be compared
    right = hmac.compare_digest((sent or "").encode(), principal.csrf.encode())
    if caller.cross_site or not right:
        raise Forbidden(
            "A session's request that changes something must send the session's token in "
            "X-CSRF-Token, from a page of this server. Reload the page."
        )


def is_own_form(request: Request, caller: Caller, sent: str | None) -> bool:
    """Tell whether a log-in form was one of our page in the same browser."""
    token = request.cookies.get(LOGIN_COOKIE)
    if token is None or caller.cross_site:
        return False
    return hmac.compare_digest((sent or "").encode(), csrf_of(token).encode())
