"""Client methods for clusters."""

from collections.abc import Iterator
from typing import Any

from indexer.types import (
    ActionPreview,
    Alert,
    Cluster,
    ClusterAction,
    ClusterAlgorithm,
    ClusterMember,
    ClusterRun,
    Lineage,
    Outcome,
    Refresh,
)
from search_api.client.transport import Transport, said
from search_api.cluster_schemas import (
    ClusterDecision,
    ClusterEdit,
    EditedCluster,
    EditPreview,
    MembersToBank,
    RunParameters,
    RunRequest,
    RunScope,
)


class ClusterCalls:
    """The part of the client that is about clusters; `Lookalike` has the rest."""

    _transport: Transport

    def start_cluster_run(
        self,
        algorithm: ClusterAlgorithm = ClusterAlgorithm.FAMILIES,
        *,
        scope: RunScope | None = None,
        since_last: bool = False,
        **parameters: Any,
    ) -> Refresh:
        """Begin a cluster run; parameters are those of `RunParameters`."""
        request = RunRequest(
            algorithm=algorithm,
            scope=scope or RunScope(),
            parameters=RunParameters(**parameters),
            since_last=since_last,
        )
        body = request.model_dump(mode="json")
        return self._transport.change("POST", "/v1/cluster-runs", Refresh, json=body)

    def cluster_runs(self, *, limit: int = 100) -> Iterator[ClusterRun]:
        """Yield the cluster runs, oldest first."""
        return self._transport.pages("/v1/cluster-runs", ClusterRun, limit=limit)

    def cluster_run(self, run_id: int) -> ClusterRun:
        """Return one cluster run as it is now."""
        return self._transport.ask("GET", f"/v1/cluster-runs/{run_id}", ClusterRun)

    def cancel_cluster_run(self, run_id: int) -> ClusterRun:
        """Cancel a cluster run, whichever program runs it."""
        return self._transport.change("POST", f"/v1/cluster-runs/{run_id}/cancel", ClusterRun)

    def clusters(self, run_id: int, *, limit: int = 100) -> Iterator[Cluster]:
        """Yield the clusters of a run, largest first."""
        return self._transport.pages(f"/v1/cluster-runs/{run_id}/clusters", Cluster, limit=limit)

    def cluster_members(
        self, run_id: int, cluster_id: int | None, *, limit: int = 100
    ) -> Iterator[ClusterMember]:
        """Yield the images of a cluster as a run found it; those in none for None."""
        path = f"/v1/cluster-runs/{run_id}/members"
        wanted = "noise" if cluster_id is None else cluster_id
        return self._transport.pages(path, ClusterMember, cluster=wanted, limit=limit)

    def run_lineage(self, run_id: int, *, limit: int = 100) -> Iterator[Lineage]:
        """Yield what became of each cluster since the run before."""
        return self._transport.pages(f"/v1/cluster-runs/{run_id}/lineage", Lineage, limit=limit)

    def cluster_alerts(self, run_id: int, **rules: float) -> Iterator[Alert]:
        """Yield what of a run should be looked at; rules are those of `AlertRules`."""
        return self._transport.pages(f"/v1/cluster-runs/{run_id}/alerts", Alert, **rules)

    def cluster_report(self, run_id: int) -> dict[str, Any]:
        """Return the report about a run that is done, as docs/reports.md tells it."""
        return self._transport.ask("GET", f"/v1/cluster-runs/{run_id}/report", dict[str, Any])

    def cluster_map(self, run_id: int) -> bytes:
        """Return the map of a run that is done: a safetensors file, as docs/reports.md tells it."""
        return self._transport.fetch(f"/v1/cluster-runs/{run_id}/map.bin")

    def cluster(self, cluster_id: int, run_id: int | None = None) -> Cluster:
        """Return a cluster as a run found it; as the newest that has it by default."""
        path = f"/v1/clusters/{cluster_id}"
        return self._transport.ask("GET", path, Cluster, params=said({"run": run_id}))

    def cluster_lineage(self, cluster_id: int, *, limit: int = 100) -> Iterator[Lineage]:
        """Yield what became of a cluster from run to run."""
        return self._transport.pages(f"/v1/clusters/{cluster_id}/lineage", Lineage, limit=limit)

    def edit_cluster(
        self, cluster_id: int, *, name: str | None = None, note: str | None = None
    ) -> EditedCluster:
        """Give a cluster another name, another note, or both."""
        body = ClusterEdit(name=name, note=note).model_dump(mode="json", exclude_none=True)
        return self._transport.change(
            "PATCH", f"/v1/clusters/{cluster_id}", EditedCluster, json=body
        )

    def preview_cluster_edit(
        self, cluster_id: int, *, name: str | None = None, note: str | None = None
    ) -> EditPreview:
        """Return what `edit_cluster` would touch."""
        body = ClusterEdit(name=name, note=note).model_dump(mode="json", exclude_none=True)
        return self._transport.ask(
            "POST", f"/v1/clusters/{cluster_id}/preview", EditPreview, json=body
        )

    def bank_cluster(self, cluster_id: int, bank: str, **which: Any) -> ClusterAction:
        """Make the members of a cluster entries of a bank: `min_probability`, `run_id`."""
        body = MembersToBank(bank=bank, **which).model_dump(mode="json")
        path = f"/v1/clusters/{cluster_id}/bank"
        return self._transport.change("POST", path, ClusterAction, json=body)

    def preview_cluster_bank(self, cluster_id: int, bank: str, **which: Any) -> ActionPreview:
        """Return what `bank_cluster` would touch."""
        body = MembersToBank(bank=bank, **which).model_dump(mode="json")
        path = f"/v1/clusters/{cluster_id}/bank/preview"
        return self._transport.ask("POST", path, ActionPreview, json=body)

    def decide_cluster(self, cluster_id: int, outcome: Outcome, **said_of_it: Any) -> ClusterAction:
        """Decide about all matches listed for a cluster's members: as `ClusterDecision`."""
        body = ClusterDecision(outcome=outcome, **said_of_it).model_dump(mode="json")
        path = f"/v1/clusters/{cluster_id}/decisions"
        return self._transport.change("POST", path, ClusterAction, json=body)

    def preview_cluster_decision(
        self, cluster_id: int, outcome: Outcome, **said_of_it: Any
    ) -> ActionPreview:
        """Return what `decide_cluster` would touch."""
        body = ClusterDecision(outcome=outcome, **said_of_it).model_dump(mode="json")
        path = f"/v1/clusters/{cluster_id}/decisions/preview"
        return self._transport.ask("POST", path, ActionPreview, json=body)

    def cluster_actions(
        self, cluster_id: int | None = None, *, limit: int = 100
    ) -> Iterator[ClusterAction]:
        """Yield what was done about clusters, or about one, oldest first."""
        return self._transport.pages(
            "/v1/cluster-actions", ClusterAction, cluster=cluster_id, limit=limit
        )

    def undo_cluster_action(self, action_id: int) -> ClusterAction:
        """Take back all that an action did."""
        return self._transport.change(
            "POST", f"/v1/cluster-actions/{action_id}/undo", ClusterAction
        )
