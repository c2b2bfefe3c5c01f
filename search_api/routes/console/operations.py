"""`/console/operations`: state, quarantine, webhooks, keys and audit log."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import Form, Path, Query, Request, Response

from indexer import keys
from indexer.ingest import Ingest
from indexer.store import AuditQuery, Store
from indexer.types import DeliveryState, Webhook
from indexer.upkeep.requeue import open_again, quarantined_files
from indexer.upkeep.status import read_status
from search_api.auth import PrincipalDependency
from search_api.console.operations import (
    PAGE,
    read_chain,
    read_quarantine,
    read_receivers,
    read_work,
)
from search_api.dependencies import Service, ServiceDependency
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.console.screen import (
    ADMIN,
    EDITING,
    READING,
    screen_router,
    show,
    with_query,
)
from search_api.schemas import MAX_ID

router = screen_router()
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Text = Annotated[str, Query(max_length=2000, json_schema_extra=MAY_BE_EMPTY)]
State = Annotated[
    Literal["", "pending", "delivered", "dead"], Query(json_schema_extra=MAY_BE_EMPTY)
]
_MOST_RETRIED = 50  # files of one request, while a person waits


@router.get("/operations", dependencies=READING)
async def overview(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Show how current the views are, the model, and what runs."""
    status = await service.pools.reads.run(partial(read_status, service.store, service.settings))
    work = await service.read(read_work)
    return show(
        "operations.html",
        "Operations",
        principal,
        index=status,
        work=work,
        watermark=service.matcher.views.watermark,
        looked_ago=service.follower.age,
        is_outdated=service.matcher.is_outdated,
    )


@router.get("/operations/quarantine", dependencies=READING)
async def quarantine(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    code: Text = "",
    after: Text = "",
) -> Response:
    """Show the files that could not be indexed, by reason."""
    page = await service.read(lambda catalog: read_quarantine(catalog, code, after))
    following = with_query(request, after=page.next_after) if page.next_after else None
    return show(
        "quarantine.html", "Operations", principal, page=page, code=code, next_url=following
    )


@router.post("/operations/quarantine/retry", dependencies=EDITING)
async def retry_files(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    uri: Annotated[str, Form(max_length=4000)] = "",
    code: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Try to index one file again, or those of a reason."""
    report = await service.run(_retry, service, uri, code)
    page = await service.read(lambda catalog: read_quarantine(catalog, code, ""))
    told = f"{report[0]} indexed, {report[1]} still cannot be." if sum(report) else "None is there."
    return show(
        "parts/quarantine_files.html",
        "Operations",
        principal,
        page=page,
        code=code,
        next_url=with_query(request, after=page.next_after) if page.next_after else None,
        message=told,
        undo=None,
    )


def _retry(service: Service, uri: str, code: str) -> tuple[int, int]:
    files = quarantined_files(service.store, code=code or None, among={uri} if uri else ())
    chosen = files[:_MOST_RETRIED]
    matcher = service.matcher
    ingest = Ingest(service.store, matcher.classifier.encoder, matcher.space, service.settings)
    report = ingest.run(open_again(chosen, service.settings))
    return len(chosen) - report.skipped_count, report.skipped_count


@router.get("/operations/webhooks", dependencies=ADMIN)
async def webhooks(
    service: ServiceDependency, principal: PrincipalDependency, state: State = ""
) -> Response:
    """Show the webhooks with their deliveries."""
    wanted = DeliveryState(state) if state else None
    receivers = await service.read(lambda catalog: read_receivers(catalog, wanted))
    return show("webhooks.html", "Operations", principal, receivers=receivers, state=state)


@router.post("/operations/webhooks/{webhook_id}/{state}", dependencies=ADMIN)
async def switch_webhook(
    webhook_id: Id,
    state: Literal["enable", "disable"],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Let a webhook be sent to, or not; a toast takes it back."""

    def switch(store: Store) -> Webhook:
        with store.writer() as writer:
            return writer.webhooks.edit(webhook_id, enabled=state == "enable")

    webhook = await service.commit(switch)
    other = "disable" if state == "enable" else "enable"
    return show(
        "parts/webhook_state.html",
        "Operations",
        principal,
        w=webhook,
        message=f"Webhook {webhook_id} is {state}d.",
        undo=f"/console/operations/webhooks/{webhook_id}/{other}",
        undo_target=f"#webhook-{webhook_id}-state",
    )


@router.post("/operations/deliveries/{delivery_id}/retry", dependencies=ADMIN)
async def replay_delivery(
    delivery_id: Id, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Send a dead delivery again."""

    def retry(store: Store) -> object:
        with store.writer() as writer:
            return writer.deliveries.retry(delivery_id)

    delivery = await service.commit(retry)
    return show(
        "parts/delivery.html",
        "Operations",
        principal,
        delivery=delivery,
        message=f"Delivery {delivery_id} is sent again.",
        undo=None,
    )


@router.get("/operations/keys", dependencies=ADMIN)
async def list_keys(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Show the API keys, and how many sessions are open."""
    now = datetime.now(UTC)
    found, sessions = await service.read(
        lambda catalog: (catalog.keys.page(limit=1000), catalog.sessions.count_open(now))
    )
    return show("keys.html", "Operations", principal, keys=found, sessions=sessions, at=now)


@router.post("/operations/keys/{key_id}/revoke", dependencies=ADMIN)
async def revoke_key(
    key_id: Id, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Revoke a key with its sessions."""
    key = await service.write(keys.revoke_key, service.store, key_id)
    return show(
        "parts/key.html",
        "Operations",
        principal,
        key=key,
        at=datetime.now(UTC),
        message=f"{key.name} is revoked.",
        undo=None,
    )


@router.get("/operations/audit", dependencies=ADMIN)
async def audit(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    *,
    action: Text = "",
    actor: Text = "",
    subject: Text = "",
    before: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Show the audit log, newest first, and the state of its chain."""
    query = AuditQuery(
        action=action or None,
        actor=actor or None,
        subject=subject or None,
        newest_first=True,
        cursor=before,
    )
    rows, chain = await service.read(
        lambda catalog: (catalog.audit.page(query, limit=PAGE + 1), read_chain(catalog))
    )
    more = len(rows) > PAGE
    return show(
        "audit.html",
        "Operations",
        principal,
        events=[row.shown() for row in rows[:PAGE]],
        chain=chain,
        wanted={"action": action, "actor": actor, "subject": subject},
        next_url=with_query(request, before=rows[PAGE - 1].number) if more else None,
    )
