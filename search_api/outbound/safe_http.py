"""SSRF-safe HTTP: one request to another server, at an address that was checked."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cached_property

import anyio
import httpcore
import httpx

import indexer
from indexer.errors import FetchFailed, FetchRefused
from search_api.outbound.addresses import is_public, parse_address
from search_api.outbound.hosts import port_of

Resolve = Callable[[str, int], Awaitable[list[str]]]
USER_AGENT = f"lookalike/{indexer.__version__}"
_MOST_ADDRESSES = 8  # tried in turn
_MOST_CHARACTERS = 2_048


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order of the resolver."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def parse_url(text: str) -> httpx.URL:
    """Read an absolute http or https URL that no two programs read differently.

    Raises
    ------
    FetchRefused
        It is none; it has credentials; or it holds characters that programs disagree about.
    """
    odd = any(not character.isprintable() or character in ' \\"<>^`{|}' for character in text)
    if odd or len(text) > _MOST_CHARACTERS:
        raise FetchRefused(
            "The URL is longer than 2,048 characters, or contains spaces, control "
            "characters or other characters that must be percent-encoded. Encode them."
        )
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchRefused(f"The URL is invalid: {error}.") from error
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise FetchRefused("The URL must start with https:// or http:// and name a host.")
    authority = text.partition("//")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    if "@" in authority:
        raise FetchRefused("The URL contains a user name or password. Remove it.")
    if url.port == 0 or (url.port or 1) > 65535:  # noqa: PLR2004 -- the largest port
        raise FetchRefused(f"{url.port} is not a valid port. Check the URL.")
    return url


class SafeHttp:
    """Sends requests over connections of their own: no proxy, no cookies, no redirects followed.

    A host's name is resolved once a request, every address is checked, and the connection goes to
    a checked one: a name that resolves otherwise a moment later leads nowhere else. TLS names the
    host, and holds the certificate to it.
    """

    def __init__(self, *, connect_timeout: float, resolve: Resolve = resolve) -> None:
        self._connect_timeout = connect_timeout  # seconds, for each address
        self._resolve = resolve

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: dict[str, str],
        content: bytes | None = None,
        private: bool,
    ) -> AsyncIterator[httpcore.Response]:
        """Send a request and give the answer, whose body is yet to be read.

        Parameters
        ----------
        method : str
        url : httpx.URL
            One that `parse_url` has read.
        headers : dict
        content : bytes or None
            The body.
        private : bool
            Whether the host may have addresses that are not public.

        Raises
        ------
        FetchRefused
            An address of the host is not public.
        FetchFailed
            The host cannot be found or reached, or breaks off.
        """
        host = url.raw_host.decode("ascii")
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=port_of(url), target=url.raw_path
        )
        own = {"Host": url.netloc.decode("ascii"), "User-Agent": USER_AGENT}
        extensions = {"timeout": {"connect": self._connect_timeout}}
        try:
            async with (
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls if url.scheme == "https" else None,
                    network_backend=_Checked(self._resolve, private=private),
                ) as pool,
                pool.stream(
                    method,
                    target,
                    headers=[*own.items(), *headers.items()],
                    content=content,
                    extensions=extensions,
                ) as response,
            ):
                yield response
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            ssl.SSLError,
        ) as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise FetchFailed(
                f"{host} cannot be reached, or closed the connection: {reason}."
            ) from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The authorities that certificates are held to; SSL_CERT_FILE names others."""
        return httpx.create_ssl_context()


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to hosts whose addresses are all allowed, and to no other."""

    def __init__(self, resolve: Resolve, *, private: bool) -> None:
        self._resolve = resolve
        self._private = private
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the interface's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a host once, check what that gives, and connect to the first that answers."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"The host {host} does not exist. Check the name.") from error
        if not self._private and not all(is_public(parse_address(each)) for each in addresses):
            raise FetchRefused(
                f"{host} has an address that is not public. If it should be reached, the "
                "administrator must add it to the setting for private hosts."
            )
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait; asked for by retries, of which there are none."""
        await anyio.sleep(seconds)
