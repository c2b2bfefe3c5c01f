"""Errors of access."""

import math

from indexer.errors.base import LookalikeError


class AccessError(LookalikeError):
    """The caller may not do that."""

    code = "access_denied"
    exit_code = 2


class Unauthenticated(AccessError):
    """No key was given, or one that does not work."""

    code = "unauthenticated"


class Forbidden(AccessError):
    """The key has not the scope that this takes."""

    code = "forbidden"


class RateLimited(AccessError):
    """The key made more requests than it may."""

    code = "rate_limited"

    def __init__(self, *, name: str, rate: float, wait: float) -> None:
        super().__init__(
            f"Key {name!r} may make {rate:g} requests a second on average. Try again in "
            f"{max(1, math.ceil(wait))} s, or let an admin make a key with a higher rate."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class LockedOut(AccessError):
    """Too many wrong keys came from there."""

    code = "locked_out"

    def __init__(self, *, address: str, wait: float) -> None:
        super().__init__(
            f"Too many wrong keys came from {address}. Keys that were not used from there lately "
            f"are looked at again in {max(1, math.ceil(wait))} s."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds
