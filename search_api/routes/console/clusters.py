"""`/console/clusters`: what changed since the last run, all clusters, and actions on each."""

from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Form, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, model_validator

from indexer.clustering import actions
from indexer.clustering.alerts import AlertRules, find_alerts
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.errors import InputError
from indexer.reviews.rules import ReviewRules, Signatory
from indexer.store import Store
from indexer.types import (
    ActionKind,
    ClusterAction,
    ClusterAlgorithm,
    ClusterScope,
    Outcome,
    Refreshed,
    Scope,
)
from search_api.auth import Principal, PrincipalDependency, require
from search_api.cluster_schemas import ClusterDecision, ClusterEdit, MembersToBank
from search_api.console.clusters import (
    PAGE,
    ClusterFilter,
    by_kind,
    read_cluster,
    read_clusters,
    read_runs,
    run_of,
)
from search_api.dependencies import ServiceDependency
from search_api.query_parameters import MAY_BE_EMPTY
from search_api.routes.clusters import Act, act_of_bank, act_of_decision, acts_of_edit
from search_api.routes.console.screen import READING, go_to, screen_router, show, with_query
from search_api.schemas import MAX_ID

router = screen_router()
ClusterId = Annotated[int, Path(ge=1, le=MAX_ID)]
ActionId = Annotated[int, Path(ge=1, le=MAX_ID)]
Text = Annotated[str, Query(max_length=200, json_schema_extra=MAY_BE_EMPTY)]
OfRun = Annotated[int | None, Query(ge=1, le=MAX_ID)]
_SAID: Final = {
    ActionKind.LABEL: "It is called {name} now.",
    ActionKind.NOTE: "The note is kept.",
    ActionKind.BANK: "{new_entries} of {members} images joined {bank}.",
    ActionKind.DECISION: "{decisions} matches {outcome}.",
}


class ActionForm(BaseModel):
    """The forms of a cluster's page; an empty field is one that is left out."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["label", "note", "bank", "decision"]
    text: str = ""
    bank: str | None = None
    outcome: Outcome | None = None
    min_probability: float = 0.0
    run_id: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, fields: Any) -> Any:
        return {name: value for name, value in dict(fields).items() if value != ""}

    def act(self, cluster_id: int, principal: Principal, rules: ReviewRules) -> Act:
        """Return what the form asks for."""
        if self.kind == "label":
            return acts_of_edit(cluster_id, ClusterEdit(name=self.text))[0]
        if self.kind == "note":
            return acts_of_edit(cluster_id, ClusterEdit(note=self.text))[0]
        if self.kind == "bank":
            require(principal, "Adding a cluster to a bank", Scope.BANK_WRITE)
            if not self.bank:
                raise InputError("Choose the bank that the images are to join.")
            return act_of_bank(
                Signatory(principal.person, rules),
                cluster_id,
                MembersToBank(
                    bank=self.bank, min_probability=self.min_probability, run_id=self.run_id
                ),
            )
        if self.outcome is None:
            raise InputError("Choose what is decided of the matches.")
        return act_of_decision(
            Signatory(principal.person, rules),
            cluster_id,
            ClusterDecision(
                outcome=self.outcome,
                bank=self.bank,
                min_probability=self.min_probability,
                run_id=self.run_id,
                analyst=principal.name,
                note=self.text or None,
            ),
            principal,
        )


async def _wanted(
    name: Text = "",
    bank: Text = "",
    event: Text = "",
    least: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> ClusterFilter:
    return ClusterFilter(name.strip(), bank, event, least)


@router.get("/clusters", dependencies=READING)
async def list_clusters(
    request: Request,
    service: ServiceDependency,
    principal: PrincipalDependency,
    wanted: Annotated[ClusterFilter, Depends(_wanted)],
    run: OfRun = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show what changed since the run before, and a page of the clusters."""
    runs = await service.read(read_runs)
    if not runs.done:
        return show("clusters.html", "Clusters", principal, found=None, runs=runs)
    of_run = run_of(runs.done, run)
    found = await service.read(
        lambda catalog: read_clusters(catalog, runs.done, of_run, wanted, page)
    )
    following = with_query(request, page=page + 1) if found.found > PAGE * page else None
    return show(
        "clusters.html",
        "Clusters",
        principal,
        found=found,
        runs=runs,
        wanted=wanted,
        with_event=lambda event: with_query(request, event=event, page=None),
        next_url=following,
    )


