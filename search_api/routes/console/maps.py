"""`/console/clusters/map`: every image of a run as a point, and the script that draws points."""

import gzip
from functools import cache
from hashlib import sha256

from fastapi import Request, Response

from indexer.reports import scatterplot_script
from search_api.auth import PrincipalDependency
from search_api.console.clusters import read_runs, run_of
from search_api.dependencies import ServiceDependency
from search_api.gzip_response import gzip_response, is_known, not_modified
from search_api.routes.console.clusters import OfRun
from search_api.routes.console.screen import READING, screen_router, show

router = screen_router()


@router.get("/clusters/map", dependencies=READING)
async def show_map(
    service: ServiceDependency, principal: PrincipalDependency, run: OfRun = None
) -> Response:
    """Show the page that the map is drawn on."""
    runs = await service.read(read_runs)
    of_run = run_of(runs.done, run) if runs.done else None
    return show("map.html", "Clusters", principal, run=of_run, runs=runs.done)


@router.get("/scatterplot.js", dependencies=READING)
async def scatterplot(request: Request) -> Response:
    """Return the script that draws points, the same as in reports."""
    packed, stamp = _packed_script()
    if is_known(request, stamp):
        return not_modified(stamp)
    return gzip_response(request, packed, stamp, "text/javascript")


@cache
def _packed_script() -> tuple[bytes, str]:
    script = scatterplot_script().encode()
    return gzip.compress(script, 9, mtime=0), sha256(script).hexdigest()[:16]
