"""Sessions: sign in with a key once, then by a session token."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic

from indexer.store import Store
from indexer.types import ApiKey, Session

_MEMORY = 1024  # sessions that are remembered
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, and what its requests must show to change anything."""

    session: Session
    csrf: str = field(repr=False)
    """Made from the session's token: whoever cannot read the cookie cannot know it."""


class Sessions:
    """Opens, finds and ends sessions; safe to use from several threads.

    Parameters
    ----------
    store : Store
    lifetime : timedelta
        From signing in until the session runs out, however much it is used.
    idle : timedelta
        Without use until it runs out.
    max_age : float
        Seconds that a session is trusted without another look at the database.
    """

    def __init__(
        self,
        store: Store,
        *,
        lifetime: timedelta,
        idle: timedelta,
        max_age: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._lifetime = lifetime
        self._idle = idle
        self._max_age = max_age
        self._clock = clock
        self._read: OrderedDict[bytes, tuple[SignedIn, float]] = OrderedDict()
        self._lock = Lock()

    def open(self, key: ApiKey) -> tuple[str, SignedIn]:
        """Sign in; return the session's token, which is shown this once, and the session."""
        token = secrets.token_hex(32)
        with self._store.writer() as writer:
            expires_at = datetime.now(UTC) + self._lifetime
            session = writer.sessions.open(key, _digest(token), expires_at)
        return token, SignedIn(session, csrf_of(token))

    def recall(self, token: str) -> SignedIn | None:
        """Return a session that was read lately; None asks for `find`. Never waits."""
        with self._lock:
            signed_in, read_at = self._read.get(_digest(token), (None, 0.0))
        if signed_in is None or self._clock() - read_at > self._max_age:
            return None
        return signed_in if self._runs(signed_in.session) else None

    def find(self, token: str) -> SignedIn | None:
        """Return the session of a token, noting its use; None when it does not run.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        digest = _digest(token)
        begun = self._clock()
        with self._store.reader() as catalog:
            session = catalog.sessions.get(digest)
        if session is None or not self._runs(session):
            with self._lock:
                self._read.pop(digest, None)
            return None
        now = datetime.now(UTC)
        if now - session.last_seen_at > min(_NOTED_EVERY, self._idle / 4):
            with self._store.writer() as writer:
                writer.sessions.note_use(session.id, now)
        signed_in = SignedIn(session, csrf_of(token))
        with self._lock:
            self._read[digest] = (signed_in, begun)
            while len(self._read) > _MEMORY:
                self._read.popitem(last=False)
        return signed_in

    def end(self, token: str) -> None:
        """Sign out; a session that does not run stays so."""
        digest = _digest(token)
        with self._store.writer() as writer:
            session = writer.sessions.get(digest)
            if session is not None:
                writer.sessions.end(session.id)
        with self._lock:
            self._read.pop(digest, None)

    def _runs(self, session: Session) -> bool:
        now = datetime.now(UTC)
        fresh = now - session.last_seen_at <= self._idle
        return fresh and now < session.expires_at and session.key.works_at(now)


def csrf_of(token: str) -> str:
    """Return what the forms of a browser that holds this token must send."""
    return hmac.digest(token.encode(), b"csrf", "sha256").hex()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
