"""Queries in one call, for tests that ask many."""

from typing import Any

from indexer.matching import Matcher, Query, SearchOptions
from indexer.matching.ranking import most_alike_first
from indexer.types import Match, Tier, Verdict
from indexer.vectors.binary_index import PDQ_BITS


def match(
    matcher: Matcher, data: bytes, name: str, *, tiles: bool = False, **options: Any
) -> Verdict:
    """Judge a picture; `options` are fields of `SearchOptions`, of any iterable."""
    return matcher.answer(Query.picture(data, name, tiles=tiles), _options(options))


def match_stored(matcher: Matcher, image_id: int, **options: Any) -> list[Match]:
    """Return the matches of a stored image, those of tier none left out."""
    found = matcher.matches(Query.stored_image(image_id), _options(options)).matches
    return [match for match in found if match.tier is not Tier.NONE]


def rank(matcher: Matcher, data: bytes, k: int = 10) -> list[Match]:
    """Return all that a picture was compared with, most alike first."""
    options = SearchOptions(k=k, pdq_reach=PDQ_BITS)
    compared = matcher.matches(Query.picture(data, "query"), options)
    return sorted(compared.matches, key=most_alike_first)


def _options(given: dict[str, Any]) -> SearchOptions:
    made = {"banks": tuple, "tiers": frozenset, "entries": frozenset}
    return SearchOptions(
        **{
            name: made[name](x) if x is not None and name in made else x
            for name, x in given.items()
        }
    )
