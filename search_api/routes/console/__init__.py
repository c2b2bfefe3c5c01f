"""The console's pages, one file a screen."""

from search_api.routes.console import (
    banks,
    clusters,
    decisions,
    images,
    list_imports,
    maps,
    operations,
    reviews,
    search,
    settings,
    sign_in,
    today,
)

STATIC = sign_in.STATIC
root = sign_in.root
ROUTERS = tuple(
    module.router
    for module in (
        sign_in,
        today,
        search,
        decisions,
        list_imports,
        banks,
        maps,  # before clusters, whose ids its address would be
        clusters,
        images,
        operations,
        reviews,
        settings,
    )
)
"""The routers of all screens."""
