"""Cluster runs, clusters and what is done about them, through our own client on a real server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import TypeAdapter
from safetensors.numpy import load

from indexer.clustering import runs as running
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.errors import NotFoundError, RunUnderWay
from indexer.reports import Report
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import (
    ActionKind,
    AlertKind,
    BankKind,
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    LineageEvent,
    Outcome,
    Refreshed,
    RunState,
    Space,
)
from search_api.client import Conflict, Lookalike, NotAllowed, NotFound, UnusableRequest
from search_api.cluster_schemas import RunScope
from search_api.jobs.cluster_runs import ClusterRunJob
from support.catalog import bind
from support.commands import Index
from support.families import EVERYTHING, add_family, add_vectors, near_axis

HDBSCAN = ClusterAlgorithm.HDBSCAN


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_MODEL": str(tiny_model)})
    index.run_here("init")
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "create", "benign", "--kind", "allow")
    return index


@pytest.fixture(scope="module")
def indexed(index: Index) -> Iterator[Store]:
    """Two families, of eight and six, and a stranger, by made-up vectors."""
    with open_store(index.settings.resolved_database_url) as store:
        space = space_of(store)
        add_family(store, space, 0, range(8))
        add_family(store, space, 1, range(10, 16))
        add_vectors(store, space, {99: near_axis(5, 99)})
        yield store


@pytest.fixture(scope="module")
def server(index: Index, indexed: Store) -> Iterator[httpx.Client]:
    assert indexed
    with index.serve() as client:
        yield client


@pytest.fixture(scope="module")
def api(server: httpx.Client) -> Iterator[Lookalike]:
    with Lookalike(str(server.base_url)) as api:
        yield api


@pytest.fixture(scope="module")
def run(api: Lookalike) -> ClusterRun:
    """Cluster everything for the first time."""
    return done(api, api.start_cluster_run(seed=4).run)


def space_of(store: Store) -> Space:
    with store.reader() as catalog:
        space = catalog.spaces.active()
    assert space
    return space


def done(api: Lookalike, run: ClusterRun) -> ClusterRun:
    give_up = monotonic() + 30
    while run.state is RunState.RUNNING:
        assert monotonic() < give_up
        sleep(0.02)
        run = api.cluster_run(run.id)
    return run


# --- what a run finds ----------------------------------------------------------------------------


def test_a_run_is_begun_and_found_with_its_clusters_members_and_lineage(
    api: Lookalike, run: ClusterRun
) -> None:
    large, small = api.clusters(run.id, limit=1)
    members = [member.image_id for member in api.cluster_members(run.id, large.id, limit=3)]
    [stranger] = api.cluster_members(run.id, None)

    assert (run.state, run.images, run.clusters, run.noise) == (RunState.DONE, 15, 2, 1)
    assert run.parameters["seed"] == 4
    assert run in api.cluster_runs()
    assert (large.size, small.size) == (8, 6)
    assert members == sorted(members)
    assert len(members) == 8
    assert large.medoid in members
    assert stranger.cluster_id is None
    assert stranger.image_id not in members
    assert api.cluster(large.id) == large
    assert [step.event for step in api.run_lineage(run.id, limit=1)] == [LineageEvent.NEW] * 2
    assert [step.run_id for step in api.cluster_lineage(small.id)] == [run.id]


def test_clusters_of_one_size_are_paged_without_gaps(api: Lookalike, run: ClusterRun) -> None:
    assert run
    alike = done(api, api.start_cluster_run(ClusterAlgorithm.KMEANS, k=15).run)

    clusters = [*api.clusters(alike.id, limit=2)]

    assert len(clusters) == len({cluster.id for cluster in clusters}) == alike.clusters
    assert clusters == sorted(clusters, key=lambda cluster: (-cluster.size, cluster.id))


def test_a_scope_narrows_the_run(api: Lookalike, run: ClusterRun) -> None:
    assert run
    old = RunScope(until=datetime(2020, 1, 1, tzinfo=UTC))

    begun = api.start_cluster_run(ClusterAlgorithm.NEAR_DUPLICATES, scope=old, verify=False)

    assert done(api, begun.run).images == 0
    assert begun.run.scope.until == old.until
    with pytest.raises(NotFound):
        api.start_cluster_run(scope=RunScope(banks=["missing"]))


def test_a_report_is_the_whole_of_a_run_and_a_page_to_be_saved(
    api: Lookalike, server: httpx.Client, run: ClusterRun
) -> None:
    report = TypeAdapter(Report).validate_python(api.cluster_report(run.id))
    page = server.get(f"/v1/cluster-runs/{run.id}/report.html")

    assert report.run == run
    assert [cluster.size for cluster in report.clusters] == [8, 6]
    assert len(report.members.image_ids) == 15
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-disposition"] == (
        f'attachment; filename="cluster-run-{run.id}.html"'
    )
    assert page.text.startswith("<!doctype html>")
    assert report.clusters[0].name in page.text


def test_a_map_is_decoded_by_a_client_and_holds_until_a_bank_or_a_name_changes(
    api: Lookalike, server: httpx.Client, run: ClusterRun
) -> None:
    columns, said = decoded(api.cluster_map(run.id))
    ids = np.cumsum(columns["id"], dtype=np.int64).tolist()
    clusters = [*api.clusters(run.id)]
    path = f"/v1/cluster-runs/{run.id}/map.bin"
    answer = server.get(path)

    assert {name: column.dtype for name, column in columns.items()} == {
        "x": np.uint16,
        "y": np.uint16,
        **dict.fromkeys(("id", "cluster", "class", "bank", "age"), np.uint8),
    }
    assert {len(column) for column in columns.values()} == {15}
    assert ids == sorted(report_ids(api, run))
    assert said["clusters"] == [[each.id, each.name, each.medoid] for each in clusters]
    for place, cluster in enumerate(clusters, 1):
        members = [member.image_id for member in api.cluster_members(run.id, cluster.id)]
        assert [ids[row] for row in np.flatnonzero(columns["cluster"] == place)] == members
    assert columns["class"].max() <= len(said["classes"])
    assert said["run"] == run.id
    assert columns["age"].max() == 0  # all were added within an hour
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "private, no-cache"
    plain = server.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    known = {"If-None-Match": answer.headers["etag"]}
    assert server.get(path, headers=known).status_code == HTTPStatus.NOT_MODIFIED

    before = clusters[0].name
    api.edit_cluster(clusters[0].id, name="towers")
    changed = server.get(path, headers=known)
    assert changed.status_code == HTTPStatus.OK
    again, renamed = decoded(changed.content)
    assert renamed["clusters"][0][1] == "towers"
    assert all((again[name] == columns[name]).all() for name in columns)  # places are kept
    api.edit_cluster(clusters[0].id, name=before)


def decoded(file: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    said = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]
    return load(file), {name: json.loads(value) for name, value in said.items()}


def report_ids(api: Lookalike, run: ClusterRun) -> list[int]:
    return [*api.cluster_report(run.id)["members"]["image_ids"]]


# --- what is done about a cluster ----------------------------------------------------------------


def test_a_cluster_is_named_banked_and_decided_and_all_of_it_undone(
    api: Lookalike, run: ClusterRun
) -> None:
    small = [*api.clusters(run.id)][1]

    edited = api.edit_cluster(small.id, name="statues", note="seen before")
    banked = api.bank_cluster(small.id, "unsafe", min_probability=0.01)
    decided = api.decide_cluster(small.id, Outcome.REJECTED, bank="benign", analyst="jo")

    assert (edited.cluster.name, edited.cluster.note) == ("statues", "seen before")
    assert [a.kind for a in edited.actions] == [ActionKind.LABEL, ActionKind.NOTE]
    assert banked.detail["new_entries"] == banked.detail["members"] == 6
    assert len([*api.entries("unsafe")]) == 6
    assert decided.detail["new_entries"] == 6
    done_so_far = [*api.cluster_actions(small.id, limit=1)]
    assert done_so_far == [*edited.actions, banked, decided]

    for action in reversed(done_so_far):
        assert api.undo_cluster_action(action.id).undone_at
    after = api.cluster(small.id)
    assert (after.name, after.note) == (small.name, None)
    assert [*api.entries("unsafe")] == [*api.entries("benign")] == []
    with pytest.raises(Conflict, match="undone"):
        api.undo_cluster_action(banked.id)


def test_a_preview_says_what_the_action_then_does_and_changes_nothing(
    api: Lookalike, run: ClusterRun
) -> None:
    small = [*api.clusters(run.id)][1]
    before = [*api.cluster_actions()]

    edit = api.preview_cluster_edit(small.id, name="statues", note="seen before")
    banked = api.preview_cluster_bank(small.id, "unsafe", min_probability=0.99)
    decided = api.preview_cluster_decision(small.id, Outcome.REJECTED, bank="benign")

    assert [each.detail["before"] for each in edit.actions] == [f"cluster-{small.id}", None]
    assert banked.detail["members"] + banked.weak == small.size
    assert (decided.run_id, decided.detail["new_entries"]) == (run.id, small.size)
    assert [*api.cluster_actions()] == before
    assert api.cluster(small.id) == small
    assert [*api.entries("unsafe")] == [*api.entries("benign")] == []
    carried_out = api.bank_cluster(small.id, "unsafe", min_probability=0.99)
    assert carried_out.detail == banked.detail
    api.undo_cluster_action(carried_out.id)


def test_a_name_that_cannot_be_shown_changes_nothing_of_the_note_either(
    api: Lookalike, run: ClusterRun
) -> None:
    large = next(api.clusters(run.id))

    with pytest.raises(UnusableRequest):
        api.edit_cluster(large.id, name="\n", note="lost")
    with pytest.raises(UnusableRequest, match="Nothing is said"):
        api.edit_cluster(large.id)

    assert api.cluster(large.id) == large


def test_a_bank_takes_a_key_that_may_change_banks(
    index: Index, server: httpx.Client, run: ClusterRun
) -> None:
    def key(scope: str) -> str:
        made = index.run_here("key", "create", "--name", scope, "--scope", scope, "--json")
        return str(made.json["token"])

    url = str(server.base_url)
    with Lookalike(url, key("analyst")) as analyst, Lookalike(url, key("bank:write")) as banker:
        large = next(analyst.clusters(run.id))
        with pytest.raises(NotAllowed):
            analyst.bank_cluster(large.id, "unsafe")
        with pytest.raises(NotAllowed):
            analyst.preview_cluster_bank(large.id, "unsafe")
        with pytest.raises(NotAllowed, match="bank:write"):
            analyst.decide_cluster(large.id, Outcome.REJECTED, bank="benign")
        with pytest.raises(NotAllowed, match="bank:write"):
            analyst.preview_cluster_decision(large.id, Outcome.REJECTED, bank="benign")
        with pytest.raises(NotAllowed):
            banker.edit_cluster(large.id, name="mine")
        action = banker.bank_cluster(large.id, "unsafe")
        with pytest.raises(NotAllowed, match="bank:write"):
            analyst.undo_cluster_action(action.id)
        assert banker.undo_cluster_action(action.id).undone_at


def test_so_does_a_decision_that_lets_the_query_join_a_bank(
    index: Index, server: httpx.Client
) -> None:
    made = index.run_here("key", "create", "--name", "a", "--scope", "analyst", "--json")
    decision = {"sha256": "ab" * 32, "entry_id": 10**6, "outcome": "rejected"}
    headers = {"Authorization": f"Bearer {made.json['token']}"}

    without = server.post("/v1/decisions", json=decision, headers=headers)
    joining = server.post("/v1/decisions", json={**decision, "bank": "benign"}, headers=headers)

    assert without.status_code == 404  # there is no such entry
    assert joining.status_code == 403
    assert "A decision with a bank requires the scope bank:write" in joining.json()["detail"]


def test_an_action_that_is_sent_twice_is_done_once(
    api: Lookalike, server: httpx.Client, run: ClusterRun
) -> None:
    path = f"/v1/clusters/{next(api.clusters(run.id)).id}/bank"
    before = len([*api.cluster_actions()])

    first, second = (
        server.post(path, json={"bank": "unsafe"}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    )

    assert first.json() == second.json()
    assert len([*api.cluster_actions()]) == before + 1
    api.undo_cluster_action(first.json()["id"])


# --- from run to run -----------------------------------------------------------------------------


def test_what_changed_since_the_last_run_is_clustered_traced_and_alerted(
    api: Lookalike, run: ClusterRun, indexed: Store
) -> None:
    same = api.start_cluster_run(since_last=True, seed=4)
    add_family(indexed, space_of(indexed), 1, range(20, 32))
    with indexed.writer() as writer:
        bank_id = writer.banks.id_of("unsafe")
        [cluster] = [each for each in writer.clusters.page(run.id) if each.size == 6]
        writer.entries.add(bank_id, [cluster.medoid])

    begun = api.start_cluster_run(since_last=True, seed=4)

    assert (same.run, same.how) == (run, Refreshed.UNCHANGED)
    assert begun.how is Refreshed.CLUSTERED
    second = done(api, begun.run)
    assert (second.previous_run, second.images) == (run.id, 27)
    assert {step.event for step in api.run_lineage(second.id)} == {
        LineageEvent.CONTINUED,
        LineageEvent.GROWN,
    }
    assert api.cluster(cluster.id).size == 18
    assert api.cluster(cluster.id, run.id).size == 6
    kinds = {alert.kind for alert in api.cluster_alerts(second.id, growth_factor=2.5)}
    assert kinds == {AlertKind.BANK_HIT, AlertKind.GROWTH}
    quiet = api.cluster_alerts(second.id, growth_factor=4, min_size=100)
    assert [alert.kind for alert in quiet] == [AlertKind.BANK_HIT]
    [later] = api.cluster_alerts(run.id)
    assert (later.kind, later.bank) == (AlertKind.BANK_HIT, "unsafe")  # an entry since its end


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/cluster-runs/999", 404),
        ("/v1/cluster-runs/999/clusters", 404),
        ("/v1/cluster-runs/999/lineage", 404),
        ("/v1/cluster-runs/999/alerts", 404),
        ("/v1/cluster-runs/999/members?cluster=noise", 404),
        ("/v1/cluster-runs/1/members?cluster=999", 404),
        ("/v1/cluster-runs/1/members?cluster=none", 422),
        ("/v1/cluster-runs/1/members", 422),
        ("/v1/cluster-runs/1/clusters?cursor=7", 422),
        ("/v1/cluster-runs/1/clusters?cursor=-", 422),
        ("/v1/cluster-runs/1/clusters?cursor=7--1", 422),
        ("/v1/cluster-runs/999/report", 404),
        ("/v1/cluster-runs/999/report.html", 404),
        ("/v1/clusters/999", 404),
        ("/v1/clusters/999/lineage", 404),
    ],
)
def test_what_is_not_there_is_told(
    server: httpx.Client, run: ClusterRun, path: str, status: int
) -> None:
    assert run
    response = server.get(path)

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_run_that_has_ended_is_not_cancelled(api: Lookalike, run: ClusterRun) -> None:
    assert api.cancel_cluster_run(run.id) == run
    with pytest.raises(NotFound):
        api.cancel_cluster_run(999)


# --- one at a time, and cancelled ----------------------------------------------------------------


class Held:
    """Holds a run where it would compare, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.let_go = Event(), Event()
        compare = running.find_patterns

        def wait(*args: object, **options: object) -> object:
            self.reached.set()
            assert self.let_go.wait(30)
            return compare(*args, **options)  # type: ignore[arg-type] -- as they came

        monkeypatch.setattr(running, "find_patterns", wait)
        monkeypatch.setattr(running, "_LOOK", 0.0)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(monkeypatch)
    yield held
    held.let_go.set()


