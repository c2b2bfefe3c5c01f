"""`/status`, `/status/live` and `/site-map`: HMA's probes and paths."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from indexer.errors import UnavailableError
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.routes.hma.messages import answers, hma_router

router = hma_router()
_ALIVE: Final = "I-AM-ALIVE"
_STALE: Final = "INDEX-STALE"


def _text(description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string"}
    content = {"text/plain": {"schema": schema, "example": example}}
    return {"description": description, "content": content}


@router.get(
    "/status",
    response_class=PlainTextResponse,
    summary="Check that the index is current",
    responses={
        200: _text("It does.", _ALIVE),
        503: _text("It could not be read lately.", _STALE),
    },
)
async def status(service: ServiceDependency) -> Response:
    """Answer like `/readyz`, in HMA's format."""
    try:
        service.follower.check()
    except UnavailableError:
        return PlainTextResponse(_STALE, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"})
    return PlainTextResponse(_ALIVE)


@router.get(
    "/status/live",
    response_class=PlainTextResponse,
    summary="Check that the process is alive",
    responses={200: _text("It does.", _ALIVE)},
)
async def live() -> str:
    """Answer as long as the process can, whatever the state of the index."""
    return _ALIVE


@router.get(
    "/site-map",
    dependencies=[requires(Scope.CHECK)],
    summary="List the paths of all routes",
    responses=answers(HTTPStatus.OK, "Sorted.", ["/c/banks", "/h/hash"]),
)
async def site_map(request: Request) -> list[str]:
    """List the paths of all routes."""
    return sorted(request.app.openapi()["paths"])
