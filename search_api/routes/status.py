"""`/v1/status`: counts and state of the index."""

from functools import partial
from http import HTTPStatus

from fastapi import APIRouter

from indexer.types import Status
from indexer.upkeep.status import read_status
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples, index_examples

router = APIRouter(prefix="/v1/status", tags=["status"])


@router.get(
    "",
    operation_id="get_status",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get the status of the index",
    responses={
        200: examples.answer("As `lookalike status --json` says it.", index_examples.STATUS),
        **problems(HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def get_status(service: ServiceDependency) -> Status:
    """Return counts, banks, the embedding space and the snapshots of the views."""
    return await service.pools.reads.run(partial(read_status, service.store, service.settings))
