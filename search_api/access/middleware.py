"""Access middleware: authenticates a request before its body is read."""

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.errors import AccessError, UnavailableError
from indexer.runtime.actor import Actor, acting_as
from indexer.types import ApiKey
from search_api.access.authenticator import Authenticator, unauthenticated
from search_api.access.client_address import Caller, Network, read_caller
from search_api.access.csrf import check_csrf
from search_api.auth import Principal
from search_api.errors import for_reader, refusal
from search_api.request_context import current_request, request_id

PUBLIC = frozenset({"/", "/healthz", "/readyz", "/status", "/status/live", "/console/login"})
"""Paths that need no key: health and log-in, and `/`, which leads there."""
_OWN_RULE = "/metrics"  # whether it needs a key is a setting, which its route heeds
PUBLIC_FOLDER = "/static/"
_CHECKED_BY_FORM = "/console/logout"  # its form sends the CSRF token as a field
_PAGES = ("/console", "/docs")  # a browser that is not signed in is sent to sign in


def is_public(path: str) -> bool:
    """Tell whether a path needs no key."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDER)


class AccessControl:
    """ASGI middleware: puts the caller and the principal into the request's state."""

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, proxies: Sequence[Network]
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = read_caller(scope, self._proxies)
        principal, refused = None, None
        if not is_public(scope["path"]):
            principal, refused = await self._admit(caller, scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["caller"], state["principal"] = caller, principal
        key, facts = principal.key if principal else None, current_request()
        if facts is not None and key is not None:
            facts.key = key.name
        with acting_as(actor_of(key, caller), request_id()):
            await self._app(scope, receive, send)

    async def _admit(
        self, caller: Caller, scope: Scope
    ) -> tuple[Principal | None, Response | None]:
        try:
            principal = await self._authenticator.admit(caller)
            if principal is None and scope["path"] != _OWN_RULE:
                raise unauthenticated()
            if principal and caller.changing and scope["path"] != _CHECKED_BY_FORM:
                check_csrf(principal, caller, caller.csrf)
        except (AccessError, UnavailableError) as error:
            if caller.token is None and _is_page(scope):
                return None, _to_login(scope["path"])
            return None, for_reader(scope, refusal(error))
        return principal, None


def actor_of(key: ApiKey | None, caller: Caller) -> Actor:
    """Return what the audit log calls the caller; with a key's id, as names need not be unique."""
    if key is None:
        return Actor("user", "anybody", caller.address)
    return Actor("key", f"{key.name} ({key.id})", caller.address)


def _is_page(scope: Scope) -> bool:
    path, accept = scope["path"], Headers(scope=scope).get("accept", "")
    return scope["method"] == "GET" and path.startswith(_PAGES) and "text/html" in accept


def _to_login(path: str) -> Response:
    return RedirectResponse(f"/console/login?next={quote(path)}", HTTPStatus.SEE_OTHER)
