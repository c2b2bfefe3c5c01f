"""`/v1/retro-scans`: retro-scans and their matches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.types import RetroMatch, RetroScan
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.schemas import ScanRequest

router = APIRouter(prefix="/v1/retro-scans", tags=["retro-scans"], route_class=WriteRoute)
ScanId = Annotated[int, Path(ge=1, le=MAX_ID, description="The scan.")]
PROBLEMS = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.post(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="start_retro_scan",
    summary="Start a retro-scan",
    responses={
        200: examples.answer("The scan as it begins.", examples.SCAN),
        **PROBLEMS,
        **problems(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    },
    openapi_extra=examples.request({"bank": "known-unsafe"}),
)
async def start_scan(request: ScanRequest, service: ServiceDependency) -> RetroScan:
    """Start a retro-scan, or continue an interrupted one; the server runs one at a time."""
    return await service.write(service.scans.start, request.bank, request.since)


@router.get(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_retro_scans",
    summary="List retro-scans",
    responses={
        200: examples.answer("Oldest first.", examples.page(examples.SCAN)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_scans(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[RetroScan]:
    """Return a page of the retro-scans of all programs."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.retro_scans.page(after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda scan: scan.id)


@router.get(
    "/{scan_id}",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="get_retro_scan",
    summary="Get a retro-scan",
    responses={200: examples.answer("The scan as it is now.", examples.SCAN), **PROBLEMS},
)
async def get_scan(scan_id: ScanId, service: ServiceDependency) -> RetroScan:
    """Return one retro-scan, whichever program runs it."""
    return await service.read(lambda catalog: catalog.retro_scans.get(scan_id))


@router.get(
    "/{scan_id}/matches",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_retro_matches",
    summary="List a retro-scan's matches",
    responses={
        200: examples.answer("In the order found.", examples.page(examples.RETRO_MATCH)),
        **PROBLEMS,
    },
)
async def list_matches(
    scan_id: ScanId, service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[RetroMatch]:
    """Return a page of the stored images that match, also while the scan is running."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.retro_scans.matches(scan_id, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda match: match.id)
