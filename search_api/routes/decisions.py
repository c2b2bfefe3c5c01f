"""`/v1/decisions`: analysts' decisions on matches."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from indexer.decisions import decide
from indexer.images.fingerprints import parse_fingerprint
from indexer.types import (
    Decided,
    Decision,
    FingerprintKind,
    NewDecision,
    Outcome,
    Pdq,
)
from search_api.auth import PrincipalDependency, Scope, require, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.schemas import DecisionRequest

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], route_class=WriteRoute)
Digest = Annotated[str | None, Query(description="Only decisions on the query with this SHA-256.")]
EntryId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only decisions on this entry.")]
OfOutcome = Annotated[Outcome | None, Query(description="Only decisions with this outcome.")]
Superseded = Annotated[bool, Query(description="Include superseded decisions.")]


@router.post(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="decide",
    summary="Record a decision on a match",
    responses={
        200: examples.answer("As it is remembered.", examples.DECIDED),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra=examples.request(
        {"sha256": examples.SHA256, "entry_id": 17, "outcome": "rejected", "note": "a statue"}
    ),
)
async def post_decision(
    request: DecisionRequest, service: ServiceDependency, principal: PrincipalDependency
) -> Decided:
    """Record a decision, which replaces the earlier one on the same match.

    Where two persons must sign, `decision` is null until the second one has.

    A query that joins a bank does so in the same transaction: as an image if the index holds these
    bytes, else as bare fingerprints.
    """
    if request.bank:
        require(principal, "A decision with a bank", Scope.BANK_WRITE)
    digest = parse_fingerprint(FingerprintKind.SHA256, request.sha256)
    pdq = (
        parse_fingerprint(FingerprintKind.PDQ, request.pdq)
        if request.pdq and request.pdq_quality
        else None
    )
    new = NewDecision(
        query_sha256=digest.value,
        outcome=request.outcome,
        entry_id=request.entry_id,
        image_id=request.image_id,
        tier=request.tier,
        decided_by=request.decided_by,
        analyst=request.analyst,
        note=request.note,
    )
    return await service.commit(
        lambda store: decide(
            store,
            service.signatory(principal.person),
            new,
            pdq=Pdq(pdq.value, request.pdq_quality) if pdq else None,
            min_quality=service.settings.pdq_min_quality,
            bank=request.bank,
        )
    )


@router.get(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_decisions",
    summary="List decisions",
    responses={
        200: examples.answer("Oldest first.", examples.page(examples.DECISION)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_decisions(
    service: ServiceDependency,
    *,
    sha256: Digest = None,
    entry: EntryId = None,
    outcome: OfOutcome = None,
    superseded: Superseded = False,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[Decision]:
    """Return a page of the decisions in force."""
    digest = parse_fingerprint(FingerprintKind.SHA256, sha256).value if sha256 else None
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.decisions.page(
            after_id=after,
            limit=limit + 1,
            query_sha256=digest,
            entry_id=entry,
            outcome=outcome,
            superseded=superseded,
        )
    )
    return page_of(rows, limit, lambda decision: decision.id)
