"""`/h/hash`: signals of an image."""

from http import HTTPStatus
from typing import Any

from fastapi import Request

from indexer.signals import SignalType
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.jobs.lookup_audit import Lookup
from search_api.routes.hma import examples
from search_api.routes.hma.media import (
    UPLOAD,
    ContentType,
    Place,
    Types,
    Url,
    check_content_type,
    read_upload,
    wanted_types,
)
from search_api.routes.hma.messages import answers, hma_router, refuse

router = hma_router("/h")
ANSWERS = answers(
    HTTPStatus.OK,
    "A signal for each type that the picture has one of.",
    examples.SIGNALS,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


@router.get(
    "/hash",
    dependencies=[requires(Scope.CHECK), Place],
    summary="Hash the image at a URL",
    responses=ANSWERS,
)
async def hash_url(
    service: ServiceDependency,
    url: Url = None,
    content_type: ContentType = None,
    types: Types = None,
) -> dict[str, str]:
    """Fetch an image and hash it. The server must be allowed to fetch from the host."""
    check_content_type(content_type)
    if not url:
        raise refuse("url is required")
    wanted = await wanted_types(service, types)  # before anything is fetched
    return await service.run(_hash, service, await service.fetcher.get(url), wanted)


@router.post(
    "/hash",
    dependencies=[requires(Scope.CHECK), Place],
    summary="Hash an image",
    openapi_extra={"requestBody": {"required": True, "content": UPLOAD}},
    responses=ANSWERS,
)
async def hash_upload(
    request: Request,
    service: ServiceDependency,
    content_type: ContentType = None,
    types: Types = None,
) -> dict[str, str]:
    """Hash the one image of the form."""
    check_content_type(content_type)
    wanted = await wanted_types(service, types)
    form = await read_upload(request, service)
    return await service.run(_hash, service, form.data, wanted)


def _hash(service: Service, data: bytes, wanted: list[SignalType[Any]]) -> dict[str, str]:
    picture = service.signals.picture(data)
    signals = service.signals.hash(picture, wanted)
    service.lookups.record(Lookup.HASH, subject_id=picture.sha256.hex(), types=[*signals])
    return signals
