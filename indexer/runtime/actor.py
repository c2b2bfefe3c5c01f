"""Actor on whose behalf code runs, for the audit log.

It is kept in a context variable: `anyio.to_thread` and tasks take it along, a plain `Thread` does
not and acts for the system until it says otherwise.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, Literal

ActorKind = Literal["key", "user", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    __pydantic_config__: ClassVar = {"use_attribute_docstrings": True}  # pydantic's name and form

    kind: ActorKind
    """key: an API key or a console session; user: a user of the machine; system: a program of ours
    by itself."""
    name: str
    """Name of the key or the user, or of the part of the program."""
    address: str | None = None
    """Network address that the request came from; null for what came by none."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, and in which request."""

    actor: Actor
    request_id: str | None = None


_NOBODY = Acting(Actor("system", "lookalike"))
_ACTING: ContextVar[Acting] = ContextVar("acting", default=_NOBODY)


def acting() -> Acting:
    """Return on whose behalf the calling code runs; the system's where nobody said."""
    return _ACTING.get()


@contextmanager
def acting_as(actor: Actor, request_id: str | None = None) -> Iterator[None]:
    """Say on whose behalf the block runs.

    Parameters
    ----------
    actor : Actor
    request_id : str, optional
        Of the HTTP request that is being answered.
    """
    token = _ACTING.set(Acting(actor, request_id))
    try:
        yield
    finally:
        _ACTING.reset(token)
