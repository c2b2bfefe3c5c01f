"""`/v1/entries`, and the entries of one bank: images and bare fingerprints."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from indexer.errors import InputError
from indexer.images.fingerprints import parse_fingerprint
from indexer.ingest import add_entry, make_image
from indexer.store import FOR_GOOD, Store
from indexer.types import EntryRecord
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import examples, index_examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of
from search_api.routes.banks import UNKNOWN, UNUSABLE_BODY, BankName
from search_api.schemas import Disabling, NewEntry, RemovedEntry
from search_api.uploads.multipart import REQUEST_BODY, UNUSABLE, Place, UploadDependency

router = APIRouter(prefix="/v1", tags=["entries"], route_class=WriteRoute)
EntryId = Annotated[int, Path(ge=1, le=MAX_ID, description="The entry.")]


@router.get(
    "/banks/{name}/entries",
    operation_id="list_entries",
    dependencies=[requires(Scope.ANALYST)],
    summary="List a bank's entries",
    responses={
        200: examples.answer("Oldest first.", examples.page(index_examples.ENTRY)),
        **UNKNOWN,
    },
)
async def list_entries(
    name: BankName, service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[EntryRecord]:
    """Return a page of a bank's entries, including disabled ones."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.entries.page(name, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda entry: entry.id)


@router.post(
    "/banks/{name}/entries",
    operation_id="add_entry",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Add a stored image or a fingerprint to a bank",
    status_code=HTTPStatus.CREATED,
    responses={
        201: examples.answer("The entry.", index_examples.BARE_ENTRY),
        **UNKNOWN,
        **UNUSABLE_BODY,
    },
    openapi_extra=examples.request(
        {"fingerprint": examples.FINGERPRINT_REQUEST, "notes": "from a partner"}
    ),
)
async def post_entry(name: BankName, request: NewEntry, service: ServiceDependency) -> EntryRecord:
    """Create an entry; one that exists is returned unchanged."""
    if (request.image_id is None) == (request.fingerprint is None):
        raise InputError("Say what is to join the bank: either `image_id` or `fingerprint`.")
    if request.image_id is not None and (request.notes or request.labels):
        raise InputError("Notes and labels are said of a fingerprint only. Leave them out.")
    given = request.fingerprint
    fingerprint = parse_fingerprint(given.kind, given.value) if given else None

    def add(store: Store) -> EntryRecord:
        with store.writer() as writer:
            bank_id = writer.banks.id_of(name)
            if fingerprint is not None:
                entry_id = writer.entries.add_fingerprint(
                    bank_id, fingerprint, notes=request.notes, labels=request.labels
                )
                return writer.entries.get(entry_id)
            writer.entries.add(bank_id, [request.image_id or 0])
            return writer.entries.of_image(name, request.image_id or 0)

    return await service.commit(add)


@router.post(
    "/banks/{name}/entries/upload",
    operation_id="upload_entry",
    dependencies=[requires(Scope.BANK_WRITE), Place],  # a place before anything is looked up
    summary="Upload an image to a bank",
    status_code=HTTPStatus.CREATED,
    openapi_extra=REQUEST_BODY,
    responses={
        201: examples.answer("The entry.", index_examples.ENTRY),
        **problems(*UNUSABLE, HTTPStatus.NOT_FOUND),
    },
)
async def upload_entry(
    name: BankName, upload: UploadDependency, service: ServiceDependency
) -> EntryRecord:
    """Index an image, if it is new, and add it to the bank; repeating this changes nothing."""
    await service.read(lambda catalog: catalog.banks.id_of(name))
    matcher = service.matcher
    image = await service.run(make_image, upload.data, matcher.classifier.encoder, service.settings)
    return await service.commit(lambda store: add_entry(store, image, matcher.space, name))


@router.get(
    "/entries/{entry_id}",
    operation_id="get_entry",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get an entry",
    responses={200: examples.answer("The entry.", index_examples.ENTRY), **UNKNOWN},
)
async def get_entry(entry_id: EntryId, service: ServiceDependency) -> EntryRecord:
    """Return one entry, even if it is disabled."""
    return await service.read(lambda catalog: catalog.entries.get(entry_id))


@router.post(
    "/entries/{entry_id}/disable",
    operation_id="disable_entry",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Disable an entry",
    responses={
        200: examples.answer("The entry.", index_examples.DISABLED_ENTRY),
        **UNKNOWN,
        **UNUSABLE_BODY,
    },
    openapi_extra=examples.request({"until": "2027-01-31T18:00:00Z"}),
)
async def disable_entry(
    entry_id: EntryId, request: Disabling, service: ServiceDependency
) -> EntryRecord:
    """Disable an entry: it stays in its bank, but matches nothing from the next query on."""
    until = request.until or FOR_GOOD
    if until <= datetime.now(UTC):
        raise InputError(f"{until:%Y-%m-%d %H:%M %Z} has passed. Say a moment that is to come.")

    def disable(store: Store) -> EntryRecord:
        with store.writer() as writer:
            writer.entries.get(entry_id)
            writer.entries.disable([entry_id], until)
            return writer.entries.get(entry_id)

    return await service.commit(disable)


@router.post(
    "/entries/{entry_id}/enable",
    operation_id="enable_entry",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Enable an entry",
    responses={200: examples.answer("The entry.", index_examples.ENTRY), **UNKNOWN},
)
async def enable_entry(entry_id: EntryId, service: ServiceDependency) -> EntryRecord:
    """Enable an entry; it matches again unless its bank is disabled."""

    def enable(store: Store) -> EntryRecord:
        with store.writer() as writer:
            writer.entries.enable([entry_id])
            return writer.entries.get(entry_id)

    return await service.commit(enable)


@router.delete(
    "/entries/{entry_id}",
    operation_id="remove_entry",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete an entry",
    responses={200: examples.answer("It is removed.", index_examples.REMOVED_ENTRY), **UNKNOWN},
)
async def remove_entry(entry_id: EntryId, service: ServiceDependency) -> RemovedEntry:
    """Remove an entry; its image stays. Importing its list again does not restore it."""

    def remove(store: Store) -> RemovedEntry:
        with store.writer() as writer:
            bank = writer.entries.get(entry_id).bank
            writer.entries.remove([entry_id])
        return RemovedEntry(entry_id=entry_id, bank=bank)

    return await service.commit(remove)
