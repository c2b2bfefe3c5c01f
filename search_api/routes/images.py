"""`/v1/images`: stored images."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from indexer.errors import NotFoundError
from indexer.images.veils import DEFAULT_STRENGTH
from indexer.matching import similar_images
from indexer.reviews.picture_access import preview_image
from indexer.store import Store
from indexer.types import ImageSummary, Veil
from indexer.upkeep.removal import wipe
from search_api.auth import Scope, requires
from search_api.dependencies import BankNames, ServiceDependency, TopK
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.jobs.lookup_audit import Lookup
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.schemas import RemovedImage, SimilarPage
from search_api.search_params import CreatedAfter
from search_api.veil_params import VEILED, OfVeil, Size, Strength

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=WriteRoute)
ImageId = Annotated[int, Path(ge=1, le=MAX_ID, description="The stored image.")]
OfBank = Annotated[str | None, Query(description="Only images that are entries of this bank.")]
Purge = Annotated[
    bool,
    Query(description="Erase all its data for good, except its SHA-256 as proof."),
]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get(
    "",
    operation_id="list_images",
    dependencies=[requires(Scope.ANALYST)],
    summary="List stored images",
    responses={200: examples.answer("Oldest first.", examples.page(examples.IMAGE)), **UNKNOWN},
)
async def list_images(
    service: ServiceDependency,
    bank: OfBank = None,
    created_after: CreatedAfter = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[ImageSummary]:
    """Return a page of the images of the index, without their pixels."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.images.page(
            after_id=after, limit=limit + 1, bank=bank, created_after=created_after
        )
    )
    return page_of([ImageSummary.of(row) for row in rows], limit, lambda image: image.image_id)


@router.get(
    "/{image_id}",
    operation_id="get_image",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get a stored image",
    responses={200: examples.answer("The image.", examples.IMAGE), **UNKNOWN},
)
async def get_image(image_id: ImageId, service: ServiceDependency) -> ImageSummary:
    """Return fingerprints, sources, bank entries and class probabilities; never the pixels."""
    record = await service.read(
        lambda catalog: catalog.images.get(image_id, service.matcher.space.id)
    )
    service.lookups.record(Lookup.IMAGE, subject="image", subject_id=image_id)
    return ImageSummary.of(record)


@router.get(
    "/{image_id}/preview",
    operation_id="preview_image",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get a stored image behind a veil",
    response_class=Response,
    responses={**VEILED, **UNKNOWN},
)
async def get_preview(
    image_id: ImageId,
    service: ServiceDependency,
    veil: OfVeil = Veil.BLUR,
    strength: Strength = DEFAULT_STRENGTH,
    size: Size = 192,
) -> Response:
    """Return the stored thumbnail, veiled here: no answer of this route has clear pixels."""
    jpeg = await service.read(
        lambda catalog: preview_image(catalog, image_id, veil, strength=strength, size=size)
    )
    return Response(jpeg, media_type="image/jpeg")


@router.delete(
    "/{image_id}",
    operation_id="remove_image",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete an image",
    responses={200: examples.answer("It is removed.", examples.REMOVED_IMAGE), **UNKNOWN},
)
async def remove_image(
    image_id: ImageId,
    service: ServiceDependency,
    purge: Purge = False,
) -> RemovedImage:
    """Remove an image with its sources and bank entries; it stops matching at once.

    An image that was removed can still be purged.
    """

    def remove(store: Store) -> RemovedImage:
        with store.writer() as writer:
            change = writer.images.purge if purge else writer.images.remove
            if not change([image_id]):
                raise NotFoundError(
                    f"No image {image_id} is in the index. `lookalike index list` shows the ids."
                )
        return RemovedImage(image_id=image_id, purged=purge)

    removed = await service.commit(remove)
    if purge:
        await service.write(wipe, service.store, service.settings)
    return removed


@router.get(
    "/{image_id}/similar",
    operation_id="list_similar_images",
    dependencies=[requires(Scope.ANALYST)],
    summary="List the nearest stored images",
    responses={200: examples.answer("Nearest first.", examples.SIMILAR), **UNKNOWN},
)
async def similar(
    image_id: ImageId, service: ServiceDependency, k: TopK = 10, bank: BankNames = None
) -> SimilarPage:
    """Return the nearest stored images of every tier, including `none`, without the image itself.

    `k` limits the list: there is only one page.
    """
    found = await service.run(similar_images, service.matcher, image_id, k=k, banks=bank or ())
    service.lookups.record(
        Lookup.SIMILAR, subject="image", subject_id=image_id, k=k, asked=bank or []
    )
    return SimilarPage(items=found.matches, next_cursor=None, completeness=found.completeness)
