"""`/console/banks` and `/console/entries`: what is known, entry by entry."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Form, Path, Query, Request, Response

from indexer.store import FOR_GOOD, BankDetails, Store
from indexer.types import BankKind, Severity
from search_api.auth import PrincipalDependency
from search_api.console.banks import read_bank, read_entry, what_if
from search_api.dependencies import ServiceDependency
from search_api.routes.console.screen import (
    EDITING,
    READING,
    go_to,
    screen_router,
    show,
    with_query,
)
from search_api.routes.console.search import verdict_on_text
from search_api.schemas import MAX_ID

router = screen_router()
EntryId = Annotated[int, Path(ge=1, le=MAX_ID)]
After = Annotated[int, Query(ge=0, le=MAX_ID)]
Text = Annotated[str, Form(max_length=2000)]


@router.get("/banks", dependencies=READING)
async def list_banks(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Show all banks."""
    banks = await service.read(lambda catalog: catalog.banks.all())
    return show("banks.html", "Banks", principal, banks=banks, severities=list(Severity))


@router.post("/banks", dependencies=EDITING)
async def create_bank(
    service: ServiceDependency,
    name: Annotated[str, Form(max_length=64)],
    kind: Annotated[BankKind, Form()],
    severity: Annotated[Literal["", "low", "medium", "high", "critical"], Form()] = "",
    notes: Text = "",
) -> Response:
    """Create a bank, and show it."""
    details = BankDetails(severity=Severity(severity) if severity else None, notes=notes or None)

    def create(store: Store) -> str:
        with store.writer() as writer:
            return writer.banks.create(name, kind, details).name

    return go_to(f"/console/banks/{await service.commit(create)}")


@router.get("/banks/{name}", dependencies=READING)
async def show_bank(
    request: Request,
    name: str,
    service: ServiceDependency,
    principal: PrincipalDependency,
    after: After = 0,
    view: Annotated[Literal["veils", "fingerprints"], Query()] = "veils",
) -> Response:
    """Show what a bank holds, as veiled pictures or as fingerprints."""
    page = await service.read(lambda catalog: read_bank(catalog, service.matcher, name, after))
    following = with_query(request, after=page.next_after) if page.next_after else None
    return show(
        "bank.html",
        "Banks",
        principal,
        page=page,
        view=view,
        next_url=following,
        severities=list(Severity),
    )


@router.get("/banks/{name}/thresholds", dependencies=READING)
async def show_thresholds(
    name: str, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Show the bounds that hold for a bank, and what others would do."""
    page = await service.read(lambda catalog: read_bank(catalog, service.matcher, name, 0))
    return show("thresholds.html", "Banks", principal, page=page, cards=what_if(page.cards))


@router.post("/banks/{name}/edit", dependencies=EDITING)
async def edit_bank(
    name: str,
    service: ServiceDependency,
    severity: Annotated[Literal["", "low", "medium", "high", "critical"], Form()] = "",
    category: Text = "",
    owner: Text = "",
    notes: Text = "",
) -> Response:
    """Change what is said of a bank."""
    details = BankDetails(category, Severity(severity) if severity else None, notes, owner)

    def edit(store: Store) -> None:
        with store.writer() as writer:
            writer.banks.edit(name, enabled=None, details=details)

    await service.commit(edit)
    return go_to(f"/console/banks/{name}")


@router.post("/banks/{name}/match", dependencies=READING)
async def match_in_bank(
    name: str,
    service: ServiceDependency,
    principal: PrincipalDependency,
    q: Annotated[str, Form(max_length=2000)],
) -> Response:
    """Show what in a bank matches an image id, a URL or a fingerprint, with its distance."""
    card = await verdict_on_text(service, q.strip(), name)
    return show("parts/bank_matches.html", "Banks", principal, card=card)


@router.post("/banks/{name}/{state}", dependencies=EDITING)
async def switch_bank(
    name: str,
    state: Literal["enable", "disable"],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Let a bank count, or not; a toast takes it back."""

    def switch(store: Store) -> None:
        with store.writer() as writer:
            writer.banks.edit(name, enabled=state == "enable", details=BankDetails())

    await service.commit(switch)
    page = await service.read(lambda catalog: read_bank(catalog, service.matcher, name, 0))
    other = "disable" if state == "enable" else "enable"
    return show(
        "parts/bank_state.html",
        "Banks",
        principal,
        bank=page.bank,
        message=f"{name} is {state}d.",
        undo=f"/console/banks/{name}/{other}",
        undo_target="#bank-state",
    )


@router.get("/entries/{entry_id}", dependencies=READING)
async def show_entry(
    entry_id: EntryId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Show an entry: what it is, who decided on it, and what it matched."""
    page = await service.read(lambda catalog: read_entry(catalog, entry_id))
    return show("entry.html", "Banks", principal, page=page)


@router.post("/entries/{entry_id}/disable", dependencies=EDITING)
async def disable_entry(
    entry_id: EntryId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    days: Annotated[int, Form(ge=0, le=3650)] = 0,
) -> Response:
    """Let an entry match nothing for some days, or for good."""
    until = datetime.now(UTC) + timedelta(days=days) if days else FOR_GOOD

    def disable(store: Store) -> None:
        with store.writer() as writer:
            writer.entries.get(entry_id)
            writer.entries.disable([entry_id], until)

    await service.commit(disable)
    page = await service.read(lambda catalog: read_entry(catalog, entry_id))
    return show(
        "parts/entry_state.html",
        "Banks",
        principal,
        page=page,
        message=f"Entry {entry_id} matches nothing {f'for {days} days' if days else 'any more'}.",
        undo=f"/console/entries/{entry_id}/enable",
        undo_target="#entry-state",
    )


@router.post("/entries/{entry_id}/enable", dependencies=EDITING)
async def enable_entry(
    entry_id: EntryId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Let an entry match again."""

    def enable(store: Store) -> None:
        with store.writer() as writer:
            writer.entries.enable([entry_id])

    await service.commit(enable)
    page = await service.read(lambda catalog: read_entry(catalog, entry_id))
    return show(
        "parts/entry_state.html",
        "Banks",
        principal,
        page=page,
        message=f"Entry {entry_id} matches again.",
        undo=None,
    )


@router.post("/entries/{entry_id}/remove", dependencies=EDITING)
async def remove_entry(
    entry_id: EntryId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Take an entry out of its bank; its image stays, and a toast takes it back."""

    def remove(store: Store) -> str:
        with store.writer() as writer:
            bank = writer.entries.get(entry_id).bank
            writer.entries.remove([entry_id])
        return bank

    bank = await service.commit(remove)
    return show(
        "parts/entry_removal.html",
        "Banks",
        principal,
        entry_id=entry_id,
        removed=True,
        message=f"Entry {entry_id} left {bank}.",
        undo=f"/console/entries/{entry_id}/restore",
        undo_target=f"#entry-{entry_id}-removal",
    )


@router.post("/entries/{entry_id}/restore", dependencies=EDITING)
async def restore_entry(
    entry_id: EntryId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Take the removal of an entry back."""

    def restore(store: Store) -> str:
        with store.writer() as writer:
            return writer.entries.restore(entry_id).bank

    bank = await service.commit(restore)
    return show(
        "parts/entry_removal.html",
        "Banks",
        principal,
        entry_id=entry_id,
        message=f"Entry {entry_id} is in {bank} again.",
        undo=None,
    )
