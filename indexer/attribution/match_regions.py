"""Match regions: the pieces and the local features that a picture and a stored image share."""

from typing import Final, NamedTuple

import numpy as np

from indexer.errors import NotFoundError
from indexer.images.decode import decoded
from indexer.matching import Matcher, Query, SearchOptions
from indexer.settings import ImageLimits
from indexer.store import Store
from indexer.stored_features import read_features
from indexer.types import Detail, ImageRecord, Match, MatchRegions, Part, Rgb, Tier
from indexer.verification import shrink
from indexer.verification.geometry import Inliers, find_inliers
from indexer.verification.local_features import Features, find_in_query

_CANDIDATES: Final = 100  # among which the image is looked for


class _Found(NamedTuple):
    """Details that a region of the query shares with a stored image."""

    details: tuple[Detail, ...]
    is_mirrored: bool


def explain_match(
    matcher: Matcher,
    store: Store,
    limits: ImageLimits,
    data: bytes,
    name: str,
    image_id: int,
) -> MatchRegions:
    """Find which regions of a picture and of a stored image match.

    Parameters
    ----------
    matcher : Matcher
    store : Store
    limits : ImageLimits
    data : bytes
        The file.
    name : str
        What the answer calls it.
    image_id : int
        The stored image; it need not be a match.

    Raises
    ------
    InputError
        The picture cannot be read or is too large.
    NotFoundError
        No active image has this id.
    """
    with store.reader() as catalog:
        record = catalog.images.get_many([image_id]).get(image_id)
        if record is None:
            raise NotFoundError(
                f"No image {image_id} is in the index. `lookalike index list` shows the ids."
            )
        stored = read_features(catalog, [image_id]).get(image_id)
    asked = Query.picture(data, name)
    matches = matcher.matches(asked, SearchOptions(k=_CANDIDATES)).matches
    match = next((each for each in matches if each.image_id == image_id), None)
    with decoded(data, limits) as picture:
        size = picture.width, picture.height
        found = _find_details(picture.rgb, size, record, stored, match)
    return MatchRegions(
        query=name,
        image_id=image_id,
        tier=match.tier if match else Tier.NONE,
        log_odds=match.log_odds if match else None,
        query_size=size,
        image_size=(record.width, record.height),
        query_part=match.query_part if match else None,
        part=match.part if match else None,
        is_mirrored=found.is_mirrored,
        has_features=stored is not None,
        details=found.details,
    )


def _find_details(
    rgb: Rgb,
    size: tuple[int, int],
    record: ImageRecord,
    stored: Features | None,
    match: Match | None,
) -> _Found:
    """Return the details of the whole query, or of the part that matched where it has more."""
    nothing = _Found((), is_mirrored=False)
    if stored is None:
        return nothing
    regions: list[Part | None] = [None]
    if match and match.query_part and match.query_part.box:
        regions.append(match.query_part)
    found = (_of_region(rgb, size, part, record, stored) for part in regions)
    return max((nothing, *found), key=lambda each: len(each.details))


def _of_region(
    rgb: Rgb, size: tuple[int, int], part: Part | None, record: ImageRecord, stored: Features
) -> _Found:
    """Return the details of one region of the query, in pixels of both whole pictures."""
    box = part.box if part and part.box else (0, 0, *size)
    scale = rgb.shape[1] / size[0]  # below 1 where a very large picture was reduced
    left, top, width, height = (round(each * scale) for each in box)
    region = np.ascontiguousarray(rgb[top : top + height, left : left + width])
    grey = shrink(region)
    hands = [find_inliers(hand, stored) for hand in find_in_query(grey)]
    is_mirrored = hands[1].count > hands[0].count
    inliers = hands[is_mirrored]
    ours = inliers.left.astype(np.float64)
    if is_mirrored:
        ours[:, 0] = grey.shape[1] - 1 - ours[:, 0]
    ours = ours * (box[2] / grey.shape[1]) + box[:2]
    return _Found(_details(ours.round(1), inliers, record, stored), is_mirrored)


def _details(
    ours: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    inliers: Inliers,
    record: ImageRecord,
    stored: Features,
) -> tuple[Detail, ...]:
    theirs = (inliers.right.astype(np.float64) * (record.width / stored.size[1])).round(1)
    pairs = sorted(zip(ours.tolist(), theirs.tolist(), strict=True))
    return tuple(Detail(*mine, *other) for mine, other in pairs)
