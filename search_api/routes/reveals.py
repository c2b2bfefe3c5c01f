"""`/v1/reveals`: pictures without their veil, seen for the record."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from indexer.reviews.picture_access import end_reveal, reveal_image, reveal_item, revealed_picture
from indexer.store import Store
from indexer.types import Reveal, Scope, allows
from search_api.auth import PrincipalDependency, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, review_examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.review_schemas import EndOfReveal, OpenedReveal, RevealRequest

router = APIRouter(prefix="/v1/reveals", tags=["reviews"], route_class=WriteRoute)
RevealId = Annotated[int, Path(ge=1, le=MAX_ID, description="The reveal.")]
OfImage = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only those of this image.")]
Mine = Annotated[bool, Query(description="Only your own, which is all unless you are admin.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)
OF_BODY = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@router.post(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="reveal_picture",
    status_code=HTTPStatus.CREATED,
    summary="Reveal a picture",
    responses={
        201: examples.answer("The reveal, and where the picture is.", review_examples.OPENED),
        **UNKNOWN,
        **OF_BODY,
    },
    openapi_extra=examples.request({"image_id": 4211, "reason": "The veil hides the face."}),
)
async def post_reveal(
    request: RevealRequest, service: ServiceDependency, principal: PrincipalDependency
) -> OpenedReveal:
    """Write down that you look at a picture, and return where it can be seen for a few minutes."""
    lease, person = timedelta(seconds=service.reveal_seconds), principal.person

    def reveal(store: Store) -> OpenedReveal:
        if request.review_id is not None:
            seen = reveal_item(store, person, request.review_id, request.reason, lease=lease)
        else:
            seen = reveal_image(store, person, request.image_id or 0, request.reason, lease=lease)
        return OpenedReveal.of(seen)

    return await service.commit(reveal)


@router.get(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_reveals",
    summary="List reveals",
    responses={
        200: examples.answer("Newest first.", examples.page(review_examples.REVEAL)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_reveals(
    service: ServiceDependency,
    principal: PrincipalDependency,
    image: OfImage = None,
    mine: Mine = False,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[Reveal]:
    """Return a page of your reveals; an admin gets those of everyone."""
    before = id_after(cursor) or None
    own = mine or not allows(principal.scopes, Scope.ADMIN)
    rows = await service.read(
        lambda catalog: catalog.reveals.page(
            person=principal.person.id if own else None,
            image_id=image,
            before_id=before,
            limit=limit + 1,
        )
    )
    return page_of(rows, limit, lambda reveal: reveal.id)


@router.get(
    "/{reveal_id}/picture",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="get_revealed_picture",
    summary="Get a revealed picture",
    response_class=Response,
    responses={
        200: {"description": "The picture as a JPEG.", "content": {"image/jpeg": {}}},
        **UNKNOWN,
    },
)
async def get_picture(
    reveal_id: RevealId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Return the picture, to the person who revealed it and until the reveal ends."""
    jpeg = await service.read(
        lambda catalog: revealed_picture(catalog, principal.person, reveal_id)
    )
    return Response(jpeg, media_type="image/jpeg")


@router.post(
    "/{reveal_id}/end",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="end_reveal",
    summary="End a reveal",
    responses={
        200: examples.answer("The reveal.", review_examples.ENDED),
        **UNKNOWN,
        **OF_BODY,
    },
    openapi_extra=examples.request({"seconds": 4.2}),
)
async def post_end(
    reveal_id: RevealId,
    request: EndOfReveal,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Reveal:
    """Cover your picture again, and write down how long it was seen; repeating changes nothing."""
    return await service.commit(
        lambda store: end_reveal(store, principal.person, reveal_id, request.seconds)
    )
