"""Image of a request: uploaded, or fetched from a URL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Query, Request

from indexer.signals import SignalType
from search_api.dependencies import Service
from search_api.routes.hma.messages import refuse
from search_api.uploads.multipart import places, read_files, read_picture

PHOTO: Final = "photo"
"""The one content type."""
_HINT: Final = f"Send one file: curl -F {PHOTO}=@picture.jpg"
Place = places(_HINT)
"""What routes depend on that read a picture."""

Url = Annotated[str | None, Query(max_length=8192, description="URL of the image.")]
ContentType = Annotated[str | None, Query(description="Content type: `photo`, the only one.")]
Types = Annotated[
    str | None,
    Query(
        description="Signal types, separated by commas. By default all enabled types except "
        "the embedding."
    ),
]
UPLOAD: Final[dict[str, Any]] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": [PHOTO],
            "properties": {
                PHOTO: {
                    "type": "string",
                    "format": "binary",
                    "description": "The picture; the field is called by the content type.",
                }
            },
        }
    }
}
"""How a picture is sent, for OpenAPI; the form is parsed here, as it may hold more."""


@dataclass(frozen=True, slots=True)
class Form:
    """An upload: the picture, and the texts that came with it."""

    data: bytes
    fields: Mapping[str, str] = field(default_factory=dict)


def type_names(types: str | None) -> list[str]:
    """Return the names of a list separated by commas; none without a list.

    Raises
    ------
    HTTPException
        There is a list, and it is empty.
    """
    names = [name for each in (types or "").split(",") if (name := each.strip())]
    if types is not None and not names:
        raise refuse("The list of signal types is empty.")
    return names


async def wanted_types(service: Service, types: str | None) -> list[SignalType[Any]]:
    """Return the signal types of a list; without one all but those off or on request.

    Raises
    ------
    HTTPException
        There is a list, and it is empty.
    InputError
        There is no such type, or it is switched off.
    """
    names = type_names(types)
    return await service.read(lambda catalog: service.signals.wanted(catalog, names))


def check_content_type(name: str | None) -> None:
    """Make sure that a content type is one that we know.

    Raises
    ------
    HTTPException
        It is not.
    """
    if name not in (None, "", PHOTO):
        raise refuse(f"No such content type '{name}': send a {PHOTO}.")


async def read_upload(request: Request, service: Service, known: Collection[str] = ()) -> Form:
    """Read an upload: one file in a field that is called by its content type.

    Raises
    ------
    HTTPException
        There is no file, there are two, or its field has another name.
    InputError
        There is a text in a field that is not known, or the form cannot be read.
    ImageTooLarge
        The file has more bytes than the settings allow.
    """
    files, texts = await read_files(request, _HINT, known)
    if not files:
        raise refuse(f"Missing multipart/form-data file upload. {_HINT}")
    if len(files) > 1:
        raise refuse("Only one file allowed per request.")
    ((name, file),) = files
    check_content_type(name)
    return Form(await read_picture(file, service), texts)
