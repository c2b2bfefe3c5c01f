"""Comparison of two veiled pictures, with the regions that they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from indexer.store import Catalog
from indexer.types import MatchRegions, Part, Veil

_MOST_POINTS: Final = 60
_SIDE: Final = 352  # pixels, those of a thumbnail


@dataclass(frozen=True, slots=True)
class ComparedPicture:
    """One of the two pictures."""

    name: str
    href: str
    """Where its veiled picture is."""
    width: int
    """Pixels of the upright picture."""
    height: int
    box: tuple[int, int, int, int] | None = None
    """The part that matched: left, top, width, height in pixels."""
    points: tuple[tuple[float, float], ...] = ()
    """Shared details, in pixels."""


def compared_images(
    catalog: Catalog, image_ids: Sequence[int], veil: Veil
) -> list[ComparedPicture]:
    """Return stored images to compare.

    Raises
    ------
    NotFoundError
        One of them is not in the index.
    """
    return [
        ComparedPicture(f"Image {each.id}", _preview(each.id, veil), each.width, each.height)
        for each in map(catalog.images.get, image_ids)
    ]


def compared_match(
    regions: MatchRegions, query_href: str, veil: Veil
) -> tuple[tuple[ComparedPicture, ComparedPicture], str]:
    """Return an upload and a stored image to compare, and in words what they share."""
    step = max(1, ceil(len(regions.details) / _MOST_POINTS))
    shown = regions.details[::step]
    ours = ComparedPicture(
        "Query",
        query_href,
        *regions.query_size,
        _box(regions.query_part),
        tuple((each.query_x, each.query_y) for each in shown),
    )
    theirs = ComparedPicture(
        f"Image {regions.image_id}",
        _preview(regions.image_id, veil),
        *regions.image_size,
        _box(regions.part),
        tuple((each.x, each.y) for each in shown),
    )
    return (ours, theirs), _words(regions)


def _words(regions: MatchRegions) -> str:
    if not regions.has_features:
        return "No local features of the stored image are kept, so shared details are not drawn."
    mirrored = ", mirrored" if regions.is_mirrored else ""
    count = len(regions.details)
    return (
        f"{count} local features lie in the same arrangement{mirrored}."
        if count
        else ("No local features lie in the same arrangement.")
    )


def _box(part: Part | None) -> tuple[int, int, int, int] | None:
    return part.box if part else None


def _preview(image_id: int, veil: Veil) -> str:
    return f"/v1/images/{image_id}/preview?veil={veil.value}&strength=1&size={_SIDE}"
