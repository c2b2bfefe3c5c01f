"""Bounds how many requests a second a key may make."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from indexer.errors import RateLimited
from indexer.types import ApiKey

_MEMORY = 10_000  # keys that are remembered; a full bucket is as good as none


class Rates:
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
        rate = self._default if key.requests_per_second is None else key.requests_per_second
        if rate <= 0:
            return
        now, most = self._clock(), max(1.0, 2 * rate)
        left, at = self._buckets.get(key.id, (most, now))
        left = min(most, left + (now - at) * rate)
        enough = left >= 1
        self._buckets[key.id] = (left - 1 if enough else left, now)
        self._buckets.move_to_end(key.id)
        while len(self._buckets) > _MEMORY:
            self._buckets.popitem(last=False)
        if not enough:
            raise RateLimited(name=key.name, rate=rate, wait=(1 - left) / rate)
