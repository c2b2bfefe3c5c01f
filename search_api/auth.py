"""Authorisation: the key scopes that a route requires, and its principal."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request

from indexer.errors import Forbidden, Unauthenticated
from indexer.types import ApiKey, Person, Scope, Session, allows
from search_api.errors import problems

__all__ = [
    "REFUSALS",
    "Principal",
    "PrincipalDependency",
    "Requirement",
    "Scope",
    "require",
    "requires",
]

SESSION_COOKIE = "lookalike_session"
REFUSALS = problems(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""How any route but the public ones may answer."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request."""

    name: str
    scopes: tuple[Scope, ...]
    key: ApiKey | None = None
    """The key that was given, or that the session was opened with; None for anybody at all."""
    session: Session | None = None
    csrf: str | None = field(default=None, repr=False)
    """What forms of the session must send."""

    @property
    def person(self) -> Person:
        """The person behind it; all callers without a key are one."""
        return Person(f"key {self.key.id}" if self.key else "anybody", self.name)


ANYBODY = Principal("anybody", tuple(Scope))
"""Who makes a request that needs no key."""


async def principal_of(request: Request) -> Principal:
    """Return who makes a request.

    Raises
    ------
    Unauthenticated
        Nobody that we know.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise Unauthenticated(
            "This request needs a key. Send it as `Authorization: Bearer lk_...`; "
            "`lookalike key create` creates one."
        )
    return principal


PrincipalDependency = Annotated[Principal, Depends(principal_of)]


class Requirement:
    """Lets only callers through who have one of some scopes."""

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> None:
        """Check who it is.

        Raises
        ------
        Unauthenticated
            Nobody that we know.
        Forbidden
            The key has none of the scopes.
        """
        require(await principal_of(request), "This", *self.scopes)


def require(principal: Principal, doing: str, *scopes: Scope) -> None:
    """Refuse what a caller may not do; for routes where the request decides what it takes, too.

    Raises
    ------
    Forbidden
        The caller has none of the scopes that `doing`, such as "A decision with a bank", takes.
    """
    if not any(allows(principal.scopes, scope) for scope in scopes):
        raise Forbidden(
            f"{doing} requires the scope {' or '.join(scopes)}; key {principal.name!r} has "
            f"{', '.join(principal.scopes)}. Use another key, or ask an admin for one."
        )


def requires(*scopes: Scope) -> Any:
    """Return the dependency that lets only callers through who have one of the scopes."""
    return Depends(Requirement(scopes))
