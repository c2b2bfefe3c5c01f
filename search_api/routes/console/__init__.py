"""The console's pages, one file a screen."""

from search_api.routes.console import (
    banks,
    clusters,
    decisions,
    images,
    later_screens,
    list_imports,
    operations,
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
        images,
        clusters,
        operations,
        settings,
        later_screens,
    )
)
"""The routers of all screens."""
