"""Similar images: the nearest neighbours of a stored image."""

from collections.abc import Sequence

from indexer.matching.matcher import Matcher
from indexer.matching.query import Query
from indexer.matching.ranking import nearest_first
from indexer.matching.search_options import SearchOptions
from indexer.types import Match


def similar_images(
    matcher: Matcher, image_id: int, *, k: int = 10, banks: Sequence[str] = ()
) -> list[Match]:
    """Return the stored images nearest to a stored image, itself left out, of every tier.

    Raises
    ------
    NotFoundError
        No active image has this id, or it has no embedding in the space of this index; or there is
        no such bank.
    """
    found = matcher.matches(Query.stored_image(image_id), SearchOptions(k=k, banks=tuple(banks)))
    return sorted((match for match in found if match.image_id is not None), key=nearest_first)[:k]
