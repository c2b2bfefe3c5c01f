"""Veiled pictures: query parameters, and what the document says of the answer."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Query

from indexer.images.veils import STRENGTHS
from indexer.types import Veil
from indexer.verification.thumbnails import SIDE

OfVeil = Annotated[Veil, Query(description="What covers it: blur, grey or lines.")]
Strength = Annotated[
    int,
    Query(
        ge=STRENGTHS.start,
        le=STRENGTHS.stop - 1,
        description="How much is covered: 1 least, 5 most.",
    ),
]
Size = Annotated[int, Query(ge=16, le=SIDE, description="Pixels of the longest side, 16 to 352.")]
VEILED: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK: {
        "description": "The veiled picture as a JPEG.",
        "content": {"image/jpeg": {}},
    }
}
"""Answer of the routes that return one."""
