"""`/c/banks` and `/c/bank`: block banks and their ratios."""

import re
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from indexer.store import Catalog
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.routes.hma import examples
from search_api.routes.hma.messages import Message, answers, hma_router, refuse

router = hma_router("/c")
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]*")

BankName = Annotated[str, Path(description="The bank.")]


class Bank(BaseModel):
    """A block bank."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """What it is called."""
    matching_enabled_ratio: float
    """The share of lookups that it takes part in; 0 when it is disabled."""


class BankChange(BaseModel):
    """What is to be different; numbers may come as texts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str | None = None
    """What it is to be called: capitals, digits and underscores."""
    enabled: bool | None = None
    """The same as a ratio of 1 or 0."""
    enabled_ratio: float | None = Field(default=None, ge=0, le=1)
    """The share of lookups that it takes part in."""

    @property
    def ratio(self) -> float | None:
        """The share that is wanted; None if nothing is said of it."""
        if self.enabled_ratio is not None:
            return self.enabled_ratio
        return None if self.enabled is None else float(self.enabled)


class NewBank(BankChange):
    """A bank to be made."""

    name: str
    """What it is to be called: capitals, digits and underscores, not a digit first."""


@router.get(
    "/banks",
    dependencies=[requires(Scope.ANALYST)],
    summary="List banks",
    responses=answers(HTTPStatus.OK, "By name.", [examples.BANK]),
)
async def list_banks(service: ServiceDependency) -> list[Bank]:
    """List the block banks, whatever their names; allow banks hold nothing to match."""
    ratios = await service.read(lambda catalog: catalog.ratios.of_banks())
    return [Bank(name=name, matching_enabled_ratio=ratio) for name, ratio in ratios.items()]


@router.post(
    "/banks",
    dependencies=[requires(Scope.BANK_WRITE)],
    status_code=HTTPStatus.CREATED,
    summary="Create a bank",
    responses=answers(
        HTTPStatus.CREATED,
        "The bank.",
        examples.BANK,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
    ),
)
async def create_bank(new: NewBank, service: ServiceDependency) -> Bank:
    """Create a block bank; 403 if the name is taken."""
    name = _checked(new.name)
    ratio = 1.0 if new.ratio is None else new.ratio

    def create() -> Bank:
        with service.store.writer() as writer:
            writer.ratios.create_bank(name, ratio)
        return Bank(name=name, matching_enabled_ratio=ratio)

    return await service.write(create)


@router.get(
    "/bank/{name}",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get a bank",
    responses=answers(HTTPStatus.OK, "The bank.", examples.BANK, HTTPStatus.NOT_FOUND),
)
async def get_bank(name: BankName, service: ServiceDependency) -> Bank:
    """Return a block bank."""
    return await service.read(lambda catalog: _bank(catalog, name))


@router.put(
    "/bank/{name}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Rename a bank or set its ratio",
    responses=answers(
        HTTPStatus.OK,
        "The bank as it is now.",
        examples.BANK,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
    ),
)
async def change_bank(name: BankName, change: BankChange, service: ServiceDependency) -> Bank:
    """Rename a bank or set its ratio; its contents stay."""
    new_name = name if change.name in (None, name) else _checked(change.name or "")

    def apply() -> Bank:
        with service.store.writer() as writer:
            writer.banks.require_block(name)
            writer.banks.rename(name, new_name)
            if change.ratio is not None:
                writer.ratios.set_bank(new_name, change.ratio)
            return _bank(writer, new_name)

    return await service.write(apply)


@router.delete(
    "/bank/{name}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete a bank with its contents",
    responses=answers(
        HTTPStatus.OK, "Done, or there was none.", {"message": "Done"}, HTTPStatus.NOT_FOUND
    ),
)
async def delete_bank(name: BankName, service: ServiceDependency) -> Message:
    """Remove a block bank and its contents; the images stay in the index.

    Deleting a missing bank succeeds. An allow bank cannot be deleted here: 404.
    """

    def remove() -> None:
        with service.store.writer() as writer:
            if writer.banks.has(name):
                writer.banks.require_block(name)
                writer.banks.remove(name)

    await service.write(remove)
    return Message(message="Done")


def _bank(catalog: Catalog, name: str) -> Bank:
    catalog.banks.require_block(name)
    return Bank(name=name, matching_enabled_ratio=catalog.ratios.of_banks()[name])


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise refuse(
            f"Bank names must match ^[A-Z_][A-Z0-9_]*$ on this route, and {name[:64]!r} does not."
        )
    return name
