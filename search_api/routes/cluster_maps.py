"""`/v1/cluster-runs/{run_id}/map.bin`: the map of a run."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response

from indexer.reports import map_stamp, open_map_file
from search_api.auth import Scope, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.gzip_response import gzip_response, is_known, not_modified
from search_api.routes.cluster_runs import RunId

router = APIRouter(
    prefix="/v1/cluster-runs", tags=["clusters"], dependencies=[requires(Scope.ANALYST)]
)
BINARY = "application/octet-stream"


@router.get(
    "/{run_id}/map.bin",
    operation_id="get_cluster_map",
    summary="Get the map of a cluster run",
    response_class=Response,
    responses={
        200: {"description": "A safetensors file.", "content": {BINARY: {}}},
        304: {"description": "It is what the client has, by `If-None-Match`."},
        **problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    },
)
async def get_map(run_id: RunId, request: Request, service: ServiceDependency) -> Response:
    """Return every image of a finished run: its place, cluster, class, bank and age, as columns."""
    stamp = await service.pools.reads.run(lambda: map_stamp(service.store, run_id))
    if is_known(request, stamp):
        return not_modified(stamp)
    file = await service.pools.reports.run(
        lambda: open_map_file(service.store, service.settings, run_id)
    )
    return gzip_response(request, file.packed, file.stamp, BINARY)
