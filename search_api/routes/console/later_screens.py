"""`/console/review`, until its screen is there."""

from typing import Annotated

from fastapi import Query, Response

from search_api.auth import PrincipalDependency
from search_api.routes.console.screen import READING, screen_router, show

router = screen_router()
Text = Annotated[str, Query(max_length=64)]


@router.get("/review", dependencies=READING)
async def review(principal: PrincipalDependency, queue: Text = "", bank: Text = "") -> Response:
    """Say that nothing waits."""
    return show(
        "upcoming.html",
        "Review",
        principal,
        sentence=f"What waits for a decision. {queue} {bank}".strip(),
        name="Nothing waits",
        what="Retro-matches, floods and uncertain verdicts will be decided here.",
        command="lookalike retro-scan run",
    )
