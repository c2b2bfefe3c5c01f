"""Errors in HMA's format: a message with the status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException


class Message(BaseModel):
    """What was done, or what went wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    message: str
    """For people."""


AS_HMA_SAYS: Final[Mapping[int, HTTPStatus]] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.FAILED_DEPENDENCY: HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT: HTTPStatus.FORBIDDEN,
}
"""Where our other routes answer more finely."""


def hma_router(prefix: str = "") -> APIRouter:
    """Return a router of HMA's routes."""
    return APIRouter(prefix=prefix, tags=["hma"])


def refuse(detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> HTTPException:
    """Return the error that tells a caller what to do otherwise."""
    return HTTPException(status, detail)


def answers(
    status: HTTPStatus, description: str, example: Any, *failures: HTTPStatus
) -> dict[int | str, dict[str, Any]]:
    """Describe a route's answers for OpenAPI: the one with an example, and the messages."""
    failing = {"application/json": {"schema": Message.model_json_schema()}}
    return {
        int(status): {
            "description": description,
            "content": {"application/json": {"example": example}},
        },
        **{
            int(each): {"description": each.phrase, "content": failing}
            for each in (*failures, HTTPStatus.SERVICE_UNAVAILABLE)
        },
        "4XX": {"description": "What else may be wrong with the request", "content": failing},
    }
