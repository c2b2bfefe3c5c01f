"""`/console/review`: what waits for people, and the desk where they decide it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Form, Path, Query, Response
from fastapi.responses import RedirectResponse

from indexer.attribution import explain_match
from indexer.errors import InputError, NotFoundError
from indexer.reviews.picture_access import kept_picture
from indexer.store import Catalog, Store
from indexer.types import (
    LeaseRequest,
    MatchRegions,
    QueueKind,
    ReviewItem,
    Severity,
    Veil,
)
from search_api.auth import Principal, PrincipalDependency
from search_api.console.compared_pictures import compared_images, compared_match
from search_api.console.reviews import (
    WORDS,
    read_cards,
    read_desk,
    read_waiting,
)
from search_api.dependencies import Service, ServiceDependency
from search_api.jobs.lookup_audit import Lookup
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.review_schemas import MOST_LEASED
from search_api.routes.console.screen import READING, screen_router, show
from search_api.schemas import MAX_ID

router = screen_router()
ItemId = Annotated[int, Path(ge=1, le=MAX_ID)]
OfBank = Annotated[str, Query(max_length=64, json_schema_extra=MAY_BE_EMPTY)]
OfSeverity = Annotated[str, Query(max_length=16, json_schema_extra=MAY_BE_EMPTY)]
OfItem = Annotated[int | None, Query(ge=1, le=MAX_ID)]
InBank = Annotated[str, Form(max_length=64)]
InSeverity = Annotated[str, Form(max_length=16)]
AHEAD = 5
"""Items that a person has at a time."""


@router.get("/review", dependencies=READING)
async def list_queues(
    service: ServiceDependency,
    principal: PrincipalDependency,
    bank: OfBank = "",
    severity: OfSeverity = "",
) -> Response:
    """Show the queues: how much waits in each, and since when."""
    now = datetime.now(UTC)
    waiting, banks = await service.read(
        lambda catalog: (read_waiting(catalog, now), catalog.banks.all())
    )
    shown = [
        queue
        for queue in waiting.queues
        if (not bank or queue.bank == bank) and (not severity or queue.severity == severity)
    ]
    return show(
        "review.html",
        "Review",
        principal,
        waiting=waiting,
        shown=shown,
        words=WORDS,
        banks=banks,
        severities=list(Severity),
        bank=bank,
        severity=severity,
    )


@router.get("/review/next", dependencies=READING)
async def go_to_next(service: ServiceDependency) -> Response:
    """Go to the gravest queue."""
    now = datetime.now(UTC)
    queue = (await service.read(lambda catalog: read_waiting(catalog, now))).next
    address = f"/console/review/{queue.queue}" if queue else "/console/review"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


@router.get("/review/items/{item_id}", dependencies=READING)
async def show_item(
    item_id: ItemId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Show one item, whatever became of it."""
    [card] = await service.read(
        lambda catalog: read_cards(
            catalog, principal.person, [catalog.reviews.get(item_id)], service.reviews
        )
    )
    return show("review_item.html", "Review", principal, card=card)


@router.get("/review/items/{item_id}/compare", dependencies=READING)
async def compare_item(
    item_id: ItemId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    veil: Annotated[Veil, Query()] = Veil.GREY,
) -> Response:
    """Return the picture of an item beside what it matched, both veiled, with what they share."""
    item, jpeg = await service.read(lambda catalog: _pictured(catalog, item_id))
    if item.match_image_id is None:
        raise NotFoundError(f"No picture of what review {item_id} matched is kept.")
    if jpeg is None:
        return await _compare_veils(service, principal, item, veil)
    regions: MatchRegions = await service.run(
        explain_match,
        service.matcher,
        service.store,
        service.settings.image_limits,
        jpeg,
        f"review {item_id}",
        item.match_image_id,
    )
    service.lookups.record(
        Lookup.EXPLAIN, subject_id=item.query_sha256, image_id=item.match_image_id
    )
    href = f"/v1/reviews/{item_id}/preview?veil={veil.value}&strength=1&size=352"
    pictures, words = compared_match(regions, href, veil)
    return show("parts/comparison.html", "Review", principal, pictures=pictures, words=words)


@router.get("/review/{queue}", dependencies=READING)
async def work_on_queue(
    queue: QueueKind,
    service: ServiceDependency,
    principal: PrincipalDependency,
    bank: OfBank = "",
    severity: OfSeverity = "",
    item: OfItem = None,
    *,
    family: Annotated[bool, Query()] = False,
) -> Response:
    """Show the desk: one item after the other, or a family at once."""
    desk = await service.read(lambda catalog: read_desk(catalog, principal.person))
    return show(
        "review_desk.html",
        "Review",
        principal,
        queue=queue,
        words=WORDS[queue],
        desk=desk,
        bank=bank,
        severity=severity,
        item=item,
        family=family,
        lease_seconds=service.reviews.lease.total_seconds(),
    )


@router.post("/review/{queue}/cards", dependencies=READING)
async def lease_cards(
    queue: QueueKind,
    service: ServiceDependency,
    principal: PrincipalDependency,
    *,
    bank: InBank = "",
    severity: InSeverity = "",
    item: Annotated[int | None, Form(ge=1, le=MAX_ID)] = None,
    family: Annotated[bool, Form()] = False,
    resume: Annotated[bool, Form()] = False,
    limit: Annotated[int, Form(ge=1, le=MOST_LEASED)] = AHEAD,
) -> Response:
    """Lease the next items of a queue, and return their cards."""
    wanted = LeaseRequest(
        queue,
        limit=MOST_LEASED if family else limit,
        bank=bank or None,
        family=family,
        resume=resume,
        severity=_severity(severity),
        item_id=item,
    )

    def take(store: Store) -> list[ReviewItem]:
        with store.leasing() as leases:
            return leases.take(principal.person.id, wanted, service.reviews.lease)

    items = await service.write(take, service.store)
    now = datetime.now(UTC)
    cards, waiting = await service.read(
        lambda catalog: (
            read_cards(catalog, principal.person, items, service.reviews),
            read_waiting(catalog, now),
        )
    )
    return show(
        "parts/review_family.html" if family and len(cards) > 1 else "parts/review_cards.html",
        "Review",
        principal,
        cards=cards,
        queue=queue,
        words=WORDS,
        waiting=waiting,
        here=waiting.narrowed(queue, bank, severity),
    )


def _severity(said: str) -> Severity | None:
    if not said:
        return None
    try:
        return Severity(said)
    except ValueError as error:
        known = ", ".join(Severity)
        raise InputError(f"{said!r} is no severity. Use one of {known}.") from error


def _pictured(catalog: Catalog, item_id: int) -> tuple[ReviewItem, bytes | None]:
    item = catalog.reviews.get(item_id)
    return item, kept_picture(catalog, item)


async def _compare_veils(
    service: Service, principal: Principal, item: ReviewItem, veil: Veil
) -> Response:
    """Return two stored images side by side, where no pixels are kept to look for details in."""
    ids = [each for each in (item.image_id, item.match_image_id) if each is not None]
    pictures = await service.read(lambda catalog: compared_images(catalog, ids, veil))
    words = "No picture is kept to look for shared details in."
    return show("parts/comparison.html", "Review", principal, pictures=pictures, words=words)
