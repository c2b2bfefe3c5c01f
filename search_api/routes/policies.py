"""`/v1/policies`: versions of the policy."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.types import Policy
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(prefix="/v1/policies", tags=["policies"], dependencies=[requires(Scope.ANALYST)])
Version = Annotated[int, Path(ge=1, le=MAX_ID, description="The version.")]


@router.get(
    "",
    operation_id="list_policies",
    summary="List the versions of the policy",
    responses={
        200: examples.answer("Newest first.", examples.page(examples.POLICY)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_policies(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[Policy]:
    """Return a page of the versions; at most the first is in force."""
    before = id_after(cursor) or None
    rows = await service.read(lambda catalog: catalog.policies.page(before=before, limit=limit + 1))
    return page_of(rows, limit, lambda policy: policy.version)


@router.get(
    "/{version}",
    operation_id="get_policy",
    summary="Get a version of the policy",
    responses={
        200: examples.answer("The version.", examples.POLICY),
        **problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def get_policy(version: Version, service: ServiceDependency) -> Policy:
    """Return one version, in force or retired."""
    return await service.read(lambda catalog: catalog.policies.get(version))
