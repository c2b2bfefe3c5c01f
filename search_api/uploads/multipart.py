"""Reader of multipart requests: their pictures, under any field names, and their other fields."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from indexer.errors import ImageTooLarge, InputError
from search_api.dependencies import Service, ServiceDependency

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
MOST_PICTURES: Final = 32
"""Of one request; the size of its body is bounded as well."""
_MOST_FIELDS: Final = 8  # besides files
_MOST_TEXT: Final = 64 * 2**10  # bytes of such a field
_IDEMPOTENCY_KEY: Final = "idempotency-key"  # the whole body tells whether it comes again
_HINT = "Send exactly one picture as multipart/form-data: curl -F image=@picture.jpg"


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was sent."""

    name: str
    data: bytes


class _Places:
    """A dependency that holds a place for each picture of a request, once its body is there."""

    def __init__(self, hint: str) -> None:
        self._hint = hint

    async def __call__(self, request: Request, service: ServiceDependency) -> AsyncIterator[None]:
        """Read the body, and hold the places until there is an answer.

        Raises
        ------
        Overloaded
            There is no place; where that is so from the beginning, the body is not read.
        InputError
            The body is a form that cannot be read.
        """
        pictures, declared = service.pools.pictures, request.headers.get("content-length", "0")
        pictures.require_room(int(declared) if declared.isdigit() else 0)
        fetched = service.settings.max_image_bytes if "url" in request.query_params else 0
        try:
            count = await self._read_body(request)
            async with pictures.place(fetched, request.receive, count):
                yield
        finally:
            await request.close()

    async def _read_body(self, request: Request) -> int:
        """Read a form or JSON, for who asks for it later; return how many pictures there are."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json" or _IDEMPOTENCY_KEY in request.headers:
            await request.body()
        if kind != "multipart/form-data":
            return 1
        return max(1, len(files_of(await read_form(request, self._hint))))


def places(hint: str) -> Any:
    """Return what a route depends on that reads a picture from its request, or fetches one.

    Parameters
    ----------
    hint : str
        How to send it, for who sends a form that cannot be read.
    """
    return Depends(_Places(hint), scope="function")  # not until a slow reader has the answer


Place = places(_HINT)
PlaceTaken = Annotated[None, Place]


async def read_form(request: Request, hint: str) -> FormData:
    """Return a request's form, which is read once; without any fields if the body is none.

    Raises
    ------
    InputError
        It cannot be read, or has too many parts.
    """
    try:
        return await request.form(
            max_files=MOST_PICTURES, max_fields=_MOST_FIELDS, max_part_size=_MOST_TEXT
        )
    except HTTPException as error:  # the parser's refusals; their one code says too little
        detail = str(error.detail).rstrip(".")
        raise InputError(f"The form cannot be read: {detail}. {hint}") from error


def files_of(form: FormData) -> list[tuple[str, UploadFile]]:
    """Return the files of a form by the names of their fields."""
    return [(name, each) for name, each in form.multi_items() if isinstance(each, UploadFile)]


async def read_files(
    request: Request, hint: str, known: Collection[str] = ()
) -> tuple[list[tuple[str, UploadFile]], dict[str, str]]:
    """Return the files of a request, by the names of their fields, and its other fields.

    Raises
    ------
    InputError
        The form cannot be read, or has another field that is not known.
    """
    form = await read_form(request, hint)
    texts = {name: each for name, each in form.multi_items() if isinstance(each, str)}
    for name in texts:
        if name not in known:
            raise InputError(
                f"The form has an unknown field {name[:100]!r}; parameters belong into the URL. "
                f"{hint}"
            )
    return files_of(form), texts


async def read_picture(file: UploadFile, service: Service) -> bytes:
    """Return the bytes of an uploaded picture.

    Raises
    ------
    ImageTooLarge
        The file has more bytes than the settings allow.
    """
    limit = service.settings.max_image_bytes
    data = await file.read(limit + 1)
    if len(data) > limit:
        raise ImageTooLarge(
            f"The upload has more than {limit} bytes, the most that "
            "LOOKALIKE_MAX_IMAGE_BYTES allows."
        )
    return data


async def read_upload(request: Request, service: ServiceDependency, _place: PlaceTaken) -> Upload:
    """Return the request's picture.

    Raises
    ------
    InputError
        The request is not multipart, or does not hold exactly one file and nothing else.
    ImageTooLarge
        The file has more bytes than the settings allow.
    """
    files, _ = await read_files(request, _HINT)
    if len(files) != 1:
        raise InputError(_HINT)
    ((_, file),) = files
    return Upload(file.filename or "upload", await read_picture(file, service))


UploadDependency = Annotated[Upload, Depends(read_upload)]
