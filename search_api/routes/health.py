"""`/healthz` and `/readyz`: for load balancers."""

from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """The views follow the log."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: str
    """Always `ready`; a server that is not ready answers 503."""
    watermark: int
    """The last change of the log that the views have applied."""
    warnings: list[str]
    """What is slower or less certain than it should be; the server answers all the same."""


@router.get(
    "/healthz",
    operation_id="get_health",
    summary="Check that the process is alive",
    responses={200: examples.answer("Alive.", {"status": "alive"})},
)
async def healthz() -> Health:
    """Answer as long as the process can, whatever the state of the database."""
    return Health(status="alive")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Check that the views are current",
    responses={
        200: examples.answer("Ready.", {"status": "ready", "watermark": 90210, "warnings": []}),
        **problems(HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def readyz(service: ServiceDependency) -> Readiness:
    """Answer 503 if the log could not be read recently."""
    return Readiness(
        status="ready",
        watermark=service.follower.check(),
        warnings=service.matcher.recall_guard.warnings,
    )