def begin(runs: ClusterRunJob, held: Held) -> ClusterRun:
    begun = runs.start(HDBSCAN, EVERYTHING, ClusterParameters(), since_last=False)
    assert held.reached.wait(30)
    return begun.run


def state_of(store: Store, run: ClusterRun) -> RunState:
    with store.reader() as catalog:
        return catalog.cluster_runs.get(run.id).state


def test_a_server_clusters_once_at_a_time_and_cancels_at_its_stop(store: Store, held: Held) -> None:
    add_family(store, bind(store), 0, range(8))
    with ClusterRunJob(store, Settings(worker_threads=1)) as runs:
        run = begin(runs, held)
        with pytest.raises(RunUnderWay, match="one run at a time"):
            begin(runs, held)
        other_server = ClusterRunJob(store, Settings(worker_threads=1))
        with pytest.raises(RunUnderWay, match="one run at a time"), other_server:
            begin(other_server, held)
        assert state_of(store, run) is RunState.RUNNING
        runs._stopping.set()  # noqa: SLF001 -- as the end of the block does, which waits
        held.let_go.set()

    assert state_of(store, run) is RunState.CANCELLED
    with pytest.raises(RunUnderWay):
        begin(runs, held)


@pytest.mark.postgres
def test_a_run_is_cancelled_by_whoever_marks_it_in_the_database(store: Store, held: Held) -> None:
    add_family(store, bind(store), 0, range(8))
    with ClusterRunJob(store, Settings(worker_threads=1)) as runs:
        run = begin(runs, held)
        with store.writer() as writer:
            cancelled = writer.cluster_runs.end(run.id, RunState.CANCELLED)
        held.let_go.set()

    with store.reader() as catalog:
        assert catalog.cluster_runs.get(run.id) == cancelled
        assert catalog.clusters.page(run.id) == []


