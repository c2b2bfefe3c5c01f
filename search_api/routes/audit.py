"""`/v1/audit`: the audit log."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from indexer.store import AuditQuery
from indexer.types import AuditEntry, AuditHead
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import admin_examples, examples
from search_api.pagination import Cursor, Page, PageLimit, id_after, page_of
from search_api.schemas import UtcMoment

router = APIRouter(prefix="/v1/audit", tags=["audit"])
OfAction = Annotated[
    str | None, Query(max_length=64, description="Only actions with this prefix, such as `bank.`.")
]
OfActor = Annotated[
    str | None, Query(max_length=256, description="Only actions of this key or user.")
]
OfSubject = Annotated[
    str | None,
    Query(max_length=256, description="Only actions on this: `bank`, or `bank:7`."),
]
Since = Annotated[
    UtcMoment | None, Query(description="Only events since this time; UTC unless it has a zone.")
]
NewestFirst = Annotated[bool, Query(description="Newest first instead of oldest first.")]


@router.get(
    "",
    dependencies=[requires(Scope.ADMIN)],
    operation_id="list_audit_events",
    summary="List audit events",
    responses={
        200: examples.answer("In the order asked for.", examples.page(admin_examples.AUDIT_ENTRY)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_audit(
    service: ServiceDependency,
    *,
    action: OfAction = None,
    actor: OfActor = None,
    subject: OfSubject = None,
    since: Since = None,
    newest_first: NewestFirst = False,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[AuditEntry]:
    """Return a page of the audit log. Lookups are logged within a second of their answer."""
    query = AuditQuery(
        action=action,
        actor=actor,
        subject=subject,
        since=since,
        newest_first=newest_first,
        cursor=id_after(cursor),
    )
    records = await service.read(lambda catalog: catalog.audit.page(query, limit=limit + 1))
    return page_of([record.shown() for record in records], limit, lambda entry: entry.number)


@router.get(
    "/head",
    dependencies=[requires(Scope.ADMIN)],
    operation_id="get_audit_head",
    summary="Get the head of the audit log",
    responses={
        200: examples.answer("Its last row.", admin_examples.AUDIT_HEAD),
        **problems(HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def head(service: ServiceDependency) -> AuditHead:
    """Return the last row's number and hash. Kept elsewhere, they prove that no row is missing."""
    return await service.read(lambda catalog: catalog.audit.head())
