"""Where there are too many connections, one that waits for its client ends."""

from ipaddress import ip_network

import pytest

from search_api.process.open_files import room_for_connections
from search_api.process.waiting_connections import WaitingConnections


class Waiting:
    """A connection that notes when it was ended."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self._name = name
        self._ended = ended

    def abort(self) -> None:
        self._ended.append(self._name)


def end_all(waiting: WaitingConnections, *named: tuple[str, str]) -> list[str]:
    """Let connections wait, each given by its name and address; return the order of their ends."""
    ended: list[str] = []
    for name, host in named:
        waiting.add(Waiting(name, ended), host)
    while waiting.end_one():
        pass
    assert len(waiting) == 0
    return ended


def test_the_longest_waiting_of_the_address_with_most_ends_first() -> None:
    named = [("a1", "192.0.2.1"), ("b1", "192.0.2.2"), ("b2", "192.0.2.2"), ("b3", "192.0.2.2")]

    assert end_all(WaitingConnections(), *named)[:2] == ["b1", "b2"]


def test_a_network_of_ipv6_is_one_address() -> None:
    named = [("a1", "192.0.2.1"), ("c1", "2001:db8::1"), ("c2", "2001:db8::2")]

    assert end_all(WaitingConnections(), *named)[0] == "c1"


@pytest.mark.parametrize("trusted", ["127.0.0.1", "::1", "198.51.100.7", "::ffff:198.51.100.7"])
def test_trusted_proxies_and_this_machine_come_last(trusted: str) -> None:
    waiting = WaitingConnections([ip_network("198.51.100.0/24")])
    named = [("p1", trusted), ("p2", trusted), ("p3", trusted), ("a1", "192.0.2.1")]

    assert end_all(waiting, *named) == ["a1", "p1", "p2", "p3"]


def test_who_is_answered_is_not_ended() -> None:
    ended: list[str] = []
    waiting, one, other = WaitingConnections(), Waiting("one", ended), Waiting("other", ended)
    waiting.add(one, "192.0.2.1")
    waiting.add(other, "192.0.2.1")
    waiting.discard(one)

    assert waiting.end_one()
    assert not waiting.end_one()
    assert ended == ["other"]


@pytest.mark.parametrize(("limit", "room"), [(64, 16), (256, 128), (1024, 768), (65_536, 49_152)])
def test_some_files_are_left_to_the_server_itself(limit: int, room: int) -> None:
    assert room_for_connections(limit) == room
