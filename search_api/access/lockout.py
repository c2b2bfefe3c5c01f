"""Lockout of addresses that send wrong keys."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Network
from time import monotonic

from indexer.errors import LockedOut

_FREE = 10  # wrong keys before an address waits
_LONGEST = 900.0  # seconds that an address waits at most
_FORGOTTEN = 3600.0  # seconds without a wrong key until an address is as good as new
_MEMORY = 10_000  # addresses that are remembered


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0


class Lockout:
    """Counts wrong keys by address, in this process; used from the event loop alone.

    An attempt counts as wrong until it has turned out right.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def require_unlocked(self, address: str) -> None:
        """Refuse an address that has to wait.

        Raises
        ------
        LockedOut
            Too many of its keys were wrong: after ten each makes it wait twice as long.
        """
        failures, now = self._failures.get(_place(address)), self._clock()
        if failures is not None and failures.locked_until > now:
            raise LockedOut(address=address, wait=failures.locked_until - now)

    def begin(self, address: str) -> None:
        """Count an attempt.

        Raises
        ------
        LockedOut
            As above.
        """
        self.require_unlocked(address)
        now, place = self._clock(), _place(address)
        failures = self._failures.setdefault(place, _Failures())
        self._failures.move_to_end(place)
        while len(self._failures) > _MEMORY:
            self._failures.popitem(last=False)
        if now - failures.last_at > _FORGOTTEN:
            failures.count = 0
        failures.count += 1
        failures.last_at = now
        if failures.count >= _FREE:
            failures.locked_until = now + min(2.0 ** min(failures.count - _FREE, 30), _LONGEST)

    def take_back(self, address: str) -> None:
        """Undo what `begin` counted: the key was right, or could not be looked at."""
        failures = self._failures.get(_place(address))
        if failures is not None:
            failures.count = max(0, failures.count - 1)
            failures.locked_until = 0.0


def _place(address: str) -> str:
    """Return what counts as one address: in IPv6 whoever has one has 2**64 of them."""
    return str(IPv6Network((address, 64), strict=False)) if ":" in address else address
