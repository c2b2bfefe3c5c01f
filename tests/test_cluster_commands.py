"""`lookalike cluster`: the commands an analyst, or a timer, calls."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.clustering import runs
from indexer.store import Store, open_store
from indexer.types import RunState, Space
from support.commands import Index
from support.families import add_family, add_vectors, near_axis

FAMILIES = {0: range(12), 1: range(20, 28)}  # images by axis


@pytest.fixture
def index(tmp_path: Path, database_url: str, tiny_model: Path) -> Index:
    """Return an index with two families of images, 12 and 8, on either database."""
    index = Index(tmp_path / "home", database_url)
    index.run_here("init", "--model", tiny_model)
    with open_store(database_url) as store:
        for axis, seeds in FAMILIES.items():
            add_family(store, space_of(store), axis, seeds)
    return index


@pytest.fixture
def opened(index: Index) -> Iterator[Store]:
    with open_store(index.settings.resolved_database_url) as store:
        yield store


def space_of(store: Store) -> Space:
    with store.reader() as catalog:
        space = catalog.spaces.active()
    assert space
    return space


def clusters(index: Index) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = index.run_here("cluster", "show", "--json").json["clusters"]
    return shown


def test_a_run_finds_the_families_and_lists_them_largest_first(index: Index) -> None:
    done = index.run_here("cluster", "run", "--json").json

    assert done["how"] == "clustered"
    assert (done["run"]["state"], done["run"]["images"], done["run"]["clusters"]) == ("done", 20, 2)
    assert [cluster["size"] for cluster in clusters(index)] == [12, 8]
    assert "2 clusters" in index.run_here("cluster", "run").stdout


def test_each_list_is_a_table_for_people_too(index: Index) -> None:
    index.run_here("cluster", "run")
    largest = clusters(index)[0]["id"]

    assert "families" in index.run_here("cluster", "list").stdout
    assert re.search(r"\b12\b.*(12 images|11 copies)", index.run_here("cluster", "show").stdout)
    assert f"Cluster {largest}: " in index.run_here("cluster", "show", largest).stdout
    assert index.run_here("cluster", "lineage").stdout.count("new") == 2
    assert index.run_here("cluster", "alerts", "--json").json == []


def test_from_a_timer_only_what_is_needed_is_done(index: Index, opened: Store) -> None:
    first = index.run_here("cluster", "run", "--since-last", "--json").json
    again = index.run_here("cluster", "run", "--since-last", "--json").json
    add_vectors(opened, space_of(opened), {12: near_axis(0, 12, spread=0.001)})
    few = index.run_here("cluster", "run", "--since-last", "--few", "0.1", "--json").json
    add_family(opened, space_of(opened), 2, range(40, 60))
    many = index.run_here("cluster", "run", "--since-last", "--json").json

    assert [done["how"] for done in (first, again, few, many)] == [
        "clustered",
        "unchanged",
        "assigned",
        "clustered",
    ]
    assert again["run"]["id"] == few["run"]["id"] == first["run"]["id"]
    assert few["assigned"] == 1
    assert [cluster["size"] for cluster in clusters(index)] == [20, 13, 8]
    grown = index.run_here("cluster", "lineage", "--json").json
    assert sorted(line["event"] for line in grown) == ["continued", "grown", "new"]
    assert [alert["kind"] for alert in index.run_here("cluster", "alerts", "--json").json] == [
        "growth"
    ]


def test_a_change_of_parameters_raises_no_alert_and_is_said(index: Index, tmp_path: Path) -> None:
    run = ("cluster", "run", "--algorithm", "hdbscan", "--min-cluster-size")
    index.run_here(*run, 10)
    index.run_here(*run, 5)

    alerts = index.run_here("cluster", "alerts")
    lineage = index.run_here("cluster", "lineage")
    report = index.run_here("cluster", "report", "--output", tmp_path / "report.html")

    assert "Parameters changed since run 1 (min_cluster_size 10 and 5)" in report.stderr
    assert alerts.stdout == "No alerts.\n"
    assert "min_cluster_size 10 and 5" in alerts.stderr
    assert "Parameters changed from run 1 to 2 (min_cluster_size 10 and 5)" in lineage.stderr


def test_images_that_came_later_are_assigned(index: Index, opened: Store) -> None:
    index.run_here("cluster", "run")
    add_family(opened, space_of(opened), 1, [28])

    assert index.run_here("cluster", "assign", "--json").json["assigned"] == 1
    assert index.run_here("cluster", "assign", "--json").json["assigned"] == 0


def test_a_scope_narrows_what_is_clustered(index: Index, opened: Store) -> None:
    index.run_here("bank", "create", "known")
    with opened.writer() as writer:
        writer.entries.add(writer.banks.id_of("known"), range(1, 13))

    done = index.run_here("cluster", "run", "--bank", "known", "--json").json["run"]

    assert (done["images"], done["scope"]["banks"]) == (12, ["known"])
    index.run_here("cluster", "run", "--bank", "unknown", code=4)


@pytest.mark.parametrize("algorithm", ["kmeans", "hdbscan"])
def test_other_algorithms_find_the_families_too(index: Index, algorithm: str) -> None:
    options = ["-k", 2] if algorithm == "kmeans" else ["--max-link", 0.4]

    done = index.run_here("cluster", "run", "--algorithm", algorithm, *options, "--json").json

    assert done["run"]["clusters"] == 2


def test_what_is_done_about_a_cluster_can_be_undone(index: Index) -> None:
    index.run_here("cluster", "run")
    index.run_here("bank", "create", "known")
    number = clusters(index)[0]["id"]

    index.run_here("cluster", "label", number, "statues")
    index.run_here("cluster", "note", number, "seen in two campaigns")
    noted = re.compile("^  note +seen in two", re.MULTILINE)
    assert noted.search(index.run_here("cluster", "show", number).stdout)
    index.run_here("cluster", "note", number, "--clear")
    assert not noted.search(index.run_here("cluster", "show", number).stdout)
    assert "--clear" in index.run_here("cluster", "note", number, code=2).stderr
    joined = index.run_here("cluster", "bank", number, "known", "--json").json

    assert clusters(index)[0]["name"] == "statues"
    assert index.run_here("bank", "show", "known", "--json").json["bank"]["entry_count"] == 12
    index.run_here("cluster", "undo", joined["id"])
    assert index.run_here("bank", "show", "known", "--json").json["bank"]["entry_count"] == 0
    index.run_here("cluster", "undo", joined["id"], code=3)
    actions = {line["action"] for line in index.run_here("audit", "list", "--json").json}
    assert {"cluster.label", "cluster.bank", "cluster.undo"} <= actions


def test_rejected_members_join_an_allow_bank(index: Index) -> None:
    index.run_here("cluster", "run")
    index.run_here("bank", "create", "benign", "--kind", "allow")
    number = clusters(index)[1]["id"]

    index.run_here("cluster", "decide", number, "--outcome", "rejected", "--bank", "benign")

    assert index.run_here("bank", "show", "benign", "--json").json["bank"]["entry_count"] == 8
    index.run_here("cluster", "decide", number, "--outcome", "rejected", "--bank", "x", code=4)


def test_what_is_not_there_is_said_in_one_line(index: Index) -> None:
    for arguments in (["show", 7], ["show", "--run", 7], ["label", 7, "x"], ["undo", 7]):
        ended = index.end_here("cluster", *arguments)
        assert ended.code == 4, ended
        assert ended.stderr.startswith("Error (not_found)")
    assert index.end_here("cluster", "run", "--max-link", "3").code == 2


def test_ctrl_c_ends_a_run_of_which_nothing_is_kept(
    index: Index, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_families = runs.find_families

    def interrupted(*arguments: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return find_families(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "find_families", interrupted)
        stopped = index.run_here("cluster", "run", "--json", code=130).json

    assert stopped["run"]["state"] == "cancelled"
    with opened.reader() as catalog:
        [run] = catalog.cluster_runs.page()
        assert run.state is RunState.CANCELLED
        assert catalog.clusters.page(run.id) == []
    assert index.run_here("cluster", "run", "--json").json["run"]["state"] == "done"
