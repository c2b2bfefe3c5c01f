"""`/console/decisions`: what a person decides on a match, and taking it back."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Form, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.decisions import decide
from indexer.images.fingerprints import parse_fingerprint
from indexer.reviews.decisions import undo_decision as take_back_review
from indexer.reviews.upload_reviews import keep_signed_picture
from indexer.store import Store
from indexer.types import (
    Decided,
    FingerprintKind,
    NewDecision,
    Outcome,
    Pdq,
    Signal,
    Tier,
)
from search_api.auth import PrincipalDependency, Scope, require
from search_api.dependencies import ServiceDependency
from search_api.routes.console.screen import READING, screen_router, show
from search_api.schemas import MAX_ID
from search_api.uploads.multipart import UploadDependency

router = screen_router()
_SAID = {
    Outcome.CONFIRMED: "Confirmed",
    Outcome.REJECTED: "Rejected",
    Outcome.ESCALATED: "Escalated",
}


class DecisionForm(BaseModel):
    """The form of a verdict card; an empty field is one that is left out."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    sha256: str
    entry_id: Annotated[int | None, Field(ge=1, le=MAX_ID)] = None
    image_id: Annotated[int | None, Field(ge=1, le=MAX_ID)] = None
    pdq: str | None = None
    pdq_quality: Annotated[int, Field(ge=0, le=100)] = 0
    tier: Tier | None = None
    decided_by: Signal | None = None
    bank: str | None = None
    note: Annotated[str | None, Field(max_length=2000)] = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, fields: Any) -> Any:
        return {name: value for name, value in dict(fields).items() if value != ""}


@router.post("/decisions", dependencies=READING)
async def decide_on_match(
    form: Annotated[DecisionForm, Form()],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Record a decision; answer with what holds now, and a toast that takes it back."""
    if form.bank:
        require(principal, "A decision with a bank", Scope.BANK_WRITE)
    digest = parse_fingerprint(FingerprintKind.SHA256, form.sha256).value
    pdq = parse_fingerprint(FingerprintKind.PDQ, form.pdq).value if form.pdq else None

    def act(store: Store) -> tuple[Decided, list[int]]:
        with store.writer() as writer:
            last = writer.entries.last_id()
        decided = decide(
            store,
            service.signatory(principal.person),
            NewDecision(
                query_sha256=digest,
                outcome=form.outcome,
                entry_id=form.entry_id,
                image_id=None if form.entry_id else form.image_id,
                tier=form.tier,
                decided_by=form.decided_by,
                analyst=principal.name,
                note=form.note,
            ),
            pdq=Pdq(pdq, form.pdq_quality) if pdq and form.pdq_quality else None,
            min_quality=service.settings.pdq_min_quality,
            bank=form.bank,
        )
        with store.writer() as writer:
            return decided, list(range(last + 1, writer.entries.last_id() + 1))

    decided, entries = await service.commit(act)
    if decided.decision is None:
        return show(
            "parts/awaiting.html",
            "Search",
            principal,
            review_id=decided.review_id,
            message=decided.message,
            undo=f"/console/signatures/{decided.review_id}/undo",
        )
    joined = f", and added to {form.bank}" if form.bank else ""
    return show(
        "parts/decided.html",
        "Search",
        principal,
        decisions=[decided.decision],
        bank=form.bank,
        message=decided.message or f"{_SAID[form.outcome]}{joined}.",
        undo=f"/console/decisions/{decided.decision.id}/undo",
        undo_values={"entries": ",".join(map(str, entries))},
    )


@router.post("/decisions/{decision_id}/undo", dependencies=READING)
async def undo_decision(
    decision_id: int,
    service: ServiceDependency,
    principal: PrincipalDependency,
    entries: Annotated[str, Form(pattern=r"^[0-9,]{0,400}$")] = "",
) -> Response:
    """Take a decision back, and out of the bank what joined with it."""
    joined = [int(each) for each in entries.split(",") if each]
    if joined:
        require(principal, "Taking entries out of a bank", Scope.BANK_WRITE)

    def act(store: Store) -> None:
        with store.writer() as writer:
            writer.decisions.take_back(decision_id)
            if joined:
                writer.entries.remove(joined)

    await service.commit(act)
    return show(
        "parts/taken_back.html",
        "Search",
        principal,
        decision_id=decision_id,
        message="Taken back.",
        undo=None,
    )


@router.post("/signatures/{review_id}/picture", dependencies=READING)
async def show_second_person(
    review_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    upload: UploadDependency,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Keep the upload that a first signature is on, small, until the second person has seen it."""
    await service.run(
        keep_signed_picture,
        service.store,
        principal.person,
        review_id,
        upload.data,
        service.settings.image_limits,
    )
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/signatures/{review_id}/undo", dependencies=READING)
async def undo_signature(
    review_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Take a first signature back that a second person has not followed yet."""
    await service.commit(
        lambda store: take_back_review(store, principal.person, review_id, service.reviews)
    )
    return show(
        "parts/taken_back.html",
        "Search",
        principal,
        decision_id=f"signature-{review_id}",
        message="Taken back.",
        undo=None,
    )
