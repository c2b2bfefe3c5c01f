"""Assembly of access control from the settings of a server."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from indexer.keys import KeyCache, Sessions
from indexer.store import Store
from search_api.access.authenticator import Authenticator
from search_api.access.client_address import Caller, is_loopback
from search_api.access.key_refresher import KeyRefresher
from search_api.access.lockout import Lockout
from search_api.access.rate_limit import RateLimit
from search_api.settings import ServeSettings


@dataclass(frozen=True, slots=True)
class Access:
    """What lets requests in."""

    authenticator: Authenticator
    sessions: Sessions
    key_refresher: KeyRefresher


def make_access(store: Store, serve: ServeSettings) -> Access:
    """Make the access control of a server; nothing is read yet."""
    key_cache = KeyCache(store)
    sessions = Sessions(
        store,
        lifetime=timedelta(seconds=serve.session_seconds),
        idle=timedelta(seconds=serve.session_idle_seconds),
    )

    def is_open(caller: Caller) -> bool:
        if caller.cross_site:
            return False
        return serve.access == "open" or (opens_here(serve) and caller.local)

    authenticator = Authenticator(
        key_cache, sessions, Lockout(), RateLimit(serve.requests_per_second), is_open
    )
    return Access(authenticator, sessions, KeyRefresher(key_cache))


def opens_here(serve: ServeSettings) -> bool:
    """Tell whether a server needs no key from this machine itself."""
    return serve.access == "auto" and is_loopback(serve.host)


def describe(store: Store, serve: ServeSettings) -> str | None:
    """Say at the start who may use a server; None where nothing is out of the ordinary.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    """
    loopback = is_loopback(serve.host)
    if serve.access == "open":
        if loopback:
            return None
        return (
            f"WARNING: anybody who can reach {serve.host} may do everything, without a key: "
            "LOOKALIKE_SERVE_ACCESS is open. Unset it unless something in front checks who asks."
        )
    if opens_here(serve):
        return None
    with store.reader() as catalog:
        working = catalog.keys.count_working(datetime.now(UTC))
    if working:
        return None
    return (
        "There is no key that works: all but health is answered with 401. Make one, for example "
        "`lookalike key create --name uploads --scope check`; it works at once."
    )
