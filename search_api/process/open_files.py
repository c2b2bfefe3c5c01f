"""Limit of open files, and the connections that fit below it."""

import resource
from contextlib import suppress
from typing import Final

_ENOUGH: Final = 2**16
_OWN: Final = 128  # database, model, uploads on disk, fetches: at least as many are kept for them


def raise_limit() -> int:
    """Raise the soft limit to the hard one, at most 65,536; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):  # macOS has another limit, which it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def room_for_connections(limit: int) -> int:
    """Return how many of so many files may be connections: the rest is for the server's own."""
    return max(limit // 4, limit - max(_OWN, limit // 4))
