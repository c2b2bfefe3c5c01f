"""Connections that wait for their clients; the oldest is closed where there are too many.

One whose request is being answered is never ended.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol

from search_api.access.client_address import Network

_TRUSTED: Final = ""  # the group of the trusted proxies and of this machine itself


class Ending(Protocol):
    """A connection."""

    def abort(self) -> None:
        """End it at once."""


class WaitingConnections:
    """Connections by the address that they come from, those that have waited longest first.

    Parameters
    ----------
    proxies : sequence of networks
        Trusted: behind one of them are many clients. So there may be behind this machine's own
        address.
    """

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = proxies
        self._groups: dict[str, dict[Ending, None]] = {}
        self._group_of: dict[Ending, str] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._group_of)

    def add(self, connection: Ending, host: str) -> None:
        """Count a connection as waiting from now on, unless it waits already."""
        if connection not in self._group_of:
            group = self._group(host)
            self._group_of[connection] = group
            self._groups.setdefault(group, {})[connection] = None

    def discard(self, connection: Ending) -> None:
        """Count a connection no more: it is answered, or has ended."""
        group = self._group_of.pop(connection, None)
        if group is not None:
            waiting = self._groups[group]
            del waiting[connection]
            if not waiting:
                del self._groups[group]

    def end_one(self) -> bool:
        """End the longest waiting one of the address with most; return whether there was one.

        Those of trusted proxies come last.
        """
        groups = [each for name, each in self._groups.items() if name != _TRUSTED]
        most = max(groups or self._groups.values(), key=len, default=None)
        if most is None:
            return False
        connection = next(iter(most))
        self.discard(connection)
        connection.abort()
        return True

    def _group(self, host: str) -> str:
        try:
            address = ip_address(host)
        except ValueError:
            return host
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if address.is_loopback or any(address in network for network in self._proxies):
            return _TRUSTED
        if isinstance(address, IPv6Address):  # whoever has one has 2**64 of them
            return str(IPv6Network((address, 64), strict=False))
        return str(address)
