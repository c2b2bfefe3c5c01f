"""The one picture of a multipart request, whatever its field is called."""

from asyncio import timeout
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from indexer.errors import ImageTooLarge, InputError
from search_api.admission import SlowUpload
from search_api.dependencies import ServiceDependency

REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "string",
                            "format": "binary",
                            "description": "The picture; exactly one file, under any field name.",
                        }
                    },
                },
                "example": {"image": "(bytes of the picture)"},
            }
        },
    }
}
"""The request body for OpenAPI; the form is parsed below because the field's name is free."""
UNUSABLE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""How a route may refuse a picture."""
_HINT = "Send exactly one picture as multipart/form-data: curl -F image=@picture.jpg"


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was sent."""

    name: str
    data: bytes


async def take_place(request: Request, service: ServiceDependency) -> AsyncIterator[None]:
    """Hold a place for a request with a picture, from before its body is read.

    Raises
    ------
    Overloaded
        There is no place.
    """
    most, declared = service.settings.max_image_bytes, request.headers.get("content-length", "0")
    size = int(declared) if declared.isdigit() else 0
    if "transfer-encoding" in request.headers or "url" in request.query_params:
        size += most  # of what is to come it is not said how much
    async with service.gates.pictures.place(size, request.receive):
        yield


Place = Depends(take_place, scope="function")  # not until a slow reader has the answer
"""What a route depends on that reads a picture from its request, or from elsewhere, in any way."""


async def read_upload(
    request: Request, service: ServiceDependency, _place: Annotated[None, Place]
) -> Upload:
    """Read the request's picture.

    Raises
    ------
    InputError
        The request is not multipart, or does not hold exactly one file and nothing else.
    ImageTooLarge
        The file has more bytes than the settings allow.
    SlowUpload
        It has not arrived in time.
    """
    limit = service.settings.max_image_bytes
    try:
        async with (
            timeout(service.gates.body_timeout),
            request.form(max_files=1, max_fields=0) as form,
        ):
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if len(files) != 1:
                raise InputError(_HINT)
            data = await files[0].read(limit + 1)
    except TimeoutError:
        raise SlowUpload from None
    except HTTPException as error:  # the parser's refusals; their one code says too little
        raise InputError(f"{str(error.detail).rstrip('.')}. {_HINT}") from error
    if len(data) > limit:
        raise ImageTooLarge(
            f"The upload has more than {limit} bytes, the most that "
            "LOOKALIKE_MAX_IMAGE_BYTES allows."
        )
    return Upload(files[0].filename or "upload", data)


UploadDependency = Annotated[Upload, Depends(read_upload)]
