"""`/v1/reviews/leases`: review items that one person has for a while."""

from http import HTTPStatus

from fastapi import APIRouter

from indexer.reviews.decisions import seen_by
from indexer.store import Store
from indexer.types import LeaseRequest, Person, ReviewItem
from search_api.auth import PrincipalDependency, Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import examples, review_examples
from search_api.review_schemas import ItemsToLease, LeasedIds, LeasedItems, Released

router = APIRouter(
    prefix="/v1/reviews/leases", tags=["reviews"], dependencies=[requires(Scope.ANALYST)]
)
PROBLEMS = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
LEASED = examples.answer("The items that are yours now.", review_examples.LEASED)


@router.post(
    "",
    operation_id="lease_reviews",
    summary="Lease review items",
    responses={200: LEASED, **PROBLEMS},
    openapi_extra=examples.request({"queue": "retro_match", "limit": 2}),
)
async def lease(
    request: ItemsToLease, service: ServiceDependency, principal: PrincipalDependency
) -> LeasedItems:
    """Return the next items of a queue, which nobody else gets until your lease ends."""
    wanted = LeaseRequest(
        request.queue,
        limit=request.limit,
        bank=request.bank,
        family=request.family,
        resume=request.resume,
    )

    def take(store: Store) -> list[ReviewItem]:
        with store.leasing() as leases:
            return leases.take(principal.person.id, wanted, service.reviews.lease)

    return _leased(await service.write(take, service.store), principal.person)


@router.post(
    "/renew",
    operation_id="renew_review_leases",
    summary="Renew leases of review items",
    responses={200: LEASED, **PROBLEMS},
    openapi_extra=examples.request({"ids": [41, 42]}),
)
async def renew(
    request: LeasedIds, service: ServiceDependency, principal: PrincipalDependency
) -> LeasedItems:
    """Prolong your leases; items that were taken by another person, or decided, are missing."""

    def prolong(store: Store) -> list[ReviewItem]:
        with store.leasing() as leases:
            return leases.renew(principal.person.id, request.ids, service.reviews.lease)

    return _leased(await service.write(prolong, service.store), principal.person)


@router.post(
    "/release",
    operation_id="release_review_leases",
    summary="Release leases of review items",
    responses={200: examples.answer("How many ended.", {"released": 2}), **PROBLEMS},
    openapi_extra=examples.request({"ids": [41, 42]}),
)
async def release(
    request: LeasedIds, service: ServiceDependency, principal: PrincipalDependency
) -> Released:
    """Give items back, so that others get them at once."""

    def give_back(store: Store) -> int:
        with store.leasing() as leases:
            return leases.release(principal.person.id, request.ids)

    return Released(released=await service.write(give_back, service.store))


def _leased(items: list[ReviewItem], person: Person) -> LeasedItems:
    seen = [seen_by(person, item) for item in items]
    return LeasedItems(items=seen, expires_at=seen[0].lease_expires_at if seen else None)
