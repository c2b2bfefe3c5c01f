"""What a connection reads before anybody is known is bounded in bytes and time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from search_api.process import http_protocol
from search_api.process.http_protocol import MOST_BESIDES, HttpProtocol

HEAD = b"POST / HTTP/1.1\r\nhost: here\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def say_how_much(_scope: Any, receive: Any, send: Any) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected(app: Any) -> AsyncIterator[Streams]:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(
        lambda: HttpProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        while state.connections:  # noqa: ASYNC110 -- what is waited for is no event
            await asyncio.sleep(0.01)


def talk(scenario: Callable[[Streams], Awaitable[Any]], app: Any = say_how_much) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(20), connected(app) as streams:
            return await scenario(streams)

    return asyncio.run(run())


def shorten_keep_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    make = uvicorn.Config
    monkeypatch.setattr(uvicorn, "Config", lambda *a, **k: make(*a, timeout_keep_alive=1, **k))


async def endlessly(streams: Streams, piece: bytes) -> bytes:
    """Send a piece over and over until nobody reads it; return what was answered."""
    reader, writer = streams
    for _ in range(100 * MOST_BESIDES // len(piece)):
        writer.write(piece)
        try:
            await writer.drain()
        except ConnectionError:
            break
        if reader.at_eof():
            break
    else:
        pytest.fail("all of it was read")
    return bytes(reader._buffer)  # type: ignore[attr-defined] # noqa: SLF001 -- reading may fail


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD, b"x-more: " + b"a" * 1000 + b"\r\n"),
        (HEAD + b"x-long: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-more: " + b"a" * 1000 + b"\r\n"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n1;", b"a" * 1000),
    ],
    ids=["many headers", "a long header", "a long path", "many trailers", "a long chunk extension"],
)
def test_a_head_without_end_is_not_read_to_its_end(begin: bytes, piece: bytes) -> None:
    async def scenario(streams: Streams) -> None:
        streams[1].write(begin)
        await endlessly(streams, piece)

    talk(scenario)


def test_bodies_of_many_small_chunks_are_read_one_after_the_other() -> None:
    long = b"x-long: " + b"a" * (MOST_BESIDES // 2)
    head = HEAD + long + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = MOST_BESIDES // 4

    async def scenario(streams: Streams) -> None:
        reader, writer = streams
        for _ in range(3):
            writer.write(head + b"4\r\nabcd\r\n" * chunks + b"0\r\n\r\n")
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            size = str(4 * chunks).encode()
            assert await reader.readexactly(len(size)) == size

    talk(scenario)


@pytest.mark.parametrize("begin", [b"", b"GET / HT"], ids=["nothing", "half a head"])
def test_who_sends_no_whole_head_is_not_waited_for(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "_HEAD_SECONDS", 0.2)
    shorten_keep_alive(monkeypatch)

    async def scenario(streams: Streams) -> bytes:
        reader, writer = streams
        writer.write(begin)
        return await reader.read()

    assert talk(scenario) == b""


def test_a_client_that_waits_to_continue_is_answered_on_a_kept_connection() -> None:
    async def scenario(streams: Streams) -> bytes:
        reader, writer = streams
        for _ in range(2):
            writer.write(HEAD + b"content-length: 3\r\nexpect: 100-continue\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"abc")
            await reader.readuntil(b"\r\n\r\n")
            last = await reader.readexactly(1)
        return last

    assert talk(scenario) == b"3"


def test_a_head_is_not_lost_when_no_body_comes() -> None:
    async def half_an_answer(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    async def scenario(streams: Streams) -> bytes:
        reader, writer = streams
        writer.write(HEAD + b"\r\n")
        return await reader.read()

    assert talk(scenario, half_an_answer).startswith(b"HTTP/1.1 200 OK\r\n")


async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


def test_an_answer_to_head_comes_without_a_body_on_a_connection_that_stays() -> None:
    async def say(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    async def scenario(streams: Streams) -> bytes:
        reader, writer = streams
        writer.write(b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
        return await reader.read()

    answer = talk(scenario, say)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"])
def test_bytes_that_begin_no_request_keep_no_connection_open(
    first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_keep_alive(monkeypatch)

    async def scenario(streams: Streams) -> None:
        reader, writer = streams
        writer.write(first)
        with suppress(ConnectionError):  # it hung up while something was sent
            while not reader.at_eof():
                writer.write(b"\r\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.05)

    talk(scenario)


def test_whoever_is_refused_unread_sees_it_and_is_hung_up_on_when_all_has_come() -> None:
    length = 5_000_000

    async def scenario(streams: Streams) -> None:
        reader, writer = streams
        writer.write(HEAD + f"content-length: {length}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" in head
        writer.write(bytes(length))
        await writer.drain()
        assert await reader.read() == b"no"
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        assert await reader.read() == b""

    talk(scenario, refuse)


def test_the_rest_of_a_refused_body_is_not_waited_for_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 0.2)

    async def scenario(streams: Streams) -> None:
        reader, writer = streams
        writer.write(HEAD + b"content-length: 1000000\r\n\r\n")
        await reader.readuntil(b"\r\n\r\nno")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

        with pytest.raises(ConnectionError):
            await drip()

    talk(scenario, refuse)


def test_who_does_not_read_the_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "_READING_SECONDS", 0.2)
    ended = asyncio.Event()

    async def talk_on(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(1000):
                await send(
                    {"type": "http.response.body", "body": bytes(100_000), "more_body": True}
                )
            await send({"type": "http.response.body", "body": b""})
        finally:
            ended.set()

    async def scenario(streams: Streams) -> None:
        streams[1].write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        await ended.wait()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await streams[0].readexactly(100_000_000)

    talk(scenario, talk_on)
