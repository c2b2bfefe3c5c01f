"""`/v1/cluster-actions`: analysts' actions on clusters, and their undo."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from indexer.clustering import actions
from indexer.store import Store
from indexer.types import ClusterAction
from search_api.auth import PrincipalDependency, Scope, require, requires
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import cluster_examples as shown
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(
    prefix="/v1/cluster-actions",
    tags=["clusters"],
    route_class=WriteRoute,
    dependencies=[requires(Scope.ANALYST, Scope.BANK_WRITE)],
)
ActionId = Annotated[int, Path(ge=1, le=MAX_ID, description="The action.")]
OfCluster = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="Only actions on this cluster.")
]


@router.get(
    "",
    operation_id="list_cluster_actions",
    summary="List cluster actions",
    responses={
        200: examples.answer("Oldest first.", examples.page(shown.BANK_ACTION)),
        **problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def list_actions(
    service: ServiceDependency,
    cluster: OfCluster = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[ClusterAction]:
    """Return a page of the names, notes, banks and decisions that analysts gave to clusters."""
    after = id_after(cursor)
    rows = await service.read(
        lambda catalog: catalog.cluster_actions.page(cluster, after_id=after, limit=limit + 1)
    )
    return page_of(rows, limit, lambda action: action.id)


@router.post(
    "/{action_id}/undo",
    operation_id="undo_cluster_action",
    summary="Undo a cluster action",
    responses={
        200: examples.answer("As it is now.", shown.UNDONE_ACTION),
        **problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
)
async def undo_action(
    action_id: ActionId, service: ServiceDependency, principal: PrincipalDependency
) -> ClusterAction:
    """Undo all that an action did, unless any of it has changed since."""

    def undo(store: Store) -> ClusterAction:
        with store.writer() as writer:
            action = writer.cluster_actions.get(action_id)
        wanted = Scope.BANK_WRITE if action.detail.get("bank") else Scope.ANALYST
        require(principal, f"Undoing action {action.id} ({action.kind})", wanted)
        return actions.undo(store, action_id)

    return await service.commit(undo)
