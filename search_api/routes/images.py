"""`/v1/images`: what is stored."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.types import ImageSummary, Match
from search_api import examples
from search_api.dependencies import BankNames, ServiceDependency, TopK
from search_api.errors import problems

router = APIRouter(prefix="/v1/images", tags=["images"])
MAX_ID = 2**63 - 1  # BIGINT
ImageId = Annotated[int, Path(ge=1, le=MAX_ID, description="The stored image.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get(
    "/{image_id}",
    summary="What is known of a stored image?",
    responses={200: examples.answer("The image.", examples.IMAGE), **UNKNOWN},
)
async def get_image(image_id: ImageId, service: ServiceDependency) -> ImageSummary:
    """Return fingerprints, sources, bank entries and class probabilities; never the pixels."""
    return ImageSummary.of(await service.run(service.matcher.image, image_id))


@router.get(
    "/{image_id}/similar",
    summary="Which stored images are nearest to this one?",
    responses={200: examples.answer("Nearest first.", [examples.MATCH]), **UNKNOWN},
)
async def similar(
    image_id: ImageId, service: ServiceDependency, k: TopK = 10, bank: BankNames = None
) -> list[Match]:
    """Return the nearest stored images of every tier, `none` included; not the image itself."""
    return await service.run(service.matcher.similar, image_id, k=k, banks=bank or ())
