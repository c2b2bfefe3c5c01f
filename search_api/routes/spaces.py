"""`/v1/spaces`: the embedding spaces of the index."""

from http import HTTPStatus

from fastapi import APIRouter

from indexer.types import SpaceSummary
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples, index_examples
from search_api.pagination import Page

router = APIRouter(prefix="/v1/spaces", tags=["spaces"], dependencies=[requires(Scope.ANALYST)])


@router.get(
    "",
    operation_id="list_spaces",
    summary="List embedding spaces",
    responses={
        200: examples.answer("All of them, by id.", examples.page(index_examples.SPACE_SUMMARY)),
        **problems(HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_spaces(service: ServiceDependency) -> Page[SpaceSummary]:
    """Return every embedding space with what it holds, on one page."""
    spaces = await service.read(lambda catalog: catalog.gauges.spaces())
    return Page(items=spaces, next_cursor=None)
