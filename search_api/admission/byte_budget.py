"""Budget of the bytes of requests that are in memory at the same time."""


class ByteBudget:
    """Bytes of all requests present; one that is alone may have any size.

    To be used from one event loop.

    Parameters
    ----------
    most : float
        Bytes.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._taken = 0

    def has_room(self, size: int, held: int = 0) -> bool:
        """Tell whether so many bytes may be taken, by a request that holds some already."""
        return self._taken == held or self._taken + size <= self._most

    def take(self, size: int) -> None:
        """Count bytes until they are given back."""
        self._taken += size

    def give_back(self, size: int) -> None:
        """Count bytes no more."""
        self._taken -= size
