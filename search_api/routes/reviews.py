"""`/v1/reviews`: what people are to decide, and what they decided."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from indexer.images.veils import DEFAULT_STRENGTH
from indexer.reviews.decisions import decide_item, decide_items, seen_by, undo_decision
from indexer.reviews.outcomes import Said
from indexer.reviews.picture_access import preview_item
from indexer.reviews.rules import reasons_in_force
from indexer.store import Store
from indexer.types import QueueKind, ReviewFilter, ReviewItem, ReviewState, Severity, Veil
from search_api.auth import PrincipalDependency, Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, review_examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.review_schemas import (
    BulkReviewDecided,
    BulkReviewDecision,
    Queues,
    Reason,
    Reasons,
    ReviewDecision,
)
from search_api.veil_params import VEILED, OfVeil, Size, Strength

router = APIRouter(
    prefix="/v1/reviews",
    tags=["reviews"],
    route_class=WriteRoute,
    dependencies=[requires(Scope.ANALYST)],
)
ItemId = Annotated[int, Path(ge=1, le=MAX_ID, description="The review item.")]
OfQueue = Annotated[QueueKind | None, Query(description="Only items of this queue.")]
OfBank = Annotated[str | None, Query(description="Only items of this bank.")]
OfSeverity = Annotated[Severity | None, Query(description="Only items of this severity.")]
State = Annotated[ReviewState | None, Query(description="Only items in this state.")]
OfImage = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only about this image.")]
Leased = Annotated[bool, Query(description="Only items that you have now or had last.")]
Decided = Annotated[bool, Query(description="Only items that you decided.")]
LISTED = problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
UNKNOWN = {**problems(HTTPStatus.NOT_FOUND), **LISTED}
OF_BODY = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
TAKEN = problems(HTTPStatus.CONFLICT)


@router.get(
    "",
    operation_id="list_reviews",
    summary="List review items",
    responses={
        200: examples.answer("Oldest first.", examples.page(review_examples.ITEM)),
        **LISTED,
    },
)
async def list_items(
    service: ServiceDependency,
    principal: PrincipalDependency,
    *,
    queue: OfQueue = None,
    bank: OfBank = None,
    severity: OfSeverity = None,
    state: State = None,
    image: OfImage = None,
    leased: Leased = False,
    decided: Decided = False,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[ReviewItem]:
    """Return a page of the review items, with their evidence."""
    after, person = id_after(cursor), principal.person
    wanted = ReviewFilter(
        queue=queue,
        bank=bank,
        severity=severity,
        state=state,
        image_id=image,
        leased_by=person.id if leased else None,
        decided_by=person.id if decided else None,
    )
    rows = await service.read(
        lambda catalog: catalog.reviews.page(wanted, after_id=after, limit=limit + 1)
    )
    return page_of([seen_by(person, row) for row in rows], limit, lambda item: item.id)


@router.get(
    "/queues",
    operation_id="list_review_queues",
    summary="List review queues",
    responses={
        200: examples.answer("Those that have open items.", review_examples.QUEUES),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_queues(service: ServiceDependency) -> Queues:
    """Return how many items are open and leased, and since when, by queue, bank and severity."""
    found = await service.read(lambda catalog: catalog.reviews.queues(datetime.now(UTC)))
    return Queues(queues=found)


@router.get(
    "/reasons",
    operation_id="list_review_reasons",
    summary="List reasons of decisions",
    responses={
        200: examples.answer("In the order of the policy.", review_examples.REASONS),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_reasons(service: ServiceDependency) -> Reasons:
    """Return the reasons that the policy in force lists; where it lists any, decisions need one."""
    found = await service.read(reasons_in_force)
    return Reasons(reasons=[Reason.model_validate(reason) for reason in found])


@router.post(
    "/decisions",
    operation_id="decide_reviews",
    summary="Decide several review items",
    responses={
        200: examples.answer("What became of each.", review_examples.BULK_DECIDED),
        **LISTED,
        **OF_BODY,
    },
    openapi_extra=examples.request(
        {"ids": [41, 42], "outcome": "confirmed", "reason": "copy", "preview": True}
    ),
)
async def post_decisions(
    request: BulkReviewDecision, service: ServiceDependency, principal: PrincipalDependency
) -> BulkReviewDecided:
    """Decide items in one transaction; those that you cannot decide are left out, and named."""
    person, preview = principal.person, request.preview

    def decide(store: Store) -> BulkReviewDecided:
        said = Said(request.outcome, request.reason, request.note)
        bulk = decide_items(store, person, request.ids, said, service.reviews, preview=preview)
        seen = [seen_by(person, item) for item in bulk.decided]
        return BulkReviewDecided(decided=seen, left_out=bulk.left_out, preview=preview)

    return await service.commit(decide)


@router.get(
    "/{item_id}",
    operation_id="get_review",
    summary="Get a review item",
    responses={200: examples.answer("The item.", review_examples.ITEM), **UNKNOWN},
)
async def get_item(
    item_id: ItemId, service: ServiceDependency, principal: PrincipalDependency
) -> ReviewItem:
    """Return one item; what was decided is hidden while a second person is to sign."""
    item = await service.read(lambda catalog: catalog.reviews.get(item_id))
    return seen_by(principal.person, item)


@router.get(
    "/{item_id}/preview",
    operation_id="preview_review",
    summary="Get the picture of a review item behind a veil",
    response_class=Response,
    responses={**VEILED, **UNKNOWN},
)
async def get_preview(
    item_id: ItemId,
    service: ServiceDependency,
    veil: OfVeil = Veil.BLUR,
    strength: Strength = DEFAULT_STRENGTH,
    size: Size = 192,
) -> Response:
    """Return the stored image, or the upload while it is kept, veiled here."""
    jpeg = await service.read(
        lambda catalog: preview_item(catalog, item_id, veil, strength=strength, size=size)
    )
    return Response(jpeg, media_type="image/jpeg")


@router.post(
    "/{item_id}/decision",
    operation_id="decide_review",
    summary="Decide a review item",
    responses={
        200: examples.answer("The item.", review_examples.DECIDED_ITEM),
        **UNKNOWN,
        **TAKEN,
        **OF_BODY,
    },
    openapi_extra=examples.request({"outcome": "confirmed", "reason": "copy"}),
)
async def post_decision(
    item_id: ItemId,
    request: ReviewDecision,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> ReviewItem:
    """Decide an item that nobody else has; where two must sign, it takes effect with the second."""
    person = principal.person
    said = Said(request.outcome, request.reason, request.note)
    return await service.commit(
        lambda store: decide_item(store, person, item_id, said, service.reviews)
    )


@router.post(
    "/{item_id}/undo",
    operation_id="undo_review",
    summary="Undo your decision on a review item",
    responses={
        200: examples.answer("The item, open again and yours.", review_examples.LEASED_ITEM),
        **UNKNOWN,
        **TAKEN,
    },
)
async def post_undo(
    item_id: ItemId, service: ServiceDependency, principal: PrincipalDependency
) -> ReviewItem:
    """Take your decision and its effects back, unless it is too old or others acted on it."""
    return await service.commit(
        lambda store: undo_decision(store, principal.person, item_id, service.reviews)
    )


@router.post(
    "/{item_id}/skip",
    operation_id="skip_review",
    summary="Skip a review item",
    responses={200: examples.answer("The item.", review_examples.ITEM), **UNKNOWN},
)
async def post_skip(
    item_id: ItemId, service: ServiceDependency, principal: PrincipalDependency
) -> ReviewItem:
    """Put an item at the end of its queue; your lease of it ends."""

    def skip(store: Store) -> ReviewItem:
        with store.leasing() as leases:
            return seen_by(principal.person, leases.skip(principal.person.id, item_id))

    return await service.write(skip, service.store)
