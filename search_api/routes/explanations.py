"""`/v1/explanations`: which regions of an image explain a class score or a match."""

from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from indexer.attribution import draw_class_map, draw_match, explain_class, explain_match
from indexer.types import ClassMap, MatchRegions
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.errors import problems
from search_api.jobs.lookup_audit import Lookup
from search_api.openapi import examples
from search_api.pagination import MAX_ID
from search_api.uploads.multipart import REQUEST_BODY, UNUSABLE, Upload, UploadDependency

router = APIRouter(prefix="/v1/explanations", tags=["model"])

Label = Annotated[
    str | None,
    Query(alias="class", min_length=1, description="The class; by default the likeliest."),
]
ImageId = Annotated[int, Query(ge=1, le=MAX_ID, description="The stored image.")]
_PNG = {"description": "A PNG, grey and blurred.", "content": {"image/png": {}}}


async def _explain_class(service: Service, upload: Upload, label: str | None) -> ClassMap:
    explained = await service.run(
        explain_class,
        service.matcher.classifier.encoder,
        service.settings.image_limits,
        upload.data,
        upload.name,
        label,
    )
    _record(service, upload, explained.model)
    return explained


async def _explain_match(service: Service, upload: Upload, image_id: int) -> MatchRegions:
    explained = await service.run(
        explain_match,
        service.matcher,
        service.store,
        service.settings.image_limits,
        upload.data,
        upload.name,
        image_id,
    )
    _record(service, upload, service.matcher.space.fingerprint, image_id=image_id)
    return explained


def _record(service: Service, upload: Upload, model: str, image_id: int | None = None) -> None:
    digest = sha256(upload.data).hexdigest()
    service.lookups.record(Lookup.EXPLAIN, subject_id=digest, model=model, image_id=image_id)


@router.post(
    "/class",
    dependencies=[requires(Scope.CHECK)],
    operation_id="explain_class",
    summary="Get the regions that explain a class",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("How much each region speaks for the class.", examples.CLASS_MAP),
        **problems(*UNUSABLE),
    },
)
async def class_map(
    upload: UploadDependency, service: ServiceDependency, label: Label = None
) -> ClassMap:
    """Cover an image region by region; takes about 50 forward passes."""
    return await _explain_class(service, upload, label)


@router.post(
    "/class/preview",
    dependencies=[requires(Scope.CHECK)],
    operation_id="preview_class_map",
    summary="Get the veiled picture of a class map",
    openapi_extra=REQUEST_BODY,
    response_class=Response,
    responses={200: _PNG, **problems(*UNUSABLE)},
)
async def class_preview(
    upload: UploadDependency, service: ServiceDependency, label: Label = None
) -> Response:
    """Return the image, grey and blurred, with the class map over it."""
    explained = await _explain_class(service, upload, label)
    limits = service.settings.image_limits
    png = await service.run(draw_class_map, explained, upload.data, limits)
    return Response(png, media_type="image/png")


@router.post(
    "/match",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="explain_match",
    summary="Get the regions that match",
    openapi_extra=REQUEST_BODY,
    responses={
        200: examples.answer("The regions that match.", examples.MATCH_REGIONS),
        **problems(*UNUSABLE, HTTPStatus.NOT_FOUND),
    },
)
async def match_regions(
    upload: UploadDependency, service: ServiceDependency, image_id: ImageId
) -> MatchRegions:
    """Return the parts and the local features that an image and a stored image share."""
    return await _explain_match(service, upload, image_id)


@router.post(
    "/match/preview",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="preview_match",
    summary="Get the veiled picture of a match",
    openapi_extra=REQUEST_BODY,
    response_class=Response,
    responses={200: _PNG, **problems(*UNUSABLE, HTTPStatus.NOT_FOUND)},
)
async def match_preview(
    upload: UploadDependency, service: ServiceDependency, image_id: ImageId
) -> Response:
    """Return both images side by side, grey and blurred, with what they share."""
    explained = await _explain_match(service, upload, image_id)
    thumbnails = await service.read(lambda catalog: catalog.thumbnails.get_many([image_id]))
    limits = service.settings.image_limits
    png = await service.run(draw_match, explained, upload.data, thumbnails.get(image_id), limits)
    return Response(png, media_type="image/png")