@router.get("/clusters/alerts", dependencies=READING)
async def show_alerts(
    service: ServiceDependency,
    principal: PrincipalDependency,
    run: Annotated[int, Query(ge=1, le=MAX_ID)],
) -> Response:
    """Show what is new in a run, as a part of the page."""
    alerts = await service.pools.reads.run(lambda: find_alerts(service.store, AlertRules(), run))
    return show(
        "parts/cluster_alerts.html", "Clusters", principal, alerts=by_kind(alerts), run_id=run
    )


@router.post("/clusters/run", dependencies=READING)
async def group_again(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Begin a run over what changed since the last one; the page tells when it is done."""
    refresh = await service.write(
        service.cluster_runs.start,
        ClusterAlgorithm.FAMILIES,
        ClusterScope(),
        ClusterParameters(),
        since_last=True,
    )
    if refresh.how is Refreshed.UNCHANGED:
        message = f"No image was added or removed since run {refresh.run.id}."
        return show("parts/toast.html", "Clusters", principal, message=message, undo=None)
    return go_to("/console/clusters")


@router.get("/clusters/run", dependencies=READING)
async def watch_run(service: ServiceDependency, principal: PrincipalDependency) -> Response:
    """Say that a run is under way still, or lead to what it found."""
    runs = await service.read(read_runs)
    if runs.under_way is None:
        return go_to("/console/clusters")
    return show("parts/run_under_way.html", "Clusters", principal, run=runs.under_way)


@router.get("/clusters/{cluster_id}", dependencies=READING)
async def show_cluster(
    request: Request,
    cluster_id: ClusterId,
    service: ServiceDependency,
    principal: PrincipalDependency,
    run: OfRun = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Show one cluster: what is in it, where it came from, and what was done about it."""
    space = service.matcher.space
    page = await service.read(lambda catalog: read_cluster(catalog, space, cluster_id, run, after))
    following = with_query(request, after=page.next_after) if page.next_after else None
    return show(
        "cluster.html", "Clusters", principal, page=page, next_url=following, outcomes=list(Outcome)
    )


@router.post("/clusters/{cluster_id}/preview", dependencies=READING)
async def preview_action(
    cluster_id: ClusterId,
    form: Annotated[ActionForm, Form()],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Say what an action would touch."""
    act = form.act(cluster_id, principal, service.reviews)
    preview = await service.write(actions.preview, service.store, act)
    return show("parts/cluster_preview.html", "Clusters", principal, preview=preview)


@router.post("/clusters/{cluster_id}/act", dependencies=READING)
async def carry_out(
    cluster_id: ClusterId,
    form: Annotated[ActionForm, Form()],
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Carry an action out; answer with what was done and a toast that takes it back."""
    action: ClusterAction = await service.commit(form.act(cluster_id, principal, service.reviews))
    return await _done(
        service,
        principal,
        cluster_id,
        message=action.detail.get("message") or _SAID[action.kind].format(**action.detail),
        undo=f"/console/clusters/{cluster_id}/actions/{action.id}/undo",
    )


@router.post("/clusters/{cluster_id}/actions/{action_id}/undo", dependencies=READING)
async def undo_action(
    cluster_id: ClusterId,
    action_id: ActionId,
    service: ServiceDependency,
    principal: PrincipalDependency,
) -> Response:
    """Take an action back, unless something of it has changed since."""

    def undo(store: Store) -> ClusterAction:
        with store.writer() as writer:
            action = writer.cluster_actions.get(action_id)
        if action.detail.get("bank"):
            require(principal, f"Undoing action {action_id}", Scope.BANK_WRITE)
        return actions.undo(store, action_id)

    await service.commit(undo)
    return await _done(service, principal, cluster_id, message="Taken back.", undo=None)


async def _done(
    service: ServiceDependency,
    principal: Principal,
    cluster_id: int,
    *,
    message: str,
    undo: str | None,
) -> Response:
    space = service.matcher.space
    page = await service.read(lambda catalog: read_cluster(catalog, space, cluster_id, None, 0))
    return show(
        "parts/cluster_state.html", "Clusters", principal, page=page, message=message, undo=undo
    )
