"""Fetch of pictures by URL from allowed hosts."""

import zlib
from collections.abc import AsyncIterator

import anyio
import httpcore
import httpx

from indexer.errors import FetchDisabled, FetchFailed, FetchRefused, ImageTooLarge
from search_api.outbound.hosts import HostList
from search_api.outbound.safe_http import Resolve, SafeHttp, parse_url, resolve
from search_api.settings import ServeSettings

MOST_REDIRECTS = 3
_AT_ONCE = 16  # fetches; more wait within their time
_REDIRECTS = {301, 302, 303, 307, 308}
_OK = 200
_HEADERS = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}


class Fetcher:
    """Fetches within limits of size and time; what is refused here costs no connection."""

    def __init__(self, serve: ServeSettings, *, max_bytes: int, resolve: Resolve = resolve) -> None:
        self._hosts = HostList.parse("LOOKALIKE_SERVE_FETCH_HOSTS", serve.fetch_hosts)
        self._private = HostList.parse(
            "LOOKALIKE_SERVE_FETCH_PRIVATE_HOSTS", serve.fetch_private_hosts
        )
        self._seconds = serve.fetch_timeout
        self._max_bytes = max_bytes
        self._outbound = SafeHttp(connect_timeout=serve.fetch_timeout / 2, resolve=resolve)
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def get(self, url: str) -> bytes:
        """Return the picture's bytes.

        Raises
        ------
        FetchDisabled
            No host is allowed.
        FetchRefused
            The URL, or one that it redirects to, is not allowed.
        FetchFailed
            The other server cannot be reached, answers otherwise than with the picture, or takes
            too long.
        ImageTooLarge
            It sends more bytes than the settings allow for a picture.
        """
        if not self._hosts.rules:
            raise FetchDisabled(
                "Fetching images by URL is disabled. Send the file, or ask the server's "
                "administrator to list the allowed hosts in LOOKALIKE_SERVE_FETCH_HOSTS."
            )
        place = self._checked(parse_url(url))
        try:
            with anyio.fail_after(self._seconds):
                async with self._limiter:
                    return await self._follow(place)
        except TimeoutError as error:
            raise FetchFailed(
                f"{place.host} did not send the image within {self._seconds:g} s. Try again, "
                "or send the file."
            ) from error

    def _checked(self, url: httpx.URL) -> httpx.URL:
        if not self._hosts.allows(url):
            raise FetchRefused(
                f"{url.scheme}://{url.netloc.decode('ascii')} is not an allowed host for "
                "images. Send the file, or ask the server's administrator to add it to "
                "LOOKALIKE_SERVE_FETCH_HOSTS."
            )
        return url

    async def _follow(self, place: httpx.URL) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            private = self._private.names(place.raw_host.decode("ascii"))
            async with self._outbound.stream(
                "GET", place, headers=_HEADERS, private=private
            ) as response:
                if response.status not in _REDIRECTS:
                    return await self._read(response, place.host)
                place = self._checked(_redirected(place, response))
        raise FetchFailed(f"More than {MOST_REDIRECTS} redirects, the last to {place.host}.")

    async def _read(self, response: httpcore.Response, host: str) -> bytes:
        if response.status != _OK:
            raise FetchFailed(f"{host} answered {response.status} instead of an image.")
        declared = _header(response, b"content-length")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        data = bytearray()
        decoder = _decoder(response, host)
        async for chunk in _body(response):
            data += decoder.decode(chunk, self._max_bytes - len(data) + 1)
            if len(data) > self._max_bytes:
                raise self._too_large()
        decoder.end()
        return bytes(data)

    def _too_large(self) -> ImageTooLarge:
        return ImageTooLarge(
            f"The picture has more than {self._max_bytes} bytes, the most that "
            "LOOKALIKE_MAX_IMAGE_BYTES allows."
        )


def _redirected(place: httpx.URL, response: httpcore.Response) -> httpx.URL:
    location = _header(response, b"location")
    if not location or not location.isascii():
        raise FetchFailed(f"{place.host} redirects without a Location.")
    try:
        target = str(place.join(location))
    except httpx.InvalidURL as error:
        raise FetchFailed(f"{place.host} redirects to an invalid URL.") from error
    return parse_url(target)


def _header(response: httpcore.Response, name: bytes) -> str:
    values = [value for key, value in response.headers if key.lower() == name]
    return values[0].decode("latin-1").strip() if values else ""


async def _body(response: httpcore.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_stream():
        yield chunk


class _Plain:
    """Gives what was sent as it is."""

    def decode(self, chunk: bytes, _most: int) -> bytes:
        return chunk

    def end(self) -> None:
        """Take the end of what was sent, wherever it is."""


class _Inflated:
    """Unpacks what was sent, a bounded piece at a time."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib by its header

    def decode(self, chunk: bytes, most: int) -> bytes:
        """Unpack a chunk into at most so many bytes; what is left over is never asked for."""
        try:
            return self._inflate.decompress(chunk, most)
        except zlib.error as error:
            raise self._damaged() from error

    def end(self) -> None:
        """Make sure that nothing is missing."""
        if not self._inflate.eof:
            raise self._damaged()

    def _damaged(self) -> FetchFailed:
        return FetchFailed(f"{self._host} sent the picture packed, and damaged or cut short.")


def _decoder(response: httpcore.Response, host: str) -> _Plain | _Inflated:
    encoding = _header(response, b"content-encoding").lower()
    if encoding in ("", "identity"):
        return _Plain()
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Inflated(host)
    raise FetchFailed(f"{host} sent the image in an encoding that was not requested.")
