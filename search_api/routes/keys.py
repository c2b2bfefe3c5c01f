"""`/v1/keys`: API keys."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from indexer import keys
from indexer.types import ApiKey, CreatedKey
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.openapi import admin_examples, examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(prefix="/v1/keys", tags=["keys"])
KeyId = Annotated[int, Path(ge=1, le=MAX_ID, description="The key, as listed.")]


class KeyRequest(BaseModel):
    """What a new key is for."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    """What the key is for."""
    scopes: list[Scope] = Field(min_length=1, max_length=4)
    """What it may do; admin includes all others."""
    expires_at: AwareDatetime | None = None
    """From when on it does not work; never if left out."""
    requests_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Requests that it may make on average; the server's own limit if left out."""


@router.post(
    "",
    dependencies=[requires(Scope.ADMIN)],
    operation_id="create_key",
    summary="Create an API key",
    responses={
        200: examples.answer("The key and, this once, its token.", admin_examples.CREATED_KEY),
        **problems(
            HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def create_key(request: KeyRequest, service: ServiceDependency) -> CreatedKey:
    """Create a key, which works at once. Its token is returned only this once."""
    expires_at: datetime | None = request.expires_at
    return await service.write(
        keys.create_key,
        service.store,
        request.name,
        request.scopes,
        expires_at=expires_at,
        requests_per_second=request.requests_per_second,
    )


@router.get(
    "",
    dependencies=[requires(Scope.ADMIN)],
    operation_id="list_keys",
    summary="List API keys",
    responses={
        200: examples.answer("Oldest first.", examples.page(admin_examples.KEY)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_keys(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[ApiKey]:
    """Return a page of the keys, including expired and revoked ones; never their secrets."""
    after = id_after(cursor)
    rows = await service.read(lambda catalog: catalog.keys.page(after_id=after, limit=limit + 1))
    return page_of(rows, limit, lambda key: key.id)


@router.post(
    "/{key_id}/revoke",
    dependencies=[requires(Scope.ADMIN)],
    operation_id="revoke_key",
    summary="Revoke an API key",
    responses={
        200: examples.answer("The key.", admin_examples.REVOKED_KEY),
        **problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def revoke_key(key_id: KeyId, service: ServiceDependency) -> ApiKey:
    """Revoke a key: every server refuses it and its sessions within seconds."""
    return await service.write(keys.revoke_key, service.store, key_id)
