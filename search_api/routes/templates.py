"""`/v1/templates`: frames that stored images share while they show different content."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from indexer.templates import decide_template, preview_template
from indexer.types import Template, TemplateState
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(prefix="/v1/templates", tags=["templates"], route_class=WriteRoute)
TemplateId = Annotated[int, Path(ge=1, le=MAX_ID, description="The template.")]
State = Annotated[TemplateState | None, Query(description="Only templates in this state.")]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)


@router.get(
    "",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_templates",
    summary="List templates",
    responses={
        200: examples.answer("Oldest first.", examples.page(examples.TEMPLATE)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_templates(
    service: ServiceDependency,
    state: State = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[Template]:
    """Return a page of the templates."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.templates.page(state=state, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda template: template.id)


@router.get(
    "/{template_id}",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="get_template",
    summary="Get a template",
    responses={200: examples.answer("The template.", examples.TEMPLATE), **UNKNOWN},
)
async def get_template(template_id: TemplateId, service: ServiceDependency) -> Template:
    """Return one template."""
    return await service.read(lambda catalog: catalog.templates.get(template_id))


@router.get(
    "/{template_id}/preview",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="preview_template",
    summary="Get the veiled preview of a template",
    response_class=Response,
    responses={
        200: {"description": "A PNG without any content.", "content": {"image/png": {}}},
        **UNKNOWN,
    },
)
async def get_preview(template_id: TemplateId, service: ServiceDependency) -> Response:
    """Return the frame blurred and grey, its content covered."""
    png = await service.read(lambda catalog: preview_template(catalog, template_id))
    return Response(png, media_type="image/png")


@router.post(
    "/{template_id}/confirm",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="confirm_template",
    summary="Confirm a template",
    responses={
        200: examples.answer("The template.", {**examples.TEMPLATE, "state": "confirmed"}),
        **UNKNOWN,
    },
)
async def confirm(template_id: TemplateId, service: ServiceDependency) -> Template:
    """Confirm that a template is a frame; repeating this changes nothing."""
    return await service.commit(
        lambda store: decide_template(store, template_id, TemplateState.CONFIRMED)
    )


@router.post(
    "/{template_id}/reject",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="reject_template",
    summary="Reject a template",
    responses={
        200: examples.answer("The template.", {**examples.TEMPLATE, "state": "rejected"}),
        **UNKNOWN,
    },
)
async def reject(template_id: TemplateId, service: ServiceDependency) -> Template:
    """Reject a template, which then discounts nothing; repeating this changes nothing."""
    return await service.commit(
        lambda store: decide_template(store, template_id, TemplateState.REJECTED)
    )
