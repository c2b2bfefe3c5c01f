"""`/v1/banks`: named sets of reference entries."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.store import BankDetails, Store
from indexer.types import Bank
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, index_examples
from search_api.pagination import Cursor, Page, PageLimit, id_after, page_of
from search_api.schemas import BankEdit, NewBank, RemovedBank

router = APIRouter(prefix="/v1/banks", tags=["banks"], route_class=WriteRoute)
BankName = Annotated[str, Path(description="The bank's name.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)
UNUSABLE_BODY = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.get(
    "",
    operation_id="list_banks",
    dependencies=[requires(Scope.ANALYST)],
    summary="List banks",
    responses={
        200: examples.answer("Oldest first.", examples.page(index_examples.BANK)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_banks(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[Bank]:
    """Return a page of the banks."""
    after = id_after(cursor)
    rows = await service.read(lambda catalog: catalog.banks.page(after_id=after, limit=limit + 1))
    return page_of(rows, limit, lambda bank: bank.id)


@router.post(
    "",
    operation_id="create_bank",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Create a bank",
    status_code=HTTPStatus.CREATED,
    responses={
        201: examples.answer("The bank.", index_examples.BANK | {"entry_count": 0}),
        **UNUSABLE_BODY,
        **problems(HTTPStatus.CONFLICT),
    },
    openapi_extra=examples.request(
        {"name": "known-unsafe", "kind": "block", "category": "spam", "severity": "high"}
    ),
)
async def create_bank(request: NewBank, service: ServiceDependency) -> Bank:
    """Create a bank; one that exists with the same kind is returned unchanged."""
    details = BankDetails(request.category, request.severity, request.notes, request.owner)

    def create(store: Store) -> Bank:
        with store.writer() as writer:
            return writer.banks.create(request.name, request.kind, details)

    return await service.commit(create)


@router.get(
    "/{name}",
    operation_id="get_bank",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get a bank",
    responses={200: examples.answer("The bank.", index_examples.BANK), **UNKNOWN},
)
async def get_bank(name: BankName, service: ServiceDependency) -> Bank:
    """Return one bank, with the number of its entries."""
    return await service.read(lambda catalog: catalog.banks.get(name))


@router.patch(
    "/{name}",
    operation_id="edit_bank",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Edit a bank",
    responses={
        200: examples.answer("The bank as it is now.", index_examples.BANK),
        **UNKNOWN,
        **UNUSABLE_BODY,
    },
    openapi_extra=examples.request({"severity": "high", "owner": "Ana", "notes": ""}),
)
async def edit_bank(name: BankName, request: BankEdit, service: ServiceDependency) -> Bank:
    """Change a bank's details, or disable or enable it as a whole."""
    details = BankDetails(request.category, request.severity, request.notes, request.owner)

    def edit(store: Store) -> Bank:
        with store.writer() as writer:
            return writer.banks.edit(name, enabled=request.enabled, details=details)

    return await service.commit(edit)


@router.delete(
    "/{name}",
    operation_id="remove_bank",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete a bank with all its entries",
    responses={200: examples.answer("It is removed.", index_examples.REMOVED_BANK), **UNKNOWN},
)
async def remove_bank(name: BankName, service: ServiceDependency) -> RemovedBank:
    """Remove a bank with its entries; the images stay in the index."""

    def remove(store: Store) -> RemovedBank:
        with store.writer() as writer:
            return RemovedBank(bank=name, entries=writer.banks.remove(name))

    return await service.commit(remove)
