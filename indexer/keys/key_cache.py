"""Key cache: a token is hashed slowly once, then checked from memory while it is in use."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from indexer.errors import Unauthenticated
from indexer.keys.tokens import matches, parse_token
from indexer.store import Store
from indexer.types import ApiKey

MAX_AGE = 5.0
"""Seconds that a key is trusted without another look at the database."""
_IDLE = 600.0  # seconds without use until a key is forgotten, to be hashed again when it returns
_MEMORY = 4096  # tokens of either kind, right and wrong, that are remembered
_REFUSED = "This key does not work: it is unknown, revoked or expired. `lookalike key list` tells."
_DUMMY = bytes(32)


@dataclass(slots=True)
class _Known:
    key: ApiKey
    read_at: float  # monotonic seconds; when the database was asked last
    used_at: float


class KeyCache:
    """Checks keys; safe to use from several threads.

    A token that was right once is remembered by its HMAC under a random key of this process: the
    token itself is not kept. From then on only its row is read again, so that a key that is revoked
    or expired works no longer than `max_age` seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._max_age = max_age  # seconds
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._used: dict[int, datetime] = {}  # by id; since the last writing
        self._lock = Lock()

    def recall(self, token: str) -> ApiKey | None:
        """Return the key of a token that is known to work; None asks for `verify`. Never waits."""
        name = self._name(token)
        with self._lock:
            known = self._known.get(name)
            if known is None:
                return None
            now, moment = self._clock(), datetime.now(UTC)
            if now - known.read_at > self._max_age or not known.key.works_at(moment):
                return None
            known.used_at = now
            self._used[known.key.id] = moment
            self._known.move_to_end(name)
            return known.key

    def is_known(self, token: str) -> bool:
        """Return whether a token is cached as valid, so that verifying it costs no slow hash."""
        with self._lock:
            return self._name(token) in self._known

    def verify(self, token: str) -> ApiKey:
        """Return the key of a token; reads the database, and hashes slowly what is new.

        Raises
        ------
        Unauthenticated
            The token is none, or its key does not work.
        DatabaseUnavailable
            The database cannot be reached.
        """
        name = self._name(token)
        key = self._look_up(token, name)
        with self._lock:
            if key is None or not key.works_at(datetime.now(UTC)):
                self._known.pop(name, None)
                raise Unauthenticated(_REFUSED)
            now = self._clock()
            self._known[name] = _Known(key, now, now)
            self._used[key.id] = datetime.now(UTC)
            _shorten(self._known)
        return key

    def _look_up(self, token: str, name: bytes) -> ApiKey | None:
        parsed = parse_token(token)
        if parsed is None:
            return None
        with self._store.reader() as catalog:
            found = catalog.keys.with_secret(parsed.public_id)
        with self._lock:
            right, wrong = name in self._known, name in self._wrong
        if found is None or wrong:
            hmac.compare_digest(_DUMMY, hashlib.sha256(token.encode()).digest())
            return None
        key, secret = found
        # those that do not work any more are not hashed for: it would change nothing
        if right or not key.works_at(datetime.now(UTC)) or matches(parsed, secret):
            return key
        with self._lock:
            self._wrong[name] = None
            _shorten(self._wrong)
        return None

    def refresh(self) -> None:
        """Read the keys in use again, so that no check waits for the database.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached; keys are trusted until they are too old.
        """
        begun = self._clock()
        with self._lock:
            idle = [n for n, known in self._known.items() if begun - known.used_at > _IDLE]
            for name in idle:
                del self._known[name]
            ids = {known.key.id for known in self._known.values()}
        if not ids:
            return
        with self._store.reader() as catalog:
            found = catalog.keys.get_many(ids)
        with self._lock:
            for name, known in list(self._known.items()):
                key = found.get(known.key.id)
                if key is not None and key.revoked_at is None:
                    known.key, known.read_at = key, max(known.read_at, begun)
                elif known.key.id in ids:
                    del self._known[name]

    def write_use(self) -> None:
        """Write down when keys were used last.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached; it is written the next time.
        """
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        try:
            with self._store.writer() as writer:
                writer.keys.note_use(used)
        except BaseException:
            with self._lock:
                self._used = used | self._used
            raise

    def _name(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode("utf-8", "surrogateescape"), "sha256")


def _shorten(remembered: OrderedDict[bytes, _Known] | OrderedDict[bytes, None]) -> None:
    while len(remembered) > _MEMORY:
        remembered.popitem(last=False)
