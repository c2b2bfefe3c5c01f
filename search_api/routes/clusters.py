"""`/v1/clusters`: clusters, their names, lineage and actions."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from indexer.clustering import actions
from indexer.errors import InputError
from indexer.reviews.rules import Signatory
from indexer.store import Catalog, Store
from indexer.types import Cluster, ClusterAction, Lineage
from search_api.auth import Principal, PrincipalDependency, Scope, require, requires
from search_api.cluster_schemas import ClusterDecision, ClusterEdit, EditedCluster, MembersToBank
from search_api.dependencies import ServiceDependency
from search_api.errors import problems
from search_api.idempotency import WriteRoute
from search_api.openapi import cluster_examples as shown
from search_api.openapi import examples
from search_api.pagination import MAX_ID, Cursor, Page, PageLimit, id_after, page_of

router = APIRouter(prefix="/v1/clusters", tags=["clusters"], route_class=WriteRoute)
ClusterId = Annotated[int, Path(ge=1, le=MAX_ID, description="The cluster.")]
OfRun = Annotated[
    int | None,
    Query(ge=1, le=MAX_ID, description="The run; by default the newest that has the cluster."),
]
UNKNOWN = problems(
    HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
)
UNUSABLE = {
    **UNKNOWN,
    **problems(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
}
TAKEN = problems(HTTPStatus.CONFLICT)
Act = Callable[[Store], ClusterAction]
"""Carries out one action on a cluster."""


@router.get(
    "/{cluster_id}",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="get_cluster",
    summary="Get a cluster",
    responses={200: examples.answer("As a run found it.", shown.CLUSTER), **UNKNOWN},
)
async def get_cluster(
    cluster_id: ClusterId, service: ServiceDependency, run: OfRun = None
) -> Cluster:
    """Return a cluster as a run found it, with its current name and note."""
    return await service.read(lambda catalog: catalog.clusters.get(cluster_id, run))


@router.get(
    "/{cluster_id}/lineage",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="list_cluster_lineage",
    summary="List a cluster's history",
    responses={200: examples.answer("Oldest first.", examples.page(shown.LINEAGE)), **UNKNOWN},
)
async def list_lineage(
    cluster_id: ClusterId,
    service: ServiceDependency,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> Page[Lineage]:
    """Return a page of the events of a cluster, and of those that merged into or split off it."""
    after = id_after(cursor)

    def read(catalog: Catalog) -> list[Lineage]:
        catalog.clusters.name(cluster_id)  # raises when there is none
        return catalog.clusters.lineage_of(cluster_id, after_id=after, limit=limit + 1)

    return page_of(await service.read(read), limit, lambda step: step.id)


@router.patch(
    "/{cluster_id}",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="edit_cluster",
    summary="Edit a cluster's name or note",
    responses={200: examples.answer("As it is now.", shown.EDITED), **UNUSABLE},
    openapi_extra=examples.request({"name": "statues"}),
)
async def edit_cluster(
    cluster_id: ClusterId, request: ClusterEdit, service: ServiceDependency
) -> EditedCluster:
    """Change a cluster's name, its note, or both in one transaction."""
    acts = acts_of_edit(cluster_id, request)

    def edit(store: Store) -> EditedCluster:
        done = [act(store) for act in acts]
        with store.writer() as writer:
            return EditedCluster(cluster=writer.clusters.get(cluster_id), actions=done)

    return await service.commit(edit)


@router.post(
    "/{cluster_id}/bank",
    dependencies=[requires(Scope.BANK_WRITE)],
    operation_id="bank_cluster",
    summary="Add a cluster's members to a bank",
    responses={200: examples.answer("What was done.", shown.BANK_ACTION), **UNUSABLE, **TAKEN},
    openapi_extra=examples.request({"bank": "known-unsafe", "min_probability": 0.5}),
)
async def bank_cluster(
    cluster_id: ClusterId,
    request: MembersToBank,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> ClusterAction:
    """Add members of a cluster to a bank in one transaction; existing entries stay unchanged."""
    return await service.commit(
        act_of_bank(service.signatory(principal.person), cluster_id, request)
    )


@router.post(
    "/{cluster_id}/decisions",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="decide_cluster",
    summary="Decide on all matches of a cluster",
    responses={200: examples.answer("What was done.", shown.DECISION_ACTION), **UNUSABLE, **TAKEN},
    openapi_extra=examples.request({"outcome": "rejected", "bank": "known-benign"}),
)
async def decide_cluster(
    cluster_id: ClusterId,
    request: ClusterDecision,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> ClusterAction:
    """Decide on all matches that retro-scans listed for a cluster's members, in one transaction."""
    signatory = service.signatory(principal.person)
    return await service.commit(act_of_decision(signatory, cluster_id, request, principal))


def acts_of_edit(cluster_id: int, request: ClusterEdit) -> list[Act]:
    """Return the actions that change a cluster's name, its note, or both.

    Raises
    ------
    InputError
        Neither is given.
    """
    name, note = request.name, request.note
    acts: list[Act] = []
    if name is not None:
        acts.append(lambda store: actions.label(store, cluster_id, name))
    if note is not None:
        acts.append(lambda store: actions.note(store, cluster_id, note))
    if not acts:
        raise InputError("Nothing is said of the cluster. Give a `name`, a `note` or both.")
    return acts


def act_of_bank(signatory: Signatory, cluster_id: int, request: MembersToBank) -> Act:
    """Return the action that adds members of a cluster to a bank."""
    return lambda store: actions.add_to_bank(
        store,
        signatory,
        cluster_id,
        request.bank,
        min_probability=request.min_probability,
        run_id=request.run_id,
    )


def act_of_decision(
    signatory: Signatory, cluster_id: int, request: ClusterDecision, principal: Principal
) -> Act:
    """Return the action that decides on a cluster's matches.

    Raises
    ------
    Forbidden
        The members are to join a bank, and the caller may not change banks.
    """
    if request.bank:
        require(principal, "A decision with a bank", Scope.BANK_WRITE)
    return lambda store: actions.decide(
        store,
        signatory,
        cluster_id,
        request.outcome,
        bank=request.bank,
        min_probability=request.min_probability,
        run_id=request.run_id,
        analyst=request.analyst,
        note=request.note,
    )
