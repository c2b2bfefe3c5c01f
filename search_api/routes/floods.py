"""`/v1/floods`: flags of entries with a surge of matches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from indexer.reviews.flood_resolution import resolve_flood
from indexer.types import Flood, FloodState
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, index_examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(prefix="/v1/floods", tags=["floods"], route_class=WriteRoute)
FlagId = Annotated[int, Path(ge=1, le=MAX_ID, description="The flag.")]
State = Annotated[FloodState | None, Query(description="Only flags in this state.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_floods",
    summary="List flood flags",
    responses={
        200: examples.answer("Oldest first.", examples.page(index_examples.FLOOD)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_floods(
    service: ServiceDependency,
    state: State = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[Flood]:
    """Return a page of the flags."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.floods.page(state=state, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda flag: flag.id)


@router.post(
    "/{flood_id}/quarantine",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="quarantine_flood",
    summary="Disable the entry of a flood flag",
    responses={
        200: examples.answer("The flag.", {**index_examples.FLOOD, "state": "quarantined"}),
        **UNKNOWN,
        **problems(HTTPStatus.CONFLICT),
    },
)
async def quarantine(flood_id: FlagId, service: ServiceDependency) -> Flood:
    """Disable the entry until the flag is dismissed; repeating this changes nothing."""
    return await service.commit(
        lambda store: resolve_flood(store, service.reviews, flood_id, FloodState.QUARANTINED)
    )


@router.post(
    "/{flood_id}/dismiss",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="dismiss_flood",
    summary="Dismiss a flood flag",
    responses={
        200: examples.answer("The flag.", {**index_examples.FLOOD, "state": "dismissed"}),
        **UNKNOWN,
        **problems(HTTPStatus.CONFLICT),
    },
)
async def dismiss(flood_id: FlagId, service: ServiceDependency) -> Flood:
    """Dismiss a flag; if its entry was quarantined, the entry is enabled again."""
    return await service.commit(
        lambda store: resolve_flood(store, service.reviews, flood_id, FloodState.DISMISSED)
    )
