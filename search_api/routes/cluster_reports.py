"""`/v1/cluster-runs/{run_id}/report`: the report of a run."""

from http import HTTPStatus
from io import BytesIO

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from indexer.reports import Report, build_report, options_for, write_report
from indexer.types import ReportFormat
from search_api.auth import Scope, requires
from search_api.dependencies import Service, ServiceDependency
from search_api.errors import problems
from search_api.openapi import cluster_examples as shown
from search_api.openapi import examples
from search_api.routes.cluster_runs import RunId

router = APIRouter(
    prefix="/v1/cluster-runs", tags=["clusters"], dependencies=[requires(Scope.ANALYST)]
)
PROBLEMS = problems(
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.get(
    "/{run_id}/report",
    operation_id="get_cluster_report",
    summary="Get a cluster report",
    response_model=Report,
    responses={200: examples.answer("All of it.", shown.REPORT), **PROBLEMS},
)
async def get_report(run_id: RunId, service: ServiceDependency) -> Response:
    """Return the report of a finished run: every cluster, every image."""
    return Response(
        await _made(service, run_id, ReportFormat.JSON), media_type=JSONResponse.media_type
    )


@router.get(
    "/{run_id}/report.html",
    operation_id="get_report_page",
    summary="Get a cluster report as HTML",
    response_class=HTMLResponse,
    responses={200: {"description": "One file that needs no network."}, **PROBLEMS},
)
async def get_page(run_id: RunId, service: ServiceDependency) -> Response:
    """Return the report of a finished run as one HTML file to save and open."""
    page = await _made(service, run_id, ReportFormat.HTML)
    # as a file it has a policy of its own, and nothing of this server within its reach
    saved = {"Content-Disposition": f'attachment; filename="cluster-run-{run_id}.html"'}
    return HTMLResponse(page, headers=saved)


async def _made(service: Service, run_id: int, kind: ReportFormat) -> bytes:
    def make() -> bytes:
        file = BytesIO()
        report = build_report(service.store, service.settings, run_id, options_for(kind))
        write_report(report, kind, file)
        return file.getvalue()

    return await service.pools.reports.run(make)
