"""Client address of a request, behind trusted proxies, and the credentials it brings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from search_api.auth import SESSION_COOKIE

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURE_COOKIE = f"__Host-{SESSION_COOKIE}"
_OF_PROXIES = "1.0"  # nginx sends it by default, and with it our own name as the host
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, and what it brings."""

    address: str
    """The client's, as far as trusted proxies tell it; `unknown` for none."""
    secure: bool
    """Whether it came by https, likewise."""
    local: bool
    """Whether it came from this machine, straight, to a name of this machine."""
    cross_site: bool
    """Whether a page of another site would have it change something."""
    changing: bool
    """Whether its method may change something."""
    token: str | None = field(repr=False)
    session: str | None = field(repr=False)
    csrf: str | None = field(repr=False)


def read_caller(scope: Scope, proxies: Sequence[Network]) -> Caller:
    """Tell where a request comes from.

    Parameters
    ----------
    scope : dict
        ASGI's, of an HTTP request.
    proxies : sequence of networks
        Those whose X-Forwarded-For and X-Forwarded-Proto are believed.
    """
    headers = Headers(scope=scope)
    peer = _parse((scope.get("client") or ("",))[0])
    address, secure = peer, scope.get("scheme") == "https"
    if peer is not None and _within(peer, proxies):
        address = _behind(peer, headers.getlist("x-forwarded-for"), proxies)
        proto = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        secure = proto == "https" if proto else secure
    changing = scope["method"] not in SAFE_METHODS
    return Caller(
        address=str(address) if address else "unknown",
        secure=secure,
        local=(
            peer is not None
            and peer.is_loopback
            and is_loopback(_host(headers.get("host", "")))
            and not any(name in headers for name in _FORWARDED)
            and scope.get("http_version") != _OF_PROXIES
        ),
        cross_site=changing and _is_cross_site(headers),
        changing=changing,
        token=_token(headers),
        session=_session(headers, secure=secure),
        csrf=headers.get("x-csrf-token"),
    )


def is_loopback(host: str) -> bool:
    """Tell whether an address or a name is this machine's own."""
    address = _parse(host)
    return address.is_loopback if address else host.lower() == "localhost"


def _behind(peer: Address, listed: Sequence[str], proxies: Sequence[Network]) -> Address:
    """Return the nearest address that is no proxy of ours: those before it may be made up."""
    nearest = peer
    for text in reversed(",".join(listed).split(",")):
        address = _parse(text.strip())
        if address is None:
            return nearest
        nearest = address
        if not _within(address, proxies):
            return nearest
    return nearest


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _host(authority: str) -> str:
    """Return the host of `host`, `host:port` or `[address]:port`."""
    return urlsplit(f"//{authority}").hostname or "" if authority.isprintable() else ""


def _is_cross_site(headers: Headers) -> bool:
    """Tell by what browsers send along; other programs send neither."""
    if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _token(headers: Headers) -> str | None:
    """Return the key that was sent; an empty text if what was sent is none."""
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("x-api-key")
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _session(headers: Headers, *, secure: bool) -> str | None:
    sent = headers.getlist("cookie")
    if not sent:
        return None
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load("; ".join(sent))
    except CookieError:
        return None
    found = cookies.get(SECURE_COOKIE if secure else SESSION_COOKIE)
    return found.value if found else None
