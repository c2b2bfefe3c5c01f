"""`/c/bank/{name}/content` and `/signal`: contents of a bank."""

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict

from indexer.store import Catalog
from indexer.types import Content
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.hma import examples
from search_api.routes.hma.banks import BankName
from search_api.routes.hma.content_request import (
    JSON_BODY,
    MetadataState,
    Said,
    checked_note,
    read_said,
)
from search_api.routes.hma.content_state import (
    ContentState,
    metadata_of,
    moment_of,
    state_of,
)
from search_api.routes.hma.media import (
    UPLOAD,
    ContentType,
    Place,
    Types,
    Url,
    check_content_type,
    type_names,
    wanted_types,
)
from search_api.routes.hma.messages import answers, hma_router, refuse

router = hma_router("/c/bank/{name}")

ContentId = Annotated[int, Path(description="The content.")]
IncludeSignals = Annotated[bool, Query(description="Include its signals.")]
IncludeMetadata = Annotated[bool, Query(description="Include its metadata.")]
SaidText = Annotated[
    str | None,
    Query(
        description="Like the field of `metadata` or `note`; used if form and JSON body lack it.",
        json_schema_extra=MAY_BE_EMPTY,
    ),
]
SaidJson = Annotated[
    str | None, Query(description="`metadata` as JSON; used if form and JSON body lack it.")
]


class Added(BaseModel):
    """A content that was added, or was there."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """The content."""
    signals: dict[str, str]
    """By type."""


class ContentChange(BaseModel):
    """What is to be different; numbers may come as texts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    disable_until_ts: int | None = None
    """0 disables, 1 enables; else in unix seconds, disabled until then, at most 5 years ahead."""
    note: str | None = None
    """At most 255 characters; null or an empty one clears it."""


class Deleted(BaseModel):
    """How many contents are gone."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    deleted: int
    """1, or 0 where there was none of this id."""


@router.post(
    "/content",
    dependencies=[requires(Scope.BANK_WRITE), Place],
    summary="Add an image to a bank",
    openapi_extra={"requestBody": {"content": {**UPLOAD, **JSON_BODY}}},
    responses=answers(
        HTTPStatus.OK,
        "The content.",
        examples.CONTENT,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def add_content(
    name: BankName,
    request: Request,
    service: ServiceDependency,
    *,
    url: Url = None,
    content_type: ContentType = None,
    types: Types = None,
    content_id: SaidText = None,
    content_uri: SaidText = None,
    metadata: SaidJson = None,
    note: SaidText = None,
) -> Added:
    """Index an uploaded or fetched image and add it to a block bank.

    With `types`, only its signals of these types are added, and the image is not indexed unless the
    embedding is among them. `metadata` and `note` may come as JSON or as fields of the form.
    """
    check_content_type(content_type)
    wanted = await wanted_types(service, types)
    query = {"content_id": content_id, "content_uri": content_uri, "metadata": metadata}
    said = await read_said(request, service, {**query, "note": note})
    if url:
        data = await service.fetcher.get(url)
    elif said.form is not None:
        data = said.form.data
    else:
        raise refuse("Neither `url` nor multipart file upload was received")

    contents = service.contents
    add: Callable[..., Content]
    if types is not None and all(each.kind for each in wanted):
        signals = await service.run(contents.bare_signals, name, data, wanted)
        add = partial(contents.add_signals, name, signals)
    else:
        picture = await service.run(contents.prepare, name, data)
        add = partial(contents.add_picture, name, picture, uri=url)
    content = await service.write(partial(add, metadata=said.metadata, note=said.note))
    return await _added(service, content, type_names(types))


@router.post(
    "/signal",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Add bare signals to a bank",
    responses=answers(
        HTTPStatus.OK,
        "The content.",
        examples.CONTENT,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
    ),
)
async def add_signal(name: BankName, body: dict[str, Any], service: ServiceDependency) -> Added:
    """Add signals of one image to a block bank as one content: `{"pdq": "...", "note": "..."}`.

    Prefer adding the image itself: every signal type then finds it.
    """
    said = Said.of({key: body.pop(key) for key in ("note", "metadata") if key in body})
    signals = {key: value for key, value in body.items() if isinstance(value, str)}
    if len(signals) < len(body):
        raise refuse("Signals are texts, by the name of their type.")

    def add() -> Content:
        return service.contents.add_signals(name, signals, metadata=said.metadata, note=said.note)

    return await _added(service, await service.write(add), [*signals])


@router.get(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get a content",
    response_model_exclude_unset=True,
    responses=answers(HTTPStatus.OK, "The content.", examples.CONTENT_STATE, HTTPStatus.NOT_FOUND),
)
async def get_content(
    name: BankName,
    content_id: ContentId,
    service: ServiceDependency,
    include_signals: IncludeSignals = False,
    include_metadata: IncludeMetadata = True,
    types: Types = None,
) -> ContentState:
    """Return the state of a content of a block bank; never the pixels."""
    names = type_names(types)

    def read(catalog: Catalog) -> ContentState:
        content = catalog.contents.get(name, content_id)
        state = state_of(content)
        if include_signals:
            state.signals = service.contents.signals_of(catalog, content, names)
        if include_metadata and (known := metadata_of(content)):
            state.metadata = MetadataState.model_validate(known)
        return state

    return await service.read(read)


@router.put(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Edit or disable a content",
    response_model_exclude_unset=True,
    responses=answers(
        HTTPStatus.OK,
        "The content as it is now.",
        examples.CONTENT_STATE,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
    ),
)
async def change_content(
    name: BankName, content_id: ContentId, change: ContentChange, service: ServiceDependency
) -> ContentState:
    """Disable or enable a content of a block bank, or edit its metadata."""
    note = checked_note(change.note)
    if note is None and "note" in change.model_fields_set:
        note = ""  # clears it
    ts = change.disable_until_ts
    until = None if ts is None else moment_of(ts)

    def apply() -> ContentState:
        with service.store.writer() as writer:
            writer.contents.get(name, content_id)
            if ts is not None:
                writer.contents.disable(content_id, until)
            writer.contents.describe(content_id, None, note)
            return state_of(writer.contents.get(name, content_id))

    return await service.write(apply)


@router.delete(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete a content",
    responses=answers(HTTPStatus.OK, "How many are gone.", {"deleted": 1}, HTTPStatus.NOT_FOUND),
)
async def delete_content(
    name: BankName, content_id: ContentId, service: ServiceDependency
) -> Deleted:
    """Remove a content from a block bank; its image stays in the index."""

    def remove() -> int:
        with service.store.writer() as writer:
            return writer.contents.remove(name, content_id)

    return Deleted(deleted=await service.write(remove))


async def _added(service: Service, content: Content, names: Sequence[str]) -> Added:
    def read(catalog: Catalog) -> dict[str, str]:
        return service.contents.signals_of(catalog, content, names)

    return Added(id=content.id, signals=await service.read(read))
