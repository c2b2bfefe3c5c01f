"""Rate limit of each key, a token bucket."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from indexer.errors import RateLimited
from indexer.types import ApiKey

_MEMORY = 10_000  # keys that are remembered; a full bucket is as good as none


class RateLimit:
    """A token bucket for each key, in this process; used from the event loop alone.

    A bucket holds as many requests as may be made in two seconds, and at least one.

    Parameters
    ----------
    default : float
        Requests a second of keys that have no rate of their own; 0 for any number.
    """

    def __init__(self, default: float, clock: Callable[[], float] = monotonic) -> None:
        self._default = default
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()  # what is left, when

    def take(self, key: ApiKey) -> None:
        """Count a request.

        Raises
        ------
        RateLimited
            The key's bucket is empty.
        """
        self._take(key, 1, spare=0)

    def charge(self, key: ApiKey, count: int) -> None:
        """Count as many requests more, of one that asks for as much.

        More than a full bucket holds may be asked for: it is then paid off before the next.

        Raises
        ------
        RateLimited
            The key's bucket does not hold so many, and is not full.
        """
        if count:
            self._take(key, count, spare=1)  # one is taken for the request itself

    def _take(self, key: ApiKey, count: int, *, spare: int) -> None:
        rate = self._default if key.requests_per_second is None else key.requests_per_second
        if rate <= 0:
            return
        now, most = self._clock(), max(1.0, 2 * rate)
        left, at = self._buckets.get(key.id, (most, now))
        left = min(most, left + (now - at) * rate)
        needed = min(count, most - spare)
        enough = left >= needed
        self._buckets[key.id] = (left - count if enough else left, now)
        self._buckets.move_to_end(key.id)
        while len(self._buckets) > _MEMORY:
            self._buckets.popitem(last=False)
        if not enough:
            raise RateLimited(name=key.name, rate=rate, wait=(needed - left) / rate)
