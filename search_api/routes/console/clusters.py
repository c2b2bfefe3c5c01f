"""`/console/clusters`: groups of stored images that look alike."""

from typing import Annotated

from fastapi import Form, Path, Query, Request, Response

from indexer.clustering import actions
from indexer.store import Store
from indexer.types import ClusterAction
from search_api.auth import PrincipalDependency, Scope, require
from search_api.console.clusters import read_cluster, read_run
from search_api.dependencies import ServiceDependency
from search_api.routes.console.screen import EDITING, READING, screen_router, show, with_query
from search_api.schemas import MAX_ID

router = screen_router()
ClusterId = Annotated[int, Path(ge=1, le=MAX_ID)]
Number = Annotated[int, Query(ge=0, le=MAX_ID)]
Probability = Annotated[float, Form(ge=0, le=1)]


@router.get("/clusters", dependencies=READING)
async def list_clusters(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    size: Number = 0,
    after: Number = 0,
) -> Response:
    """Show the clusters of the newest run: those of banks and what changed first."""
    space, behind = service.matcher.space, (size, after) if after else None
    page = await service.read(lambda catalog: read_run(catalog, space, behind))
    following = None
    if page.next_after:
        following = with_query(request, size=page.next_after[0], after=page.next_after[1])
    return show("clusters.html", "Clusters", principal, page=page, next_url=following)


@router.get("/clusters/{cluster_id}", dependencies=READING)
async def show_cluster(
    request: Request,
    cluster_id: ClusterId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    after: Number = 0,
) -> Response:
    """Show a cluster: what stands for it, its members, banks and history."""
    page = await service.read(lambda catalog: read_cluster(catalog, cluster_id, after))
    following = with_query(request, after=page.next_after) if page.next_after else None
    return show("cluster.html", "Clusters", principal, page=page, next_url=following)


@router.post("/clusters/{cluster_id}/name", dependencies=READING)
async def name_cluster(
    cluster_id: ClusterId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    name: Annotated[str, Form(max_length=200)],
) -> Response:
    """Give a cluster another name; a toast takes it back."""
    action = await service.commit(lambda store: actions.label(store, cluster_id, name))
    return show(
        "parts/cluster_done.html",
        "Clusters",
        principal,
        name=name.strip(),
        message="Named.",
        undo=f"/console/clusters/actions/{action.id}/undo",
    )


@router.post("/clusters/{cluster_id}/bank/preview", dependencies=EDITING)
async def preview_bank(
    cluster_id: ClusterId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    bank: Annotated[str, Form(max_length=64)],
    min_probability: Probability = 0,
) -> Response:
    """Say which members would join a bank, and which are left out."""
    preview = await service.write(
        actions.preview,
        service.store,
        lambda store: actions.add_to_bank(store, cluster_id, bank, min_probability=min_probability),
    )
    return show("parts/bank_preview.html", "Clusters", principal, preview=preview, bank=bank)


@router.post("/clusters/{cluster_id}/bank", dependencies=EDITING)
async def bank_cluster(
    cluster_id: ClusterId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    bank: Annotated[str, Form(max_length=64)],
    min_probability: Probability = 0,
) -> Response:
    """Add the members to a bank; a toast takes them out again."""
    action = await service.commit(
        lambda store: actions.add_to_bank(store, cluster_id, bank, min_probability=min_probability)
    )
    return show(
        "parts/cluster_done.html",
        "Clusters",
        principal,
        name=None,
        message=f"Added to {bank}.",
        undo=f"/console/clusters/actions/{action.id}/undo",
    )


@router.post("/clusters/actions/{action_id}/undo", dependencies=READING)
async def undo_action(
    action_id: ClusterId, service: ServiceDependency, principal: PrincipalDependency
) -> Response:
    """Take an action back, unless any of it has changed since."""

    def undo(store: Store) -> ClusterAction:
        with store.writer() as writer:
            action = writer.cluster_actions.get(action_id)
        if action.detail.get("bank"):
            require(principal, "Undoing it", Scope.BANK_WRITE)
        return actions.undo(store, action_id)

    action = await service.commit(undo)
    page = await service.read(lambda catalog: read_cluster(catalog, action.cluster_id, 0))
    return show(
        "parts/cluster_done.html",
        "Clusters",
        principal,
        name=page.cluster.name,
        message="Taken back.",
        undo=None,
    )
