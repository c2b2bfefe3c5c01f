"""Request context: id of the current request, and fields of its log line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(slots=True)
class RequestContext:
    """One request, so far."""

    id: str
    key: str | None = None  # name of the API key or the person; whoever checks it fills it in
    problem: str | None = None  # code of the problem that it was answered with


_current: ContextVar[RequestContext | None] = ContextVar("current_request", default=None)


def current_request() -> RequestContext | None:
    """Return the facts of the request that this code works for; None outside of any."""
    return _current.get()


def request_id() -> str | None:
    """Return the id of the request that this code works for; None outside of any."""
    facts = _current.get()
    return facts.id if facts else None


@contextmanager
def new_request(asked_id: str | None) -> Iterator[RequestContext]:
    """Begin to collect facts of a request.

    Parameters
    ----------
    asked_id : str, optional
        The id that the caller wants; a new one replaces what could do harm in a log.
    """
    sane = asked_id is not None and _SANE_ID.fullmatch(asked_id)
    facts = RequestContext(asked_id if asked_id and sane else uuid4().hex)
    token = _current.set(facts)
    try:
        yield facts
    finally:
        _current.reset(token)
