"""Limits of a request body while it arrives: bytes, seconds, JSON values."""

from asyncio import timeout
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Final, NoReturn

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.admission.byte_budget import ByteBudget
from search_api.errors import overloaded, problem
from search_api.middleware.json_values import has_more_values, may_have_more_values

MOST_TEXT = 4 * 2**20
"""Bytes of a body that is no form with files: what reads JSON holds it many times over."""
MOST_VALUES: Final = 2_000
"""Values of a JSON body: what checks them takes a millisecond for a hundred mistakes."""
_FREE_SECONDS: Final = 5.0  # that a body may take, however little of it comes
_SLOWEST: Final = 1_000  # bytes a second, afterwards


class _Refused(Exception):
    """The rest of the body is not taken."""


class BodyLimit:
    """ASGI middleware: refuses a body that is too large, too slow or one too many.

    Parameters
    ----------
    app : callable
    max_bytes : int
        Of a form with files; other bodies may have `MOST_TEXT`.
    seconds : float
        Within which a body must arrive; only waiting for the client counts.
    budget : ByteBudget
        Of all bodies, from when their bytes arrive until the answer begins.
    most_values : mapping
        By path: how many values JSON may hold, where that is more than `MOST_VALUES`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        seconds: float,
        budget: ByteBudget,
        most_values: Mapping[str, int],
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._budget = budget
        self._most_values = most_values
        self._counting = CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").lower()
        is_form = kind.startswith("multipart/form-data")
        most = self._max_bytes if is_form else min(self._max_bytes, MOST_TEXT)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > most:
            await _too_large(f"{most} bytes")(scope, receive, send)
            return
        body = _Body(receive, send, most, self._seconds, self._budget)
        try:
            if "json" in kind:
                await self._check_json(body, self._most_values.get(scope["path"], MOST_VALUES))
            await self._app(scope, body.receive, body.send)
        except Exception:
            if body.refusal is None:
                raise
        finally:
            body.give_back()
        if body.refusal is not None and not body.is_answered:
            await body.refusal(scope, receive, send)

    async def _check_json(self, body: "_Body", most: int) -> None:
        text = await body.read()
        if may_have_more_values(text, most) and await run_sync(
            has_more_values, text, most, limiter=self._counting
        ):
            body.refuse(_too_large(f"{most} values"))


class _Body:
    """The body of one request, and the answer to it."""

    def __init__(
        self, receive: Receive, send: Send, most: int, seconds: float, budget: ByteBudget
    ) -> None:
        self._receive = receive
        self._send = send
        self._most = most
        self._seconds = seconds
        self._budget = budget
        self._received = 0  # bytes
        self._held = 0  # bytes of the budget
        self._waited = 0.0  # seconds
        self._is_complete = False
        self._read: Message | None = None  # what was read ahead
        self.refusal: Response | None = None
        self.is_answered = False

    async def read(self) -> bytes:
        """Read the body ahead, to be received as one message."""
        message = await self.receive()
        pieces = [message.get("body", b"")]
        while not self._is_complete:
            message = await self.receive()
            pieces.append(message.get("body", b""))
        whole = b"".join(pieces)
        gone = message["type"] == "http.disconnect"
        self._read = message if gone else {"type": "http.request", "body": whole}
        return whole

    async def receive(self) -> Message:
        """Return the next piece, within bounds; once it is complete, only the client's leaving."""
        if self._read is not None:
            message, self._read = self._read, None
            return message
        if self._is_complete:
            return await self._receive()
        message = await self._wait()
        size = len(message.get("body", b""))
        self._received += size
        if self._received > self._most:
            self.refuse(_too_large(f"{self._most} bytes"))
        if not self._budget.has_room(size, self._held):
            self.refuse(overloaded())
        self._budget.take(size)
        self._held += size
        self._is_complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on; of a refused body there is another."""
        if self.refusal is not None and not self.is_answered:
            return  # what reads JSON calls it broken when it cannot go on
        self.is_answered = True
        self.give_back()
        await self._send(message)

    def refuse(self, refusal: Response) -> NoReturn:
        """Take no more of it."""
        self.refusal = refusal
        raise _Refused

    def give_back(self) -> None:
        """Let others have its bytes."""
        self._budget.give_back(self._held)
        self._held = 0

    async def _wait(self) -> Message:
        begun = monotonic()
        allowed = min(self._seconds, _FREE_SECONDS + self._received / _SLOWEST)
        try:
            async with timeout(allowed - self._waited):
                return await self._receive()
        except TimeoutError:
            self.refuse(_slow())
        finally:
            self._waited += monotonic() - begun


def _too_large(most: str) -> Response:
    detail = f"The request has more than {most}, the most this server takes of its kind."
    return problem("request_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _slow() -> Response:
    detail = "The body of the request did not arrive in time. Send it again, or a smaller one."
    headers = {"Connection": "close"}
    return problem("slow_upload", HTTPStatus.REQUEST_TIMEOUT, detail, headers)
