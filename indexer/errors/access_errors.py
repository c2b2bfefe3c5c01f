"""Errors of requests: keys, scopes and rates."""

import math

from indexer.errors.error_families import AccessError, InputError


class Unauthenticated(AccessError):
    """The key is missing or invalid."""


class Forbidden(AccessError):
    """The key lacks the required scope."""


class RateLimited(AccessError):
    """The key exceeded its rate limit."""

    def __init__(self, *, name: str, rate: float, wait: float) -> None:
        super().__init__(
            f"Key {name!r} may make {rate:g} requests a second on average. Try again in "
            f"{max(1, math.ceil(wait))} s, or ask an admin for a key with a higher rate."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class LockedOut(AccessError):
    """Too many invalid keys came from the address."""

    def __init__(self, *, address: str, wait: float) -> None:
        super().__init__(
            f"Too many invalid keys came from {address}. Keys not used from there recently "
            f"are checked again in {max(1, math.ceil(wait))} s."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class RequestKeyReused(InputError):
    """A different request had the same idempotency key."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} was used for a different request in the last 24 "
            "hours, so this one was not carried out. Send it with a new key."
        )
