"""`/console/images`: what is stored, and the dossier of each image."""

from typing import Annotated

from fastapi import Form, Path, Query, Request, Response

from indexer.errors import InputError, NotFoundError
from indexer.matching import similar_images
from indexer.store import Store
from indexer.types import allows
from indexer.upkeep.removal import wipe
from search_api.auth import PrincipalDependency, Scope
from search_api.console.images import ImageFilter, read_dossier, read_images
from search_api.dependencies import ServiceDependency
from search_api.jobs.lookup_audit import Lookup
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.console.screen import (
    EDITING,
    READING,
    go_to,
    screen_router,
    show,
    with_query,
)
from search_api.schemas import MAX_ID

router = screen_router()
ImageId = Annotated[int, Path(ge=1, le=MAX_ID)]
Text = Annotated[str, Query(max_length=1000, json_schema_extra=MAY_BE_EMPTY)]
_NEIGHBOURS = 12


@router.get("/images", dependencies=READING)
async def list_images(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    *,
    bank: Text = "",
    label: Text = "",
    source: Text = "",
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Show the stored images that a filter finds."""
    wanted = ImageFilter(bank, label, source)
    banks, found = await service.read(
        lambda catalog: (catalog.banks.all(), read_images(catalog, wanted, after))
    )
    following = with_query(request, after=found.next_after) if found.next_after else None
    return show(
        "images.html",
        "Images",
        principal,
        found=found,
        banks=banks,
        wanted=wanted,
        next_url=following,
    )


@router.get("/images/{image_id}", dependencies=READING)
async def show_image(
    image_id: ImageId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Show all that is known of an image."""
    near = await service.run(similar_images, service.matcher, image_id, k=_NEIGHBOURS)
    space = service.matcher.space
    viewer = None if allows(principal.scopes, Scope.ADMIN) else principal.person.id
    page = await service.read(lambda catalog: read_dossier(catalog, image_id, space, near, viewer))
    service.lookups.record(Lookup.IMAGE, subject="image", subject_id=image_id)
    return show("image.html", "Images", principal, page=page)


@router.post("/images/{image_id}/remove", dependencies=EDITING)
async def remove_image(
    image_id: ImageId,
    service: ServiceDependency,
    confirm: Annotated[str, Form(max_length=40)] = "",
    *,
    purge: Annotated[bool, Form()] = False,
) -> Response:
    """Take an image out of the index, or erase it for good."""
    if purge and confirm.strip() != str(image_id):
        raise InputError(f"To erase it for good, type the number of the image: {image_id}.")

    def remove(store: Store) -> None:
        with store.writer() as writer:
            change = writer.images.purge if purge else writer.images.remove
            if not change([image_id]):
                raise NotFoundError(f"No image {image_id} is in the index.")

    await service.commit(remove)
    if purge:
        await service.write(wipe, service.store, service.settings)
    return go_to("/console/images")
