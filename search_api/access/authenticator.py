"""Authenticator: the principal of a request, by API key or console session."""

from collections.abc import Callable
from typing import Final

import anyio
from anyio.to_thread import run_sync

from indexer.errors import Unauthenticated, UnavailableError
from indexer.keys import KeyCache, Sessions
from indexer.types import ApiKey
from search_api.access.client_address import Caller
from search_api.access.lockout import Lockout
from search_api.access.rate_limit import RateLimit
from search_api.auth import ANYBODY, Principal

_WAITING: Final = 64  # tokens that may wait to be hashed


class Authenticator:
    """Tells who makes a request by what it brings.

    Parameters
    ----------
    key_cache : KeyCache
    sessions : Sessions
    lockout : Lockout
    rate_limit : RateLimit
    is_open : callable
        Tells whether a caller who brings nothing may do everything.
    """

    def __init__(
        self,
        key_cache: KeyCache,
        sessions: Sessions,
        lockout: Lockout,
        rate_limit: RateLimit,
        is_open: Callable[[Caller], bool],
    ) -> None:
        self._key_cache = key_cache
        self._sessions = sessions
        self._lockout = lockout
        self._rate_limit = rate_limit
        self._is_open = is_open
        self._reading = anyio.CapacityLimiter(4)
        self._hashing = anyio.CapacityLimiter(1)  # each takes 16 MiB and a core

    async def admit(self, caller: Caller) -> Principal | None:
        """Return who makes a request; None for nobody that we know.

        Raises
        ------
        Unauthenticated
            The key does not work.
        Forbidden
            A session's request would change something without its CSRF token.
        RateLimited, LockedOut
            Too many requests of the key, or too many wrong keys from the address.
        UnavailableError
            The database cannot be reached, or too many new keys are being checked.
        """
        if caller.token is not None:
            key = await self.check(caller.token, caller.address)
            self._rate_limit.take(key)
            return Principal(key.name, key.scopes, key)
        if caller.session is not None:
            principal = await self._of_session(caller.session)
            if principal is not None and principal.key is not None:
                self._rate_limit.take(principal.key)
                return principal
        return ANYBODY if self._is_open(caller) else None

    def charge(self, key: ApiKey, count: int) -> None:
        """Count a request that asks for as much as several as so many more.

        Raises
        ------
        RateLimited
            The key may not ask for so much now.
        """
        self._rate_limit.charge(key, count)

    async def check(self, token: str, address: str) -> ApiKey:
        """Return the key of a token, which an address sent.

        A key that is in use is known at once, also while its address is locked out by others.

        Raises
        ------
        Unauthenticated
            The key does not work.
        LockedOut
            Too many wrong keys came from the address.
        UnavailableError
            The database cannot be reached, or too many new keys are being checked.
        """
        key = self._key_cache.recall(token)
        if key is not None:
            return key
        if self._key_cache.is_known(token):
            return await run_sync(self._key_cache.verify, token, limiter=self._reading)
        self._lockout.require_unlocked(address)
        if self._hashing.statistics().tasks_waiting >= _WAITING:
            raise UnavailableError("Too many new keys are being checked at once. Try again.")
        async with self._hashing:
            return self._key_cache.recall(token) or await self._hash(token, address)

    async def _hash(self, token: str, address: str) -> ApiKey:
        """Check a token that is new here; it counts as wrong until it turns out right."""
        self._lockout.begin(address)
        try:
            key = await run_sync(self._key_cache.verify, token, limiter=self._reading)
        except Unauthenticated:
            raise
        except BaseException:
            self._lockout.take_back(address)
            raise
        self._lockout.take_back(address)
        return key

    async def _of_session(self, token: str) -> Principal | None:
        signed_in = self._sessions.recall(token)
        if signed_in is None:
            signed_in = await run_sync(self._sessions.find, token, limiter=self._reading)
        if signed_in is None:
            return None
        key = signed_in.session.key
        return Principal(key.name, key.scopes, key, signed_in.session, signed_in.csrf)


def unauthenticated() -> Unauthenticated:
    """Make the error for who brings nothing."""
    return Unauthenticated(
        "This request needs a key. Send it as `Authorization: Bearer lk_...`; `lookalike "
        "key create` creates one."
    )
