"""`/c/signal_type` and `/c/content_type`: signal and content types."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from indexer.signals import measure_lag
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.routes.hma import examples
from search_api.routes.hma.matching import SignalName, types_named
from search_api.routes.hma.media import PHOTO
from search_api.routes.hma.messages import answers, hma_router

router = hma_router("/c")


class SignalTypeState(BaseModel):
    """A type of signals."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """What it is called."""
    enabled_ratio: float
    """1 unless it was set; 0 when it is switched off."""


class SignalTypeChange(BaseModel):
    """What is to be different; numbers may come as texts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    enabled_ratio: float = Field(ge=0, le=1)
    """0 switches the type off."""


class IndexSizes(BaseModel):
    """How far the search for a type has come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    db_size: int
    """Entries with a signal of the type."""
    index_size: int
    """Those that a lookup knows of."""
    index_out_of_date: bool
    """Whether a lookup does not know of all."""
    newest_db_item: int
    """When the log last changed, in unix seconds; -1 if never."""
    index_built_to: int
    """When the last change that a lookup knows of was made, likewise."""


class ContentTypeState(BaseModel):
    """A type of contents."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """What it is called."""
    enabled: bool
    """Always true."""


@router.get(
    "/signal_type",
    dependencies=[requires(Scope.ANALYST)],
    summary="List signal types",
    responses=answers(HTTPStatus.OK, "All types.", [{"name": "pdq", "enabled_ratio": 1.0}]),
)
async def list_signal_types(service: ServiceDependency) -> list[SignalTypeState]:
    """List the types; the embedding's name has the first digits of the model's fingerprint."""
    ratios = await service.read(service.signals.ratios)
    return [SignalTypeState(name=name, enabled_ratio=ratio) for name, ratio in ratios.items()]


@router.get(
    "/signal_type/index",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get the lag of each signal type's index",
    responses=answers(
        HTTPStatus.OK, "By signal type.", examples.INDEX_SIZES, HTTPStatus.BAD_REQUEST
    ),
)
async def signal_type_index(
    service: ServiceDependency, signal_type: SignalName = None
) -> dict[str, IndexSizes]:
    """Compare what is stored with what lookups have seen."""
    types = types_named(service, signal_type)
    states = await service.read(lambda catalog: measure_lag(catalog, service.matcher.views, types))
    return {
        name: IndexSizes(
            db_size=each.stored,
            index_size=each.searchable,
            index_out_of_date=each.out_of_date,
            newest_db_item=each.newest,
            index_built_to=each.built_to,
        )
        for name, each in states.items()
    }


@router.put(
    "/signal_type/{name}",
    dependencies=[requires(Scope.BANK_WRITE)],
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    summary="Enable or disable a signal type",
    responses=answers(HTTPStatus.NO_CONTENT, "Done.", None, HTTPStatus.BAD_REQUEST),
)
async def change_signal_type(
    name: Annotated[str, Path(description="The type.")],
    change: SignalTypeChange,
    service: ServiceDependency,
) -> None:
    """Set the ratio of a type; a type with ratio 0 is not hashed, looked up or added."""
    types_named(service, name)

    def apply() -> None:
        with service.store.writer() as writer:
            writer.ratios.set_signal_type(name, change.enabled_ratio)

    await service.write(apply)


@router.get(
    "/content_type",
    dependencies=[requires(Scope.ANALYST)],
    summary="List content types",
    responses=answers(HTTPStatus.OK, "One.", [{"name": PHOTO, "enabled": True}]),
)
async def list_content_types() -> list[ContentTypeState]:
    """List the content types: photos, with animations matched by their first frame."""
    return [ContentTypeState(name=PHOTO, enabled=True)]
