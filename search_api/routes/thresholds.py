"""`/v1/thresholds`: threshold cards."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from indexer.types import ThresholdCard
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(
    prefix="/v1/thresholds", tags=["thresholds"], dependencies=[requires(Scope.ANALYST)]
)
CardId = Annotated[int, Path(ge=1, le=MAX_ID, description="The card.")]
Retired = Annotated[bool, Query(description="Include retired cards.")]


@router.get(
    "",
    operation_id="list_thresholds",
    summary="List threshold cards",
    responses={
        200: examples.answer("Newest first.", examples.page(examples.CARD)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_thresholds(
    service: ServiceDependency,
    retired: Retired = False,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[ThresholdCard]:
    """Return a page of the cards; where there is no card, the setting holds."""
    before = id_after(cursor) or None
    rows = await service.read(
        lambda catalog: catalog.cards.page(retired=retired, before_id=before, limit=limit + 1)
    )
    return page_of(rows, limit, lambda card: card.id)


@router.get(
    "/{card_id}",
    operation_id="get_threshold",
    summary="Get a threshold card",
    responses={
        200: examples.answer("The card.", examples.CARD),
        **problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def get_threshold(card_id: CardId, service: ServiceDependency) -> ThresholdCard:
    """Return one card, in force or retired."""
    return await service.read(lambda catalog: catalog.cards.get(card_id))
