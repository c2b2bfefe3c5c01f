"""Content requests of HMA, in every form in use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Self

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.types import ContentMetadata
from search_api.dependencies import Service
from search_api.routes.hma.media import Form, read_upload
from search_api.routes.hma.messages import refuse

_LONGEST_NOTE: Final = 255  # characters
_DEEPEST: Final = 32  # objects and lists in each other
_IN_FORM: Final = frozenset({"note", "metadata", "content_id", "content_uri"})
_COLLAB: Final = "collab"  # told by us; what comes back of it is passed over
_KEYS: Final = frozenset({"content_id", "content_uri", "json", _COLLAB})


class Metadata(BaseModel):
    """What whoever added a content says of it; all of it optional."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    content_id: str | None = None
    """What they call it."""
    content_uri: str | None = None
    """Where they keep it."""
    details: dict[str, Any] | None = Field(default=None, alias="json")
    """Anything else."""


class MetadataState(Metadata):
    """What is known of a content beside its signals."""

    collab: dict[str, list[str]] | None = None
    """By list that it came from: what the list calls it; `LIST.labels` has the list's labels."""


JSON_BODY: Final[dict[str, Any]] = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {
                "metadata": Metadata.model_json_schema(),
                "note": {"type": "string", "maxLength": _LONGEST_NOTE},
            },
        }
    }
}
"""The body beside a URL, for OpenAPI."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a request says of a content."""

    metadata: ContentMetadata | None = None
    note: str | None = None
    form: Form | None = None  # the upload, if there was one

    @classmethod
    def of(cls, body: Mapping[str, Any], form: Form | None = None) -> Self:
        """Check what was said.

        Raises
        ------
        HTTPException
            The note is too long, or the metadata is not an object of the known keys.
        """
        given = body.get("metadata")
        metadata = None if given is None else _checked(given)
        return cls(metadata, checked_note(body.get("note")), form)


def checked_note(note: object) -> str | None:
    """Return a note.

    Raises
    ------
    HTTPException
        It is no text, or too long.
    """
    if note is not None and not (isinstance(note, str) and len(note) <= _LONGEST_NOTE):
        raise refuse(f"note must be a text of at most {_LONGEST_NOTE} characters")
    return note


async def read_said(request: Request, service: Service, query: Mapping[str, str | None]) -> Said:
    """Read a JSON body, or a form with its file, or else take what the query says.

    Consoles send the parts of `metadata` in a form or query flat as well: `content_id`,
    `content_uri`, and what would be `json` as `metadata`.

    Raises
    ------
    HTTPException
        The body is neither, or says what it must not.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return Said.of(await _read_json(request))
    if kind == "multipart/form-data":
        form = await read_upload(request, service, _IN_FORM)
        return Said.of(_gathered(form.fields), form)
    return Said.of(_gathered({key: text for key, text in query.items() if text is not None}))


async def _read_json(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise refuse(f"The body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise refuse("The body should be a JSON object.")
    return body


def _gathered(fields: Mapping[str, str]) -> Mapping[str, Any]:
    """Put together what came as texts."""
    body: dict[str, Any] = {}
    if "note" in fields:
        body["note"] = fields["note"]
    metadata: Any = {key: fields[key] for key in ("content_id", "content_uri") if key in fields}
    if "metadata" in fields:
        try:
            given = json.loads(fields["metadata"])
        except (ValueError, RecursionError) as error:
            raise refuse(f"metadata is no JSON: {error}") from error
        if not isinstance(given, dict):
            raise refuse("metadata should be a JSON object.")
        whole = given.keys() <= _KEYS
        metadata = {**metadata, **given} if whole else {**metadata, "json": given}
    if metadata:
        body["metadata"] = metadata
    return body


def _is_plain(value: object, depth: int = 0) -> bool:
    """Tell whether every database and client takes a JSON value."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return not isinstance(inner, list) or all(_is_plain(each, depth + 1) for each in inner)


def _checked(given: object) -> ContentMetadata:
    if not isinstance(given, dict):
        raise refuse("metadata should be a JSON object.")
    if not _is_plain(given):
        raise refuse(
            "metadata holds numbers that are not finite or half characters, or nests deeper than "
            f"{_DEEPEST}."
        )
    try:
        said = Metadata.model_validate({k: v for k, v in given.items() if k != _COLLAB})
    except ValidationError as error:
        detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise refuse(f"Invalid metadata: {detail}") from error
    return ContentMetadata(said.content_id, said.content_uri, said.details)
