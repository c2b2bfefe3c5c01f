"""Idempotency keys: a repeated request gets the first answer, and changes nothing again.

The answer is written in the same transaction as the change (`Service.commit`), so either both are
there or neither is, whenever a process is killed. A request that comes again, at another worker or
at the same time, finds the answer: writers take turns, and the second one looks before it writes.
"""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from indexer.store import ANSWERS_KEPT, Answer, Catalog, RequestKey, Store, Writer
from search_api.auth import ANYBODY, Principal

ResultT = TypeVar("ResultT")
REPLAYED: Final = "Idempotent-Replayed"
_WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}
_BOUNDARY: Final = b"boundary="


class _Answered(Exception):
    """The request was answered before."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


@dataclass(slots=True)
class _Asked:
    """A request that its sender gave a key."""

    key: RequestKey
    request_sha256: bytes
    status: int
    adapter: TypeAdapter[Any]
    is_remembered: bool = False

    def find(self, catalog: Catalog) -> None:
        """Leave off when the request was answered before."""
        since = datetime.now(UTC) - ANSWERS_KEPT
        answer = catalog.answers.get(self.key, self.request_sha256, since)
        if answer is not None:
            raise _Answered(answer)

    def remember(self, writer: Writer, answer: Answer) -> None:
        """Write the answer within a transaction."""
        writer.answers.remember(self.key, self.request_sha256, answer)

    def encode(self, result: Any) -> Answer:
        """Make the answer of what a route returns."""
        return Answer(self.status, self.adapter.dump_json(result))


_ASKED: ContextVar[_Asked | None] = ContextVar("asked", default=None)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="A text unique to this request: within 24 hours, a repeated request is not "
        "carried out again and gets the first answer.",
    ),
]


def once(store: Store, function: Callable[[Store], ResultT]) -> ResultT:
    """Call a function within one transaction, in which the answer is remembered as well.

    Parameters
    ----------
    store : Store
    function : callable
        Is given a store whose transactions are all part of that one. What it returns is what the
        route returns.
    """
    asked = _ASKED.get()
    with store.writer() as writer:
        if asked:
            asked.find(writer)
        result = function(store.joining(writer))
        if asked:
            asked.remember(writer, asked.encode(result))
            asked.is_remembered = True
    return result


async def _look_up(request: Request, key: Key = None) -> None:
    """Leave off when a request with this key was answered before."""
    if key is None:
        return
    route = request.scope["route"]
    asked = _Asked(
        key=RequestKey(_caller(request), key),
        request_sha256=await _digest(request),
        status=route.status_code or 200,
        adapter=TypeAdapter(route.response_model),
    )
    await request.app.state.service.read(asked.find)
    _ASKED.set(asked)
    request.state.asked = asked


class WriteRoute(APIRoute):
    """A route whose requests may have an `Idempotency-Key`, unless it only reads.

    Only what succeeded is remembered: what failed changed nothing, and may be sent again.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if _WRITES & set(options.get("methods") or ()):
            options["dependencies"] = [*(options.get("dependencies") or ()), Depends(_look_up)]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler in what replays an answer."""
        carry_out = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await carry_out(request)
                asked: _Asked | None = getattr(request.state, "asked", None)
                if asked and not asked.is_remembered:
                    service = request.app.state.service
                    await service.write(_remember, service.store, asked, response)
            except _Answered as first:
                headers = {REPLAYED: "true"}
                answer = first.answer
                return Response(answer.body, answer.status, headers, "application/json")
            return response

        return handle


def _remember(store: Store, asked: _Asked, response: Response) -> None:
    """Remember an answer after the fact, of a route that does not write by itself."""
    with store.writer() as writer:
        asked.find(writer)
        asked.remember(writer, Answer(response.status_code, bytes(response.body)))


def _caller(request: Request) -> str:
    principal: Principal | None = getattr(request.state, "principal", None)
    return (principal or ANYBODY).person.id


async def _digest(request: Request) -> bytes:
    """Return what tells two requests apart; the boundary of a form is another one each time."""
    body = await request.body()
    _, _, boundary = request.headers.get("content-type", "").encode().partition(_BOUNDARY)
    if boundary := boundary.partition(b";")[0].strip(b' "'):
        body = body.replace(boundary, b"")
    head = f"{request.method} {request.url.path}?{request.url.query}\n"
    return sha256(head.encode() + body).digest()
