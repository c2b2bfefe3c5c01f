"""Batches: several pictures in one multipart request, each with its own answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import anyio
from fastapi import Depends, Request

from indexer.errors import ImageTooLarge, InputError, LookalikeError
from indexer.runtime.cpu import usable_cores
from search_api.auth import principal_of
from search_api.dependencies import ServiceDependency
from search_api.errors import problem_of
from search_api.schemas import Problem
from search_api.uploads.multipart import (
    MOST_PICTURES,
    Upload,
    places,
    read_files,
    read_picture,
)

AnswerT = TypeVar("AnswerT")
_AT_ONCE: Final = usable_cores()  # pictures of one request, waiting for their turn or worked on
BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_PICTURES,
                            "items": {"type": "string", "format": "binary"},
                            "description": "The pictures, under any field names.",
                        }
                    },
                },
                "example": {"image": ["(bytes of one picture)", "(bytes of another)"]},
            }
        },
    }
}
"""The request body for OpenAPI."""
_HINT = (
    f"Send 1 to {MOST_PICTURES} pictures as multipart/form-data: "
    "curl -F image=@one.jpg -F image=@another.jpg"
)


async def read_uploads(
    request: Request, service: ServiceDependency, _places: Annotated[None, places(_HINT)]
) -> list[Upload | tuple[str, LookalikeError]]:
    """Return the request's pictures; one that is too large is given as its name and the error.

    Raises
    ------
    InputError
        The request is not multipart, or does not hold files and nothing else.
    RateLimited
        The key may not ask about so many pictures now.
    """
    files, _ = await read_files(request, _HINT)
    if not files:
        raise InputError(_HINT)
    key = (await principal_of(request)).key
    if key is not None:
        others = len(files) - 1  # one is counted for the request already
        service.access.authenticator.charge(key, others)
    read: list[Upload | tuple[str, LookalikeError]] = []
    for _, file in files:
        name = file.filename or "upload"
        try:
            read.append(Upload(name, await read_picture(file, service)))
        except ImageTooLarge as error:
            read.append((name, error))
    return read


UploadsDependency = Annotated[list[Upload | tuple[str, LookalikeError]], Depends(read_uploads)]


async def answer_each(
    uploads: Sequence[Upload | tuple[str, LookalikeError]],
    answer: Callable[[Upload], Awaitable[AnswerT]],
) -> list[tuple[str, AnswerT | None, Problem | None]]:
    """Answer for each picture, a few at a time; give name, answer and problem in their order.

    Raises
    ------
    TimedOut, ClientGone
        One waited too long for its turn, or nobody waits any more.
    """
    at_once = anyio.Semaphore(_AT_ONCE)
    answered: list[tuple[str, AnswerT | None, Problem | None]] = [("", None, None)] * len(uploads)

    async def answer_one(place: int, upload: Upload) -> None:
        async with at_once:
            try:
                answered[place] = (upload.name, await answer(upload), None)
            except LookalikeError as error:
                answered[place] = (upload.name, None, problem_of(error))

    try:
        async with anyio.create_task_group() as group:
            for place, upload in enumerate(uploads):
                if isinstance(upload, Upload):
                    group.start_soon(answer_one, place, upload)
                else:
                    answered[place] = (upload[0], None, problem_of(upload[1]))
    except ExceptionGroup as failures:  # the errors' table knows the first, not the group
        raise failures.exceptions[0] from None
    return answered
