"""Similar images: the nearest neighbours of a stored image."""

from collections.abc import Sequence

from indexer.matching.matcher import Matcher
from indexer.matching.query import ComparedMatches, Query
from indexer.matching.ranking import nearest_first
from indexer.matching.search_options import SearchOptions


def similar_images(
    matcher: Matcher, image_id: int, *, k: int = 10, banks: Sequence[str] = ()
) -> ComparedMatches:
    """Return the k stored images nearest to a stored image, itself left out, nearest first.

    Raises
    ------
    NotFoundError
        No active image has this id, or it has no embedding in the space of this index; or there is
        no such bank.
    """
    found = matcher.matches(Query.stored_image(image_id), SearchOptions(k=k, banks=tuple(banks)))
    images = [match for match in found.matches if match.image_id is not None]
    return ComparedMatches(sorted(images, key=nearest_first)[:k], found.completeness)
