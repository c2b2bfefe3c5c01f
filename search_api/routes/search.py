"""`/v1/search`: search by image, vector, fingerprint or stored image."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from indexer import matching
from indexer.images.fingerprints import parse_fingerprint
from indexer.matching import SearchOptions
from indexer.reviews.upload_reviews import review_upload
from indexer.types import Action, PartialVerdict, Verdict
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.errors import problems
from search_api.jobs.lookup_audit import Lookup, some
from search_api.openapi import examples
from search_api.pagination import MAX_ID
from search_api.schemas import FingerprintRequest, SearchedItem, SearchedItems, VectorRequest
from search_api.search_params import FingerprintOptions, OptionsDependency
from search_api.uploads.batch_uploads import BATCH_BODY, UploadsDependency, answer_each
from search_api.uploads.multipart import REQUEST_BODY, UNUSABLE, Upload, UploadDependency

router = APIRouter(prefix="/v1/search", tags=["search"], dependencies=[requires(Scope.CHECK)])
VECTOR_PATH = f"{router.prefix}/vector"
"""Where a body holds as many values as an embedding has dimensions."""

ImageId = Annotated[int, Path(ge=1, le=MAX_ID, description="The stored image.")]
Tiles = Annotated[
    bool,
    Query(description="Also match tiles of a large image; more false matches."),
]


Review = Annotated[
    bool,
    Query(description="Let people review the image; the header X-Review-Id names the item."),
]


async def _judge(
    service: Service,
    options: SearchOptions,
    tiles: bool,
    review: bool,
    upload: Upload,
) -> tuple[Verdict, int | None]:
    """Return the verdict on an upload, and the item of its review, if there is one."""
    answer = await service.run(
        service.matcher.answer_in_full,
        matching.Query.picture(upload.data, upload.name, tiles=tiles),
        options,
    )
    verdict = answer.verdict
    record_lookup(service, verdict, options, subject_id=verdict.sha256)
    service.hits.record(verdict)
    service.verdicts.record(verdict, answer.evidence)
    if not (review or (service.review_uploads and verdict.action is Action.REVIEW)):
        return verdict, None
    item = await service.write(
        review_upload,
        service.store,
        service.matcher.thresholds,
        verdict,
        upload.data,
        service.settings.image_limits,
    )
    return verdict, item


def record_lookup(
    service: Service,
    verdict: Verdict | PartialVerdict,
    options: SearchOptions,
    *,
    subject: str = "query",
    subject_id: object,
) -> None:
    """Write down who asked for what, and what was answered."""
    service.lookups.record(
        Lookup.SEARCH,
        subject=subject,
        subject_id=subject_id,
        tier=verdict.tier,
        banks=verdict.banks,
        **some(verdict.hits),
        k=options.k,
        asked=list(options.banks),
        model=verdict.model,
        **_ruled(verdict),
    )


def _ruled(verdict: Verdict | PartialVerdict) -> dict[str, Any]:
    """Return the action with the policy's version and rule, for the detail of a row."""
    if verdict.policy is None:
        return {}
    return {
        "action": verdict.action,
        "policy": verdict.policy.version,
        "rule": verdict.policy.rule,
    }


@router.post(
    "",
    operation_id="search",
    summary="Search with an image",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("The verdict with its evidence.", examples.VERDICT),
        **problems(*UNUSABLE, HTTPStatus.NOT_FOUND),
    },
)
async def search(
    upload: UploadDependency,
    service: ServiceDependency,
    options: OptionsDependency,
    response: Response,
    tiles: Tiles = False,
    review: Review = False,
) -> Verdict:
    """Return the verdict on one image, as `lookalike search --json` does."""
    verdict, item = await _judge(service, options, tiles, review, upload)
    if item is not None:
        response.headers["X-Review-Id"] = str(item)
    return verdict


@router.post(
    "/batch",
    operation_id="search_batch",
    summary="Search with several images",
    openapi_extra=BATCH_BODY,
    responses={
        200: examples.answer("A verdict or a problem for each.", examples.SEARCHED),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
)
async def search_batch(
    uploads: UploadsDependency,
    service: ServiceDependency,
    options: OptionsDependency,
    tiles: Tiles = False,
    review: Review = False,
) -> SearchedItems:
    """Return a verdict for each image; an invalid image does not fail the others."""
    await service.read(lambda catalog: [catalog.banks.id_of(name) for name in options.banks])

    async def judge_one(upload: Upload) -> Verdict:
        verdict, _ = await _judge(service, options, tiles, review, upload)
        return verdict

    answered = await answer_each(uploads, judge_one)
    return SearchedItems(
        items=[
            SearchedItem(query=name, verdict=verdict, problem=problem)
            for name, verdict, problem in answered
        ]
    )


@router.post(
    "/vector",
    operation_id="search_vector",
    summary="Search with an embedding",
    responses={
        200: examples.answer("The verdict with its evidence.", examples.PARTIAL_VERDICT),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra=examples.request(examples.VECTOR_REQUEST),
)
async def search_vector(
    request: VectorRequest, service: ServiceDependency, options: OptionsDependency
) -> PartialVerdict:
    """Search with an embedding from `POST /v1/embed`; 409 if it is from another model."""
    query = matching.Query.vector(request.vector, request.model)
    verdict = await service.run(service.matcher.answer, query, options)
    record_lookup(service, verdict, options, subject_id=verdict.query)
    return verdict


@router.post(
    "/fingerprint",
    operation_id="search_fingerprint",
    summary="Search with a fingerprint",
    responses={
        200: examples.answer("The verdict with its evidence.", examples.FINGERPRINT_VERDICT),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra=examples.request(examples.FINGERPRINT_REQUEST),
)
async def search_fingerprint(
    request: FingerprintRequest, service: ServiceDependency, options: FingerprintOptions
) -> PartialVerdict:
    """Search with a fingerprint: SHA-256 and MD5 match the same bytes, PDQ within its threshold."""
    query = matching.Query.fingerprint(parse_fingerprint(request.kind, request.value))
    verdict = await service.run(service.matcher.answer, query, options)
    record_lookup(service, verdict, options, subject_id=verdict.query)
    return verdict


@router.post(
    "/image/{image_id}",
    operation_id="search_image",
    summary="Search with a stored image",
    responses={
        200: examples.answer("The verdict with its evidence.", examples.STORED_VERDICT),
        **problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def search_image(
    image_id: ImageId, service: ServiceDependency, options: OptionsDependency
) -> Verdict:
    """Return the verdict on a stored image by its stored signals; the image itself is left out."""
    verdict = await service.run(
        service.matcher.answer, matching.Query.stored_image(image_id), options
    )
    record_lookup(service, verdict, options, subject="image", subject_id=image_id)
    return verdict
