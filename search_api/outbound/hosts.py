"""Host lists of the settings."""

import re
from dataclasses import dataclass
from typing import Self

import httpx

from indexer.errors import SettingsError

DEFAULT_PORTS = {"https": 443, "http": 80}
_NAME = r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*"
_ENTRY = re.compile(
    rf"(?:(?P<scheme>https?)://)?(?P<wild>\*\.)?(?:(?P<name>{_NAME})|\[(?P<v6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of a list: `[http://]HOST[:PORT]`, where HOST may begin with `*.`."""

    scheme: str
    host: str  # lower case, ASCII, without brackets
    port: int
    subdomains: bool  # those below the host, not itself

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Return whether a place is the one that is meant."""
        named = host.endswith(f".{self.host}") if self.subdomains else host == self.host
        return named and (scheme, port) == (self.scheme, self.port)


@dataclass(frozen=True, slots=True)
class HostList:
    """The hosts that a setting names; empty when it is unset."""

    rules: tuple[HostRule, ...]

    @classmethod
    def parse(cls, setting: str, text: str | None) -> Self:
        """Read the value of a setting: entries with commas between them.

        Raises
        ------
        SettingsError
            An entry is no host.
        """
        entries = (entry.strip() for entry in (text or "").split(","))
        return cls(tuple(_rule(setting, entry) for entry in entries if entry))

    def allows(self, url: httpx.URL) -> bool:
        """Return whether a URL's scheme, host and port are on the list."""
        host, port = url.raw_host.decode("ascii"), port_of(url)
        return any(rule.allows(url.scheme, host, port) for rule in self.rules)

    def names(self, host: str) -> bool:
        """Return whether a host is on the list, by whatever scheme and port."""
        return any(rule.allows(rule.scheme, host, rule.port) for rule in self.rules)


def port_of(url: httpx.URL) -> int:
    """Return the port of a URL, the scheme's own if it names none."""
    return url.port or DEFAULT_PORTS[url.scheme]


def _rule(setting: str, entry: str) -> HostRule:
    match = _ENTRY.fullmatch(entry.lower())
    if match is None or (match["wild"] and match["v6"]) or int(match["port"] or 1) not in _PORTS:
        raise SettingsError(
            f"{setting}: {entry!r} is not a valid host. Write names such as "
            "images.example.org, *.example.org, images.example.org:8443 or "
            "http://storage.internal:9000, with commas between them; a name beyond ASCII in "
            "its xn-- form."
        )
    scheme = match["scheme"] or "https"
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    return HostRule(scheme, match["name"] or match["v6"], port, subdomains=bool(match["wild"]))


_PORTS = range(1, 65536)
