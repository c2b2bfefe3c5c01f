"""`/c/exchanges`: always empty, as a command imports lists."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import BaseModel, ConfigDict

from search_api.auth import Scope, requires
from search_api.routes.hma import examples
from search_api.routes.hma.messages import Message, answers, hma_router, refuse

router = hma_router("/c")
_APIS: Final = {"local_file": examples.SCHEMA}
_KNOWN: Final = f"There is {', '.join(_APIS)}."
_NAME: Final = re.compile(r"[A-Z0-9_]+")
_DELETED: Final = "Exchange deleted"
_HINT: Final = (
    "This server fetches from no exchange. Whoever runs it reads lists with "
    "`lookalike bank import`, which takes those of NCMEC, StopNCII and ThreatExchange."
)

ApiName = Annotated[str, Path(description="The kind of exchange.")]
ExchangeName = Annotated[str, Path(description="The exchange.")]


class Api(BaseModel):
    """A kind of exchange."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    supports_authentification: bool
    """Whether it has credentials."""
    has_set_authentification: bool
    """Whether they are set."""


class ApiSchema(BaseModel):
    """What a kind of exchange is configured by."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    config_schema: dict[str, Any]
    """Its fields."""
    credentials_schema: dict[str, Any] | None
    """The fields of its credentials; null if it has none."""


class ApiChange(BaseModel):
    """What is to be different about a kind of exchange."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    credential_json: dict[str, Any] | None = None
    """Its credentials; an empty object takes them back."""


class NewExchange(BaseModel):
    """An exchange to be made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    bank: str
    """What it and its bank are to be called."""
    api: str | None = None
    """Its kind."""
    api_json: dict[str, Any] = {}
    """Its configuration."""


def _answers(description: str, example: Any, *failures: HTTPStatus) -> Any:
    return answers(HTTPStatus.OK, description, example, *failures)


@router.get(
    "/exchanges",
    dependencies=[requires(Scope.ANALYST)],
    summary="List exchanges",
    responses=_answers("None.", []),
)
async def list_exchanges() -> list[str]:
    """Return an empty list: `lookalike bank import` reads lists instead."""
    return []


@router.post(
    "/exchanges",
    dependencies=[requires(Scope.BANK_WRITE)],
    status_code=HTTPStatus.CREATED,
    summary="Create an exchange",
    responses=answers(
        HTTPStatus.CREATED,
        "Not given by this server.",
        {"message": "Created successfully"},
        HTTPStatus.BAD_REQUEST,
    ),
)
async def create_exchange(new: NewExchange) -> Message:
    """Answer 400, with the error or with how lists are imported."""
    if not _NAME.fullmatch(new.bank):
        raise refuse("Field `bank` must match /^[A-Z0-9_]+$/")
    if new.api is None:
        raise refuse("Field `api` is required")
    if new.api not in _APIS:
        raise refuse(f"No such exchange type '{new.api}'. {_HINT}")
    raise refuse(_HINT)


@router.get(
    "/exchanges/apis",
    dependencies=[requires(Scope.ANALYST)],
    summary="List exchange APIs",
    responses=_answers("Their names.", list(_APIS)),
)
async def list_apis() -> list[str]:
    """List the kinds of exchanges: a file that a command reads."""
    return list(_APIS)


@router.get(
    "/exchanges/api/{api}",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get an exchange API",
    responses=_answers(
        "What it has.",
        {"supports_authentification": False, "has_set_authentification": False},
        HTTPStatus.BAD_REQUEST,
    ),
)
async def get_api(api: ApiName) -> Api:
    """Return a kind of exchange."""
    return _api(api)


@router.post(
    "/exchanges/api/{api}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Set credentials of an exchange API",
    responses=_answers(
        "What it has.",
        {"supports_authentification": False, "has_set_authentification": False},
        HTTPStatus.BAD_REQUEST,
    ),
)
async def set_api_credentials(api: ApiName, change: ApiChange) -> Api:
    """Refuse credentials: no kind of exchange here has any. Removing them succeeds."""
    found = _api(api)
    if change.credential_json:
        raise refuse(f"Exchange API '{api}' takes no credentials. {_HINT}")
    return found


@router.get(
    "/exchanges/api/{api}/schema",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get the configuration schema of an exchange API",
    responses=_answers("Its fields.", examples.SCHEMA, HTTPStatus.NOT_FOUND),
)
async def get_api_schema(api: ApiName) -> ApiSchema:
    """Return the fields of its configuration."""
    if api not in _APIS:
        raise refuse(f"Exchange API '{api}' not found. {_KNOWN}", HTTPStatus.NOT_FOUND)
    return ApiSchema.model_validate(_APIS[api])


@router.get(
    "/exchange/{exchange}",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get an exchange",
    responses=_answers("Not given by this server.", {}, HTTPStatus.NOT_FOUND),
)
async def get_exchange(exchange: ExchangeName) -> dict[str, Any]:
    """Answer 404: there are no exchanges."""
    raise _unknown(exchange)


@router.put(
    "/exchange/{exchange}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Edit an exchange",
    responses=_answers("Not given by this server.", {}, HTTPStatus.NOT_FOUND),
)
async def change_exchange(exchange: ExchangeName) -> dict[str, Any]:
    """Answer 404: there are no exchanges."""
    raise _unknown(exchange)


@router.delete(
    "/exchange/{exchange}",
    dependencies=[requires(Scope.BANK_WRITE)],
    summary="Delete an exchange",
    responses=_answers("There was none.", {"message": _DELETED}),
)
async def delete_exchange(
    exchange: ExchangeName,  # noqa: ARG001 -- whatever it is called, there is none
) -> Message:
    """Answer that it is deleted, as HMA does for a missing exchange."""
    return Message(message=_DELETED)


@router.get(
    "/exchange/{exchange}/status",
    dependencies=[requires(Scope.ANALYST)],
    summary="Get the status of an exchange",
    responses=_answers("Not given by this server.", {}, HTTPStatus.NOT_FOUND),
)
async def exchange_status(exchange: ExchangeName) -> dict[str, Any]:
    """Answer 404: there are no exchanges."""
    raise _unknown(exchange)


def _api(name: str) -> Api:
    if name not in _APIS:
        raise refuse(f"No such Exchange API '{name}'. {_KNOWN}")
    return Api(supports_authentification=False, has_set_authentification=False)


def _unknown(name: str) -> Exception:
    return refuse(f"Exchange '{name}' not found. {_HINT}", HTTPStatus.NOT_FOUND)
