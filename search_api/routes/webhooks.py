"""`/v1/webhooks`: webhooks and their deliveries."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from indexer.store import Writer
from indexer.types import DeliveryState, Webhook, WebhookDelivery, WebhookEvent, WebhookSecret
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.errors import problems
from search_api.openapi import admin_examples, examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.webhooks import registration

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], dependencies=[requires(Scope.ADMIN)])
ResultT = TypeVar("ResultT")
WebhookId = Annotated[int, Path(ge=1, le=MAX_ID, description="The webhook.")]
DeliveryId = Annotated[int, Path(ge=1, le=MAX_ID, description="The delivery.")]
InState = Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")]
Url = Annotated[str, Field(max_length=2048, examples=["https://hooks.example.org/lookalike"])]
LISTED = problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
UNKNOWN = {**problems(HTTPStatus.NOT_FOUND), **LISTED}
REFUSED = problems(HTTPStatus.BAD_REQUEST)


class NewWebhook(BaseModel):
    """A webhook to make."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    url: Url
    """Where to send events to: https, unless a setting lets its host do without."""
    events: list[WebhookEvent] = Field(min_length=1)
    """What to tell of."""
    description: str | None = Field(default=None, max_length=1000)
    """What it is for."""


class WebhookChanges(BaseModel):
    """What to change of a webhook; what is left out or null stays as it is."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    url: Url | None = None
    """Where to send events to."""
    events: list[WebhookEvent] | None = Field(default=None, min_length=1)
    """What to tell of."""
    description: str | None = Field(default=None, max_length=1000)
    """What it is for."""
    enabled: bool | None = None
    """Whether events are sent."""


@router.post(
    "",
    operation_id="create_webhook",
    summary="Create a webhook",
    responses={
        200: examples.answer("Once, with its secret.", admin_examples.WEBHOOK_SECRET),
        **REFUSED,
        **LISTED,
    },
)
async def create_webhook(request: NewWebhook, service: ServiceDependency) -> WebhookSecret:
    """Create a webhook. Its secret is returned only this once."""
    return await service.write(
        registration.create_webhook,
        service.store,
        service.receivers,
        request.url,
        request.events,
        request.description,
    )


@router.get(
    "",
    operation_id="list_webhooks",
    summary="List webhooks",
    responses={
        200: examples.answer("Oldest first.", examples.page(admin_examples.WEBHOOK)),
        **LISTED,
    },
)
async def list_webhooks(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[Webhook]:
    """Return a page of the webhooks, without their secrets."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.webhooks.page(after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda webhook: webhook.id)


@router.get(
    "/{webhook_id}",
    operation_id="get_webhook",
    summary="Get a webhook",
    responses={200: examples.answer("The webhook.", admin_examples.WEBHOOK), **UNKNOWN},
)
async def get_webhook(webhook_id: WebhookId, service: ServiceDependency) -> Webhook:
    """Return one webhook, without its secret."""
    return await service.read(lambda catalog: catalog.webhooks.get(webhook_id))


@router.patch(
    "/{webhook_id}",
    operation_id="edit_webhook",
    summary="Edit a webhook",
    responses={200: examples.answer("As it is now.", admin_examples.WEBHOOK), **REFUSED, **UNKNOWN},
)
async def edit_webhook(
    webhook_id: WebhookId, request: WebhookChanges, service: ServiceDependency
) -> Webhook:
    """Change a webhook. Enabling it resumes the deliveries left when it was disabled."""
    return await service.write(
        registration.edit_webhook,
        service.store,
        service.receivers,
        webhook_id,
        url=request.url,
        events=request.events,
        description=request.description,
        enabled=request.enabled,
    )


@router.delete(
    "/{webhook_id}",
    operation_id="remove_webhook",
    summary="Delete a webhook",
    responses={200: examples.answer("As it was.", admin_examples.WEBHOOK), **UNKNOWN},
)
async def remove_webhook(webhook_id: WebhookId, service: ServiceDependency) -> Webhook:
    """Remove a webhook with its secret; pending deliveries are dropped."""
    return await service.write(_write, service, lambda writer: writer.webhooks.remove(webhook_id))


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Replace a webhook's secret",
    responses={200: examples.answer("Once, the secret.", admin_examples.WEBHOOK_SECRET), **UNKNOWN},
)
async def rotate_secret(webhook_id: WebhookId, service: ServiceDependency) -> WebhookSecret:
    """Replace the secret that signs deliveries, from the next delivery on."""
    return await service.write(registration.rotate_secret, service.store, webhook_id)


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    summary="Send a test event to a webhook",
    responses={200: examples.answer("To be delivered.", admin_examples.DELIVERY), **UNKNOWN},
)
async def test_webhook(webhook_id: WebhookId, service: ServiceDependency) -> WebhookDelivery:
    """Send the event `ping`; the list of deliveries shows the result."""
    return await service.write(_write, service, lambda writer: writer.webhooks.ping(webhook_id))


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="List a webhook's deliveries",
    responses={
        200: examples.answer("Oldest first.", examples.page(admin_examples.DELIVERY)),
        **UNKNOWN,
    },
)
async def list_deliveries(
    webhook_id: WebhookId,
    service: ServiceDependency,
    state: InState = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[WebhookDelivery]:
    """Return a page of the deliveries; delivered ones are kept for 30 days."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.deliveries.page(
            webhook_id, state=state, after_id=after, limit=limit + 1
        )
    )
    return page_of(rows, limit, lambda delivery: delivery.id)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    operation_id="retry_webhook_delivery",
    summary="Retry a dead delivery",
    responses={200: examples.answer("To be delivered.", admin_examples.DELIVERY), **UNKNOWN},
)
async def retry_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, service: ServiceDependency
) -> WebhookDelivery:
    """Retry a dead delivery at once, with as many attempts as a new one."""
    return await service.write(
        _write, service, lambda writer: writer.deliveries.retry(delivery_id, of=webhook_id)
    )


def _write(service: Service, function: Callable[[Writer], ResultT]) -> ResultT:
    with service.store.writer() as writer:
        return function(writer)
