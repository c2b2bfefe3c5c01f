"""A connection that reads no head without end, and waits for none forever."""

from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BESIDES = 64 * 2**10
"""Bytes of a request besides its body: the head, what parts chunks, what follows them."""
_CONTINUE = b"HTTP/1.1 100 "  # is written before the head of the answer
_HEAD_SECONDS = 15.0  # from a head's first byte to its last


class Connection(HttpToolsProtocol):
    """uvicorn's connection within bounds, which it leaves to a proxy; ours may have none."""

    def __init__(
        self, *arguments: Any, on_lost: Callable[[], object] = lambda: None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._on_lost = on_lost
        self._besides = 0  # bytes of the request that is being read
        self._body = 0  # likewise
        self._patience: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a request, as long as for the next one on an idle connection."""
        super().connection_made(cast("Any", transport))
        self._wait_for_head(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more, and tell whoever counts connections."""
        self._stop_waiting()
        super().connection_lost(exc)
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Read on, unless it has become too much."""
        self._besides += len(data)
        super().data_received(data)
        if self._besides > MOST_BESIDES + self._body and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        super().on_message_begin()
        self._wait_for_head(_HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Let the request be answered; how long a body may take, others decide."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body apart: chunks of one byte have more around them than in them."""
        self._besides -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count from the start for the next request."""
        self._besides = self._body = 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.transport = _Answer(self.transport)
        super()._start_asgi_task(cycle, app)

    def _wait_for_head(self, seconds: float) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Answer:
    """Where an answer is written to: its head goes out together with what follows.

    uvicorn writes one after the other, and each time wakes whoever reads.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None  # none has come yet; empty when it is out

    def write(self, data: bytes) -> None:
        if self._head is None and not data.startswith(_CONTINUE):
            self._head = data
            return
        self._transport.write((self._head or b"") + data)
        if self._head:
            self._head = b""

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()
