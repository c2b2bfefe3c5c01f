"""Query parameters of every search."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from indexer.matching import SearchOptions
from indexer.types import Tier
from search_api.dependencies import BankNames, TopK
from search_api.schemas import Moment

CreatedAfter = Annotated[
    Moment | None,
    Query(description="Only what was added after this time (ISO 8601 with zone)."),
]
MinLogOdds = Annotated[
    float | None,
    Query(allow_inf_nan=False, description="Minimum log-odds of a lookalike, in nats."),
]
Tiers = Annotated[
    list[Literal[Tier.EXACT, Tier.NEAR_DUPLICATE, Tier.LOOKALIKE]] | None,
    Query(
        alias="tier",
        description="Only return matches of these tiers; may be repeated. The verdict's tier "
        "is unaffected.",
    ),
]


async def search_options(
    k: TopK = 10,
    bank: BankNames = None,
    min_log_odds: MinLogOdds = None,
    tier: Tiers = None,
    created_after: CreatedAfter = None,
) -> SearchOptions:
    """Read what a search is asked for."""
    return SearchOptions(k, tuple(bank or ()), min_log_odds, frozenset(tier or ()), created_after)


async def fingerprint_options(
    k: TopK = 10,
    bank: BankNames = None,
    tier: Tiers = None,
    created_after: CreatedAfter = None,
) -> SearchOptions:
    """Read what a search by a fingerprint is asked for: it has no cosine."""
    return await search_options(k, bank, None, tier, created_after)


OptionsDependency = Annotated[SearchOptions, Depends(search_options)]
FingerprintOptions = Annotated[SearchOptions, Depends(fingerprint_options)]
