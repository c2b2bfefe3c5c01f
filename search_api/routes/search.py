"""`/v1/search` and `/v1/classify`: ask about a picture."""

from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from indexer.types import Classification, Verdict
from search_api import examples
from search_api.auth import Scope, requires
from search_api.dependencies import BankNames, ServiceDependency, TopK
from search_api.errors import problems
from search_api.lookups import Lookup, some
from search_api.uploads import REQUEST_BODY, UploadDependency

router = APIRouter(prefix="/v1", tags=["search"])
UNUSABLE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

LookalikeThreshold = Annotated[
    float | None,
    Query(ge=-1, le=1, description="Cosine from which a match is a lookalike."),
]
Tiles = Annotated[
    bool,
    Query(description="Cut a large picture into tiles and match each; more false matches."),
]


@router.post(
    "/search",
    dependencies=[requires(Scope.CHECK)],
    summary="Is this picture a copy or a lookalike of something known?",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("The verdict with its evidence.", examples.VERDICT),
        **problems(*UNUSABLE, HTTPStatus.NOT_FOUND),
    },
)
async def search(
    upload: UploadDependency,
    service: ServiceDependency,
    k: TopK = 10,
    bank: BankNames = None,
    threshold: LookalikeThreshold = None,
    tiles: Tiles = False,  # noqa: FBT002 -- FastAPI's way to declare a parameter
) -> Verdict:
    """Judge one picture; the same answer as `lookalike search --json`."""
    verdict = await service.run(
        service.matcher.match,
        upload.data,
        upload.name,
        k=k,
        banks=bank or (),
        threshold=threshold,
        tiles=tiles,
    )
    service.lookups.record(
        Lookup.SEARCH,
        subject_id=verdict.sha256,
        tier=verdict.tier,
        banks=verdict.banks,
        **some(verdict.hits),
        k=k,
        asked=bank or [],
        model=verdict.model,
    )
    service.hits.record(verdict)
    return verdict


@router.post(
    "/classify",
    dependencies=[requires(Scope.CHECK)],
    summary="What does the model say of this picture?",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("Class probabilities.", examples.CLASSIFICATION),
        **problems(*UNUSABLE),
    },
)
async def classify(upload: UploadDependency, service: ServiceDependency) -> Classification:
    """Return the class probabilities of one picture; nothing is searched."""
    answer = await service.run(service.matcher.classifier.classify, upload.data, upload.name)
    digest = sha256(upload.data).hexdigest()
    service.lookups.record(Lookup.CLASSIFY, subject_id=digest, model=answer.model)
    return answer
