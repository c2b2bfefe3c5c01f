"""`/c/bank/{name}/content` and `/signal`: what a bank holds."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict

from indexer.store import FOR_GOOD, Catalog
from indexer.types import Content
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.routes.hma import examples
from search_api.routes.hma.banks import Bank, BankName
from search_api.routes.hma.media import (
    UPLOAD,
    ContentType,
    Url,
    check_content_type,
)
from search_api.routes.hma.messages import answers, hma_router, refuse
from search_api.routes.hma.said import JSON_BODY, Metadata, Said, checked_note, read_said
from search_api.uploads import Place

router = hma_router("/c/bank/{name}")

ContentId = Annotated[int, Path(description="The content.")]
IncludeSignals = Annotated[bool, Query(description="Say its signals.")]
IncludeMetadata = Annotated[bool, Query(description="Say what whoever added it said of it.")]
_ENABLED: Final = 0
_FOR_GOOD: Final = 1
_LONGEST: Final = timedelta(days=5 * 365)


class Added(BaseModel):
    """A content that was added, or was there."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """The content."""
    signals: dict[str, str]
    """By type."""


class ContentState(BaseModel):
    """A content as it is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """The content."""
    disable_until_ts: int
    """0 while it is enabled, 1 when it is disabled for good, else until when in unix seconds."""
    original_media_uri: str | None
    """The URL that it was fetched from."""
    bank: Bank
    """Its bank."""
    collab_metadata: dict[str, list[str]]
    """Always empty: which list an entry came from is told by our own routes."""
    signals: dict[str, str] | None = None
    """By type; only if asked for."""
    metadata: Metadata | None = None
    """What was said of it; only if asked for."""
    note: str | None = None
    """Only if there is one."""


class ContentChange(BaseModel):
    """What is to be different; numbers may come as texts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    disable_until_ts: int | None = None
    """0 enables, 1 disables for good, else until when in unix seconds, at most 5 years ahead."""
    note: str | None = None
    """At most 255 characters; an empty one is taken back."""


class Deleted(BaseModel):
    """How many contents are gone."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    deleted: int
    """1, or 0 where there was none of this id."""


@router.post(
    "/content",
    dependencies=[requires(Scope.BANK_WRITE), Place],
    summary="May a picture join a bank?",
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
    url: Url = None,
    content_type: ContentType = None,
) -> Added:
    """Index a picture that is uploaded or fetched, and let it join a block bank.

    `metadata` and `note` may come as JSON, or as fields of the form.
    """
    said = await read_said(request, service)
    if url:
        check_content_type(content_type)
        data = await service.fetcher.get(url)
    elif said.form is not None:
        data = said.form.data
    else:
        raise refuse("Neither `url` nor multipart file upload was received")

    picture = await service.run(service.contents.prepare, name, data)

    def add() -> Content:
        return service.contents.add_picture(
            name, picture, uri=url, metadata=said.metadata, note=said.note
        )

    return await _added(service, await service.write(add))


@router.post(
    "/signal",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="May bare signals join a bank?",
    responses=answers(
        HTTPStatus.OK,
        "The content.",
        examples.CONTENT,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
    ),
)
async def add_signal(name: BankName, body: dict[str, Any], service: ServiceDependency) -> Added:
    """Let signals of one thing join a block bank as one content: `{"pdq": "...", "note": "..."}`.

    A picture itself is better: it is found by every type of signal.
    """
    said = Said.of({key: body.pop(key) for key in ("note", "metadata") if key in body})
    signals = {key: value for key, value in body.items() if isinstance(value, str)}
    if len(signals) < len(body):
        raise refuse("Signals are texts, by the name of their type.")

    def add() -> Content:
        return service.contents.add_signals(name, signals, metadata=said.metadata, note=said.note)

    return await _added(service, await service.write(add))


@router.get(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.ANALYST)],
    summary="What is known of a content?",
    response_model_exclude_unset=True,
    responses=answers(HTTPStatus.OK, "The content.", examples.CONTENT_STATE, HTTPStatus.NOT_FOUND),
)
async def get_content(
    name: BankName,
    content_id: ContentId,
    service: ServiceDependency,
    include_signals: IncludeSignals = False,  # noqa: FBT002 -- FastAPI's way
    include_metadata: IncludeMetadata = False,  # noqa: FBT002 -- likewise
) -> ContentState:
    """Return the state of a content of a block bank; never the pixels."""

    def read(catalog: Catalog) -> ContentState:
        content = catalog.content(name, content_id)
        state = _state(content)
        if include_signals:
            state.signals = service.contents.signals_of(catalog, content)
        if include_metadata:
            said = content.metadata
            given = {
                "content_id": said.content_id,
                "content_uri": said.content_uri,
                "json": said.json,
            }
            state.metadata = Metadata.model_validate(
                {key: value for key, value in given.items() if value is not None}
            )
        return state

    return await service.read(read)


@router.put(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="May a content match again, or match nothing for a while?",
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
    """Disable or enable a content of a block bank, or say something of it."""
    note = checked_note(change.note)
    ts = change.disable_until_ts
    until = None if ts is None else _moment(ts)

    def apply() -> ContentState:
        with service.store.writer() as writer:
            writer.content(name, content_id)
            if ts is not None:
                writer.disable_content(content_id, until)
            writer.describe_content(content_id, None, note)
            return _state(writer.content(name, content_id))

    return await service.write(apply)


@router.delete(
    "/content/{content_id:int}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="May a content go?",
    responses=answers(HTTPStatus.OK, "How many are gone.", {"deleted": 1}, HTTPStatus.NOT_FOUND),
)
async def delete_content(
    name: BankName, content_id: ContentId, service: ServiceDependency
) -> Deleted:
    """Remove a content from a block bank; its picture stays in the index."""

    def remove() -> int:
        with service.store.writer() as writer:
            return writer.remove_content(name, content_id)

    return Deleted(deleted=await service.write(remove))


async def _added(service: Service, content: Content) -> Added:
    signals = await service.read(lambda catalog: service.contents.signals_of(catalog, content))
    return Added(id=content.id, signals=signals)


def _state(content: Content) -> ContentState:
    state = ContentState(
        id=content.id,
        disable_until_ts=_timestamp(content.disabled_until),
        original_media_uri=content.uri,
        bank=Bank(name=content.bank, matching_enabled_ratio=content.ratio),
        collab_metadata={},
    )
    if content.note is not None:
        state.note = content.note
    return state


def _moment(timestamp: int) -> datetime | None:
    """Return until when a content is to be disabled; None if it is to be enabled."""
    if timestamp == _ENABLED:
        return None
    if timestamp == _FOR_GOOD:
        return FOR_GOOD
    if timestamp < 0:
        raise refuse("disable_until_ts must be a non-negative integer")
    if timestamp > (datetime.now(UTC) + _LONGEST).timestamp():
        raise refuse("disable_until_ts must be less than 5 years in the future")
    return datetime.fromtimestamp(timestamp, UTC)


def _timestamp(until: datetime | None) -> int:
    if until is None:
        return _ENABLED
    return _FOR_GOOD if until == FOR_GOOD else int(until.timestamp())