def test_a_run_that_was_cancelled_as_it_wrote_has_found_nothing(store: Store, held: Held) -> None:
    add_family(store, bind(store), 0, range(8))
    held.let_go.set()

    def cancel(stage: str, _done: int, _of: int) -> None:
        if stage == "writing":
            with store.writer() as writer:
                writer.cluster_runs.end(1, RunState.CANCELLED)

    runner = running.ClusterRunner(store, Settings(worker_threads=1))
    run = runner.run(HDBSCAN, EVERYTHING, ClusterParameters(), on_progress=cancel)

    assert (run.id, run.state, run.clusters) == (1, RunState.CANCELLED, 0)


def test_a_scope_of_no_bank_begins_no_run(store: Store) -> None:
    bind(store)
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
    with ClusterRunJob(store, Settings(worker_threads=1)) as runs, pytest.raises(NotFoundError):
        runs.start(
            HDBSCAN, ClusterScope(banks=("unsafe", "no")), ClusterParameters(), since_last=False
        )

    with store.reader() as catalog:
        assert catalog.cluster_runs.page() == []


def test_alerts_say_when_parameters_changed(
    server: httpx.Client, api: Lookalike, run: ClusterRun
) -> None:
    other = done(api, api.start_cluster_run(seed=5).run)

    said = server.get(f"/v1/cluster-runs/{other.id}/alerts").json()

    assert other.previous_run is not None
    assert other.previous_run >= run.id
    assert said["items"] == []
    assert "their parameters differ (seed 4 and 5)" in said["not_compared"]
