"""`/console/settings`: what a person chooses for themselves."""

from fastapi import Response

from search_api.auth import PrincipalDependency
from search_api.dependencies import ServiceDependency
from search_api.routes.console.screen import READING, screen_router, show

router = screen_router()


@router.get("/settings", dependencies=READING)
async def settings(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Show theme, veil, keys, and what the server keeps of pictures."""
    return show(
        "settings.html", "Settings", principal, keeps_pictures=service.settings.keep_thumbnails
    )
