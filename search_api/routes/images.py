"""`/v1/images`: what is stored."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.types import ImageSummary, Match
from search_api import examples
from search_api.auth import Scope, requires
from search_api.dependencies import BankNames, ServiceDependency, TopK
from search_api.errors import problems
from search_api.lookups import Lookup
from search_api.pages import MAX_ID, Page

router = APIRouter(prefix="/v1/images", tags=["images"])
ImageId = Annotated[int, Path(ge=1, le=MAX_ID, description="The stored image.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get(
    "/{image_id}",
    dependencies=[requires(Scope.ANALYST)],
    summary="What is known of a stored image?",
    responses={200: examples.answer("The image.", examples.IMAGE), **UNKNOWN},
)
async def get_image(image_id: ImageId, service: ServiceDependency) -> ImageSummary:
    """Return fingerprints, sources, bank entries and class probabilities; never the pixels."""
    record = await service.gates.reads.run(partial(service.matcher.image, image_id))
    service.lookups.record(Lookup.IMAGE, subject="image", subject_id=image_id)
    return ImageSummary.of(record)


@router.get(
    "/{image_id}/similar",
    dependencies=[requires(Scope.ANALYST)],
    summary="Which stored images are nearest to this one?",
    responses={200: examples.answer("Nearest first.", examples.page(examples.MATCH)), **UNKNOWN},
)
async def similar(
    image_id: ImageId, service: ServiceDependency, k: TopK = 10, bank: BankNames = None
) -> Page[Match]:
    """Return the nearest stored images of every tier, `none` included; not the image itself.

    `k` bounds the list: there is no page after the first.
    """
    matches = await service.run(service.matcher.similar, image_id, k=k, banks=bank or ())
    service.lookups.record(
        Lookup.SIMILAR, subject="image", subject_id=image_id, k=k, asked=bank or []
    )
    return Page(items=matches, next_cursor=None)
