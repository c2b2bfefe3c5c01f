"""`/v1/classify` and `/v1/embed`: class probabilities and embeddings of images."""

from functools import partial
from hashlib import sha256
from http import HTTPStatus

from fastapi import APIRouter

from indexer.types import Classification, Embedded
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.errors import problems
from search_api.jobs.lookup_audit import Lookup
from search_api.openapi import examples
from search_api.schemas import ClassifiedItem, ClassifiedItems
from search_api.uploads.batch_uploads import BATCH_BODY, UploadsDependency, answer_each
from search_api.uploads.multipart import REQUEST_BODY, UNUSABLE, Upload, UploadDependency

router = APIRouter(prefix="/v1", tags=["model"], dependencies=[requires(Scope.CHECK)])


async def _classify(service: Service, upload: Upload) -> Classification:
    answer = await service.run(service.matcher.classifier.classify, upload.data, upload.name)
    digest = sha256(upload.data).hexdigest()
    service.lookups.record(Lookup.CLASSIFY, subject_id=digest, model=answer.model)
    return answer


@router.post(
    "/classify",
    operation_id="classify",
    summary="Classify an image",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("Class probabilities.", examples.CLASSIFICATION),
        **problems(*UNUSABLE),
    },
)
async def classify(upload: UploadDependency, service: ServiceDependency) -> Classification:
    """Return the class probabilities of one image, without a search."""
    return await _classify(service, upload)


@router.post(
    "/classify/batch",
    operation_id="classify_batch",
    summary="Classify several images",
    openapi_extra=BATCH_BODY,
    responses={
        200: examples.answer("Class probabilities or a problem for each.", examples.CLASSIFIED),
        **problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
)
async def classify_batch(uploads: UploadsDependency, service: ServiceDependency) -> ClassifiedItems:
    """Classify each image; an invalid image does not fail the others."""
    answered = await answer_each(uploads, partial(_classify, service))
    return ClassifiedItems(
        items=[
            ClassifiedItem(query=name, classification=found, problem=problem)
            for name, found, problem in answered
        ]
    )


@router.post(
    "/embed",
    operation_id="embed",
    summary="Embed an image",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("The embedding, and its space.", examples.EMBEDDED),
        **problems(*UNUSABLE),
    },
)
async def embed(upload: UploadDependency, service: ServiceDependency) -> Embedded:
    """Return the embedding of one image, which `POST /v1/search/vector` accepts."""
    answer = await service.run(service.matcher.classifier.embed, upload.data, upload.name)
    digest = sha256(upload.data).hexdigest()
    service.lookups.record(Lookup.EMBED, subject_id=digest, model=answer.model)
    return answer
