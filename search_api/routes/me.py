"""`/v1/me`: who makes a request, their settings and saved views."""

from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import TypeAdapter

from indexer.errors import NotFoundError
from indexer.store import Catalog, Store
from indexer.types import Me, PersonalSettings, SavedView
from search_api.auth import PrincipalDependency, Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, review_examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.person_schemas import NewView, RemovedView, SettingsToKeep

router = APIRouter(
    prefix="/v1/me",
    tags=["me"],
    route_class=WriteRoute,
    dependencies=[requires(Scope.ANALYST)],
)
ViewId = Annotated[int, Path(ge=1, le=MAX_ID, description="The saved view.")]
SETTINGS = TypeAdapter(PersonalSettings)
LISTED = problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
OF_BODY = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@router.get(
    "",
    operation_id="get_me",
    summary="Get who you are",
    responses={200: examples.answer("You, today.", review_examples.ME), **LISTED},
)
async def get_me(service: ServiceDependency, principal: PrincipalDependency) -> Me:
    """Return your name and scopes, and what you revealed and decided since midnight UTC."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    person = principal.person

    def read(catalog: Catalog) -> Me:
        exposure = catalog.reveals.exposure(person.id, midnight)
        decisions = catalog.reviews.decided_by(person.id, midnight)
        return Me(
            person=person.id,
            name=person.name,
            scopes=principal.scopes,
            exposure=exposure,
            decisions=decisions,
            decisions_per_reveal=decisions / exposure.reveals if exposure.reveals else None,
        )

    return await service.read(read)


@router.get(
    "/settings",
    operation_id="get_personal_settings",
    summary="Get your settings",
    responses={200: examples.answer("Yours.", review_examples.SETTINGS), **LISTED},
)
async def get_settings(
    service: ServiceDependency, principal: PrincipalDependency
) -> PersonalSettings:
    """Return your settings of the console; the usual ones where you set none."""
    kept = await service.read(lambda catalog: catalog.people.settings(principal.person.id))
    return SETTINGS.validate_python(kept)


@router.put(
    "/settings",
    operation_id="set_personal_settings",
    summary="Set your settings",
    responses={200: examples.answer("Yours.", review_examples.SETTINGS), **LISTED, **OF_BODY},
    openapi_extra=examples.request({"veil": "grey", "strength": 4}),
)
async def put_settings(
    request: SettingsToKeep, service: ServiceDependency, principal: PrincipalDependency
) -> PersonalSettings:
    """Keep your settings of the console; those that you leave out are the usual ones."""
    settings = SETTINGS.validate_python(request.model_dump())

    def keep(store: Store) -> PersonalSettings:
        with store.writer() as writer:
            writer.people.set_settings(principal.person.id, asdict(settings))
        return settings

    return await service.commit(keep)


@router.get(
    "/views",
    operation_id="list_saved_views",
    summary="List your saved views",
    responses={
        200: examples.answer("Oldest first.", examples.page(review_examples.VIEW)),
        **LISTED,
    },
)
async def list_views(
    service: ServiceDependency,
    principal: PrincipalDependency,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[SavedView]:
    """Return a page of the lists that you saved with their filters."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.people.views(principal.person.id, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda view: view.id)


@router.post(
    "/views",
    operation_id="save_view",
    status_code=HTTPStatus.CREATED,
    summary="Add a saved view",
    responses={201: examples.answer("The view.", review_examples.VIEW), **LISTED, **OF_BODY},
    openapi_extra=examples.request(
        {"name": "grave", "screen": "review", "query": "severity=critical"}
    ),
)
async def post_view(
    request: NewView, service: ServiceDependency, principal: PrincipalDependency
) -> SavedView:
    """Save a list with its filters, in place of yours of the same name and screen."""

    def save(store: Store) -> SavedView:
        with store.writer() as writer:
            return writer.people.save_view(
                principal.person.id, request.name, request.screen, request.query
            )

    return await service.commit(save)


@router.delete(
    "/views/{view_id}",
    operation_id="delete_saved_view",
    summary="Delete a saved view",
    responses={
        200: examples.answer("It is gone.", {"id": 5}),
        **LISTED,
        **problems(HTTPStatus.NOT_FOUND),
    },
)
async def delete_view(
    view_id: ViewId, service: ServiceDependency, principal: PrincipalDependency
) -> RemovedView:
    """Delete one of your views."""

    def delete(store: Store) -> RemovedView:
        with store.writer() as writer:
            if not writer.people.delete_view(principal.person.id, view_id):
                raise NotFoundError(
                    f"You have no saved view {view_id}. `GET /v1/me/views` lists yours."
                )
        return RemovedView(id=view_id)

    return await service.commit(delete)
