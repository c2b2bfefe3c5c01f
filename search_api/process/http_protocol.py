"""HTTP protocol of a connection, with deadlines for heads, bodies and readers."""

from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from search_api.process.waiting_connections import WaitingConnections

MOST_BESIDES = 64 * 2**10
"""Bytes of a request besides its body: the head, what parts chunks, what follows them."""
_HEAD_SECONDS = 15.0  # from a head's first byte to its last
_READING_SECONDS: Final = 30.0  # for a client to take 48 KiB of its answer
_LINGER_SECONDS = 30.0  # that the rest of a body is thrown away for, once it was refused
_FLUSH_SECONDS: Final = 5.0  # for a client to take the end of an answer on a closed connection


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's connection within bounds, which it leaves to a proxy; ours may have none.

    Each deadline runs from when the server began to wait: no byte that comes meanwhile moves it.
    How long a body may take that is being read, `body_limit` decides.
    """

    def __init__(
        self,
        *arguments: Any,
        waiting: WaitingConnections | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._waiting = WaitingConnections() if waiting is None else waiting
        self._besides = 0  # bytes of the request that is being read
        self._body = 0  # likewise
        self._is_reading = False  # a request whose beginning has come, and not its end
        self._lingers = False  # only until the rest of a refused body has come
        self._deadline: TimerHandle | None = None  # of what is read
        self._write_deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a request, as long as for the next one on an idle connection."""
        super().connection_made(cast("Any", transport))
        self._wait(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        self._stop_writing()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End at once, whatever has not been sent."""
        self.transport.abort()

    # what is read

    def data_received(self, data: bytes) -> None:
        """Read on, unless it has become too much."""
        self._besides += len(data)
        super().data_received(data)
        if self._besides > MOST_BESIDES + self._body and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, unless an answer has been given."""
        if self._lingers:
            self.abort()
        else:
            super().send_400_response(msg)
            self._flush_in_time()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        super().on_message_begin()
        self._is_reading = True
        self._wait(_HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Let the request be answered, unless none is to come after the last."""
        if self._lingers:
            return
        self._stop_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body apart: chunks of one byte have more around them than in them."""
        self._besides -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count from the start for the next request."""
        self._besides = self._body = 0
        self._is_reading = False
        self._stop_waiting()
        super().on_message_complete()
        if self._lingers:
            self._close()

    # what is answered

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        pipelined = bool(self.pipeline)
        super().on_response_complete()
        if pipelined or self.transport.is_closing():
            return
        if self._is_reading:
            self._waiting.add(self, self._host)
        else:
            self._wait(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._waiting.add(self, self._host)
        self._stop_writing()
        self._write_deadline = self.loop.call_later(_READING_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """Write on."""
        self._stop_writing()
        if self.transport.is_closing():
            self._flush_in_time()
        elif self._deadline is None and not self._is_reading:
            self._waiting.discard(self)
        super().resume_writing()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.transport = _AnswerTransport(self.transport, self._end_after_answer)

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            async def announcing_the_end(message: Any) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    cycle.keep_alive = False  # whoever refuses a body does not wait for it
                await send(message)

            await app(scope, receive, announcing_the_end)

        super()._start_asgi_task(cycle, answer)

    def _end_after_answer(self) -> None:
        """Close, but not upon a client that still sends: it would not see the answer."""
        if not self._is_reading or self.transport.is_closing():
            self._close()
        elif not self._lingers:
            self._lingers = True
            self._wait(_LINGER_SECONDS)
            self.transport.write_eof()

    # how long is waited

    @property
    def _host(self) -> str:
        return self.client[0] if self.client else ""

    def _wait(self, seconds: float) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(seconds, self._give_up)
        cycle: Any = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            self._waiting.add(self, self._host)

    def _stop_waiting(self) -> None:
        self._stop_deadline()
        self._waiting.discard(self)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_writing(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # behind a request that is being answered: it is we who are slow
            self._wait(_HEAD_SECONDS)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._flush_in_time()

    def _flush_in_time(self) -> None:
        if self._write_deadline is None and self.transport.get_write_buffer_size():
            self._write_deadline = self.loop.call_later(_FLUSH_SECONDS, self.abort)


class _AnswerTransport:
    """Where uvicorn writes an answer to; closing it is left to the connection."""

    def __init__(self, transport: Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
