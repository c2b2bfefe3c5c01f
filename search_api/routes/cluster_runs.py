"""`/v1/cluster-runs`: cluster runs and their results."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from indexer.clustering.alerts import AlertRules, find_alerts, why_not_compared
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.errors import InputError
from indexer.store import Catalog, Store
from indexer.types import (
    Cluster,
    ClusterMember,
    ClusterRun,
    ClusterScope,
    Lineage,
    Refresh,
    RunState,
)
from search_api.auth import Scope, requires
from search_api.cluster_schemas import AlertPage, RunRequest
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import cluster_examples as shown
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(
    prefix="/v1/cluster-runs",
    tags=["clusters"],
    route_class=WriteRoute,
    dependencies=[requires(Scope.ANALYST)],
)
RunId = Annotated[int, Path(ge=1, le=MAX_ID, description="The run.")]
OfCluster = Annotated[
    Annotated[int, Field(ge=1, le=MAX_ID)] | Literal["noise"],
    Query(description="The cluster, or `noise` for the images in none."),
]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)
GrowthFactor = Annotated[
    float, Query(gt=1, le=1e9, description="Minimum growth factor of a cluster's size.")
]
MinSize = Annotated[
    int, Query(ge=1, le=MAX_ID, description="Minimum cluster size, except for bank matches.")
]
Drift = Annotated[
    float, Query(ge=0, le=1, description="Minimum total variation distance of the class shares.")
]


@router.post(
    "",
    operation_id="start_cluster_run",
    summary="Start a cluster run",
    responses={
        200: examples.answer("The run as it begins, or the one that holds.", shown.REFRESH),
        **UNKNOWN,
        **problems(
            HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ),
    },
    openapi_extra=examples.request(shown.RUN_REQUEST),
)
async def start_run(request: RunRequest, service: ServiceDependency) -> Refresh:
    """Start a cluster run and answer at once; the index has one run at a time."""
    said = request.scope.model_dump()
    return await service.write(
        service.cluster_runs.start,
        request.algorithm,
        ClusterScope(**said | {"banks": tuple(request.scope.banks)}),
        ClusterParameters(**request.parameters.model_dump()),
        since_last=request.since_last,
    )


@router.get(
    "",
    operation_id="list_cluster_runs",
    summary="List cluster runs",
    responses={
        200: examples.answer("Oldest first.", examples.page(shown.RUN)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_runs(
    service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[ClusterRun]:
    """Return a page of the cluster runs of all programs."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.cluster_runs.page(after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda run: run.id)


@router.get(
    "/{run_id}",
    operation_id="get_cluster_run",
    summary="Get a cluster run",
    responses={200: examples.answer("The run as it is now.", shown.RUN), **UNKNOWN},
)
async def get_run(run_id: RunId, service: ServiceDependency) -> ClusterRun:
    """Return one run, whichever program runs it; its numbers are 0 until it is done."""
    return await service.read(lambda catalog: catalog.cluster_runs.get(run_id))


@router.post(
    "/{run_id}/cancel",
    operation_id="cancel_cluster_run",
    summary="Cancel a cluster run",
    responses={200: examples.answer("The run as it is now.", shown.RUN_CANCELLED), **UNKNOWN},
)
async def cancel_run(run_id: RunId, service: ServiceDependency) -> ClusterRun:
    """Cancel a run, whichever program runs it; a finished run stays unchanged."""

    def cancel(store: Store) -> ClusterRun:
        with store.writer() as writer:
            return writer.cluster_runs.end(run_id, RunState.CANCELLED)

    return await service.commit(cancel)


@router.get(
    "/{run_id}/clusters",
    operation_id="list_clusters",
    summary="List a run's clusters",
    responses={200: examples.answer("Largest first.", examples.page(shown.CLUSTER)), **UNKNOWN},
)
async def list_clusters(
    run_id: RunId, service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[Cluster]:
    """Return a page of a run's clusters, largest first when the run found them."""
    after = _place(cursor)

    def read(catalog: Catalog) -> list[Cluster]:
        catalog.cluster_runs.get(run_id)  # raises when there is none
        return catalog.clusters.largest(run_id, limit + 1, after)

    rows = await service.read(read)
    return page_of(rows, limit, lambda cluster: f"{cluster.size}-{cluster.id}")


@router.get(
    "/{run_id}/members",
    operation_id="list_cluster_members",
    summary="List a cluster's members",
    responses={200: examples.answer("By image.", examples.page(shown.MEMBER)), **UNKNOWN},
)
async def list_members(
    run_id: RunId,
    cluster: OfCluster,
    service: ServiceDependency,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[ClusterMember]:
    """Return a page of a cluster's images as the run found them, or of the images in no cluster."""
    after = id_after(cursor)

    def read(catalog: Catalog) -> list[ClusterMember]:
        catalog.cluster_runs.get(run_id)  # raises when there is none
        wanted = None if cluster == "noise" else catalog.clusters.get(cluster, run_id).id
        return catalog.cluster_members.page(run_id, wanted, after_id=after, limit=limit + 1)

    return page_of(await service.read(read), limit, lambda member: member.image_id)


@router.get(
    "/{run_id}/lineage",
    operation_id="list_run_lineage",
    summary="List the changes of a run's clusters",
    responses={200: examples.answer("As found.", examples.page(shown.LINEAGE)), **UNKNOWN},
)
async def list_lineage(
    run_id: RunId, service: ServiceDependency, cursor: Cursor = None, limit: PageLimit = 100
) -> Page[Lineage]:
    """Return a page of what became of each cluster since the previous run of the same images."""
    after = id_after(cursor)

    def read(catalog: Catalog) -> list[Lineage]:
        catalog.cluster_runs.get(run_id)  # raises when there is none
        return catalog.clusters.lineage(run_id, after_id=after, limit=limit + 1)

    return page_of(await service.read(read), limit, lambda step: step.id)


@router.get(
    "/{run_id}/alerts",
    operation_id="list_cluster_alerts",
    summary="List a run's alerts",
    responses={
        200: examples.answer("Hits of banks first.", shown.ALERTS),
        **UNKNOWN,
        **problems(HTTPStatus.CONFLICT),
    },
)
async def list_alerts(
    run_id: RunId,
    service: ServiceDependency,
    growth_factor: GrowthFactor = 2.0,
    min_size: MinSize = 10,
    drift: Drift = 0.2,
) -> AlertPage:
    """Compare a run with the previous run of the same images. All alerts are on one page."""
    rules = AlertRules(growth_factor, min_size, drift)
    found = await service.pools.reads.run(lambda: find_alerts(service.store, rules, run_id))
    reason = await service.read(
        lambda catalog: why_not_compared(catalog, catalog.cluster_runs.get(run_id))
    )
    return AlertPage(items=found, next_cursor=None, not_compared=reason)


def _place(cursor: str | None) -> tuple[int, int] | None:
    """Return the size and id that a page of clusters starts behind.

    Raises
    ------
    InputError
        The cursor is not one that we gave.
    """
    if cursor is None:
        return None
    size, dash, cluster_id = cursor.partition("-")
    if not (dash and size and cluster_id):
        raise InputError(
            f"{cursor!r} is not a valid cursor of this list. Use `next_cursor` of the "
            "previous page unchanged."
        )
    return id_after(size), id_after(cluster_id)
