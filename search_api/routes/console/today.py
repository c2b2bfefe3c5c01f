"""`/console`: what needs a person today."""

from fastapi import Response

from search_api.auth import PrincipalDependency
from search_api.console.today import read_today
from search_api.dependencies import ServiceDependency
from search_api.routes.console.screen import READING, screen_router, show

router = screen_router()


@router.get("", dependencies=READING)
async def today(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Show what waits, and how the index is."""
    found = await service.read(lambda catalog: read_today(catalog, principal.person))
    return show(
        "today.html",
        "Today",
        principal,
        today=found,
        lag=found.changes - service.matcher.views.watermark,
    )
