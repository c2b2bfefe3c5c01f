"""`/v1/clusters/{cluster_id}/.../preview`: what an action on a cluster would touch."""

from fastapi import APIRouter

from indexer.clustering import actions
from indexer.types import ActionPreview
from search_api.auth import PrincipalDependency, Scope, requires
from search_api.cluster_schemas import ClusterDecision, ClusterEdit, EditPreview, MembersToBank
from search_api.dependencies import Service, ServiceDependency
from search_api.openapi import cluster_examples as shown
from search_api.openapi import examples
from search_api.routes.clusters import (
    UNUSABLE,
    Act,
    ClusterId,
    act_of_bank,
    act_of_decision,
    acts_of_edit,
)

router = APIRouter(prefix="/v1/clusters", tags=["clusters"])
ANSWER = "What would be touched; nothing was changed."


@router.post(
    "/{cluster_id}/preview",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="preview_cluster_edit",
    summary="Preview an edit of a cluster",
    responses={200: examples.answer(ANSWER, {"actions": [shown.LABEL_PREVIEW]}), **UNUSABLE},
    openapi_extra=examples.request({"name": "statues"}),
)
async def preview_edit(
    cluster_id: ClusterId, request: ClusterEdit, service: ServiceDependency
) -> EditPreview:
    """Return what another name or note would touch."""
    acts = acts_of_edit(cluster_id, request)
    return EditPreview(actions=[await _previewed(service, act) for act in acts])


@router.post(
    "/{cluster_id}/bank/preview",
    dependencies=[requires(Scope.BANK_WRITE)],
    operation_id="preview_cluster_bank",
    summary="Preview adding a cluster's members to a bank",
    responses={200: examples.answer(ANSWER, shown.BANK_PREVIEW), **UNUSABLE},
    openapi_extra=examples.request({"bank": "known-unsafe", "min_probability": 0.5}),
)
async def preview_bank(
    cluster_id: ClusterId,
    request: MembersToBank,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> ActionPreview:
    """Return which members would join the bank, and which are left out."""
    signatory = service.signatory(principal.person)
    return await _previewed(service, act_of_bank(signatory, cluster_id, request))


@router.post(
    "/{cluster_id}/decisions/preview",
    dependencies=[requires(Scope.ANALYST)],
    operation_id="preview_cluster_decision",
    summary="Preview a decision on all matches of a cluster",
    responses={200: examples.answer(ANSWER, shown.DECISION_PREVIEW), **UNUSABLE},
    openapi_extra=examples.request({"outcome": "rejected", "bank": "known-benign"}),
)
async def preview_decision(
    cluster_id: ClusterId,
    request: ClusterDecision,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> ActionPreview:
    """Return how many matches would be decided, and which members are left out."""
    signatory = service.signatory(principal.person)
    return await _previewed(service, act_of_decision(signatory, cluster_id, request, principal))


async def _previewed(service: Service, act: Act) -> ActionPreview:
    return await service.write(actions.preview, service.store, act)
