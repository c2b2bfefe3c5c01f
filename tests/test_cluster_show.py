"""`lookalike cluster show`: names that tell something, facts to act on, contact sheets."""

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
import typer
from PIL import Image

from indexer.cli import cluster_actions
from indexer.clustering import actions
from indexer.store import FoundCluster, FoundLineage, FoundMembers, Store, open_store
from indexer.types import (
    UPLOAD,
    ClusterAlgorithm,
    ClusterScope,
    LineageEvent,
    Space,
    file_of,
    place_of,
)
from indexer.verification import make_thumbnail
from support.catalog import arrival, bind, new_image
from support.commands import PHOTOS, Index
from support.families import add_family
from support.forked import start

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def add_images(
    store: Store, space: Space, uris: list[str], probabilities: tuple[float, float] = (0.1, 0.9)
) -> list[int]:
    """Add an image at each URI, of the class that is the more probable."""
    numbers = np.array(probabilities, np.float32)
    items = []
    for uri in uris:
        image = replace(new_image(crc32(uri.encode())), probabilities=numbers)
        found = arrival(uri)
        items.append((image, replace(found, stamp=replace(found.stamp, uri=uri))))
    with store.writer() as writer:
        writer.images.add(items, space.id)
        ids = writer.images.ids_by_sha256([image.sha256 for image, _ in items])
    return [ids[image.sha256] for image, _ in items]


def write_run(
    store: Store,
    space: Space,
    members: list[int],
    algorithm: ClusterAlgorithm = ClusterAlgorithm.NEAR_DUPLICATES,
    cluster_id: int | None = None,
) -> int:
    """Let a run have found one cluster, whose medoid is the first member; return the cluster."""
    with store.writer() as writer:
        run = writer.cluster_runs.begin(algorithm, {}, ClusterScope(), space.id)
        medoid = np.eye(space.dimension, dtype=np.float32)[0]
        found = FoundCluster(
            cluster_id, len(members), members[0], medoid, (members[0],), 0.1, 0.2, NOW, NOW, 1.0
        )
        zeros = np.zeros(len(members))
        labels = np.zeros(len(members), np.int64)
        event = LineageEvent.NEW if cluster_id is None else LineageEvent.GROWN
        step = FoundLineage(event, 0, cluster_id, None, None, 0, 0, len(members))
        found_members = FoundMembers(np.array(members), labels, zeros + 1, zeros)
        writer.cluster_runs.finish(run.id, [found], found_members, [step])
        return writer.clusters.page(run.id)[0].id


def name_of(store: Store, cluster_id: int) -> str:
    with store.reader() as catalog:
        return catalog.clusters.get(cluster_id).name


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_copies_are_named_by_the_file_of_their_medoid(store: Store, space: Space) -> None:
    images = add_images(store, space, [f"/uploads/{name}.jpg" for name in ("coffee", "a", "b")])

    cluster = write_run(store, space, images)

    assert name_of(store, cluster) == "coffee.jpg and 2 copies"
    with store.reader() as catalog:
        assert catalog.clusters.names(1) == {cluster: "coffee.jpg and 2 copies"}
        assert catalog.clusters.lineage_names(1) == {cluster: "coffee.jpg and 2 copies"}
        assert catalog.clusters.reach(1).names == ("coffee.jpg and 2 copies",)


@pytest.mark.postgres
def test_pictures_of_a_kind_are_named_by_their_folder_and_class(store: Store, space: Space) -> None:
    memes = add_images(store, space, [f"/uploads/memes/{n}.jpg" for n in range(4)])
    other = add_images(store, space, ["/elsewhere/x.jpg"], (0.9, 0.1))

    cluster = write_run(store, space, memes + other, ClusterAlgorithm.KMEANS)

    with store.reader() as catalog:
        found = catalog.clusters.get(cluster)
    assert found.name == f"memes/: 5 images like 0.jpg, mostly {space.labels[1]}"
    assert found.top_class
    assert (found.top_class.name, found.top_class.images) == (space.labels[1], 4)
    assert found.top_source
    assert (found.top_source.name, found.top_source.images) == ("/uploads/memes", 4)


def test_pictures_of_a_kind_from_many_folders_are_named_by_their_class(
    store: Store, space: Space
) -> None:
    images = add_images(store, space, [f"/{n}/x.jpg" for n in range(4)])

    cluster = write_run(store, space, images, ClusterAlgorithm.HDBSCAN)

    assert name_of(store, cluster) == f"4 images like x.jpg, mostly {space.labels[1]}"


def test_two_kinds_of_pictures_in_one_folder_have_two_names(store: Store, space: Space) -> None:
    images = add_images(store, space, [f"/uploads/memes/{n}.jpg" for n in range(8)])

    names = {
        name_of(store, write_run(store, space, half, ClusterAlgorithm.HDBSCAN))
        for half in (images[:4], images[4:])
    }

    of_class = f"mostly {space.labels[1]}"
    assert names == {f"memes/: 4 images like {n}.jpg, {of_class}" for n in (0, 4)}


def test_a_name_counts_the_members_of_the_newest_run(store: Store, space: Space) -> None:
    images = add_images(store, space, [f"/uploads/{n}.jpg" for n in range(4)])

    cluster = write_run(store, space, images[:2])
    assert name_of(store, cluster) == "0.jpg and 1 copy"
    write_run(store, space, images, cluster_id=cluster)

    assert name_of(store, cluster) == "0.jpg and 3 copies"


def test_an_analyst_s_name_wins_until_it_is_undone(store: Store, space: Space) -> None:
    cluster = write_run(store, space, add_images(store, space, ["/a.jpg", "/b.jpg"]))

    action = actions.label(store, cluster, "statues")
    assert name_of(store, cluster) == "statues"
    actions.undo(store, action.id)

    assert name_of(store, cluster) == "a.jpg and 1 copy"


def test_uploads_without_a_file_are_named_by_their_number(store: Store, space: Space) -> None:
    images = add_images(store, space, [f"{UPLOAD}00", f"{UPLOAD}01"])

    cluster = write_run(store, space, images)

    assert name_of(store, cluster) == f"cluster-{cluster}"
    with store.reader() as catalog:
        assert catalog.clusters.get(cluster).top_source is None


def test_a_long_file_name_is_shortened_in_the_middle(store: Store, space: Space) -> None:
    cluster = write_run(store, space, add_images(store, space, [f"/{'a' * 90}-7.jpg", "/b.jpg"]))

    name = name_of(store, cluster)

    assert name.startswith("aaaaaaa")
    assert "…" in name
    assert name.endswith("-7.jpg and 1 copy")
    assert len(name) < 60


@pytest.mark.parametrize(
    ("uri", "place", "file"),
    [
        ("/data/in/a.jpg", "/data/in", "a.jpg"),
        ("/data/a.zip!/in/b.jpg", "/data/a.zip", "b.jpg"),
        ("https://host.example/in/a%20b.jpg?x=1", "https://host.example", "a b.jpg"),
        ("s3://bucket/in/a.jpg", "s3://bucket/in", "a.jpg"),
        (f"{UPLOAD}abc", None, None),
    ],
)
def test_a_source_names_a_place_and_a_file(uri: str, place: str | None, file: str | None) -> None:
    assert (place_of(uri), file_of(uri)) == (place, file)


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> Index:
    """Return an index with a cluster of eight, three of which are in a block bank."""
    index = Index(tmp_path / "home")
    index.run_here("init", "--model", tiny_model)
    index.run_here("bank", "create", "unsafe")
    with open_store(index.settings.resolved_database_url) as store:
        space = space_of(store)
        images = add_family(store, space, 0, range(8))
        with store.writer() as writer:
            writer.entries.add(writer.banks.id_of("unsafe"), images[:3])
        write_run(store, space, images)
    return index


def space_of(store: Store) -> Space:
    with store.reader() as catalog:
        space = catalog.spaces.active()
    assert space
    return space


def test_a_run_s_clusters_are_listed_with_what_an_analyst_asks_first(index: Index) -> None:
    shown = index.run_here("cluster", "show")
    told = index.run_here("cluster", "show", "--json").json

    [cluster] = told["clusters"]
    assert cluster["name"] == "0.jpg and 7 copies"
    assert told["bank_hits"] == {"1": {"unsafe": 3}}
    assert told["events"]["1"]["event"] == "new"
    for part in ("new", "unsafe 3", "0.jpg and 7 copies", "8 from /pictures"):
        assert part in shown.stdout
    assert "near_duplicates" in index.run_here("cluster", "list").stdout


def test_a_cluster_is_shown_with_its_members_files(index: Index) -> None:
    shown = index.run_here("cluster", "show", 1)
    told = index.run_here("cluster", "show", 1, "--json").json

    assert "Cluster 1: 0.jpg and 7 copies" in shown.stdout
    assert "8.0 an hour, " in shown.stdout
    assert "unsafe 3" in shown.stdout
    assert "/pictures/7.jpg" in shown.stdout
    assert [member["source"] for member in told["members"]] == [
        f"/pictures/{n}.jpg" for n in range(8)
    ]
    assert (told["run"]["algorithm"], told["event"]["event"]) == ("near_duplicates", "new")
    assert told["bank_hits"] == {"unsafe": 3}


def test_a_contact_sheet_holds_veiled_pictures_and_loads_nothing(
    index: Index, tmp_path: Path
) -> None:
    with Image.open(min(PHOTOS.glob("*.jpg"))) as opened:
        jpeg = make_thumbnail(np.asarray(opened.convert("RGB")))
    with open_store(index.settings.resolved_database_url) as store:
        space = space_of(store)
        image = replace(
            new_image(77),
            embedding=np.eye(space.dimension, dtype=np.float32)[0],
            probabilities=np.full(len(space.labels), 1 / len(space.labels), np.float32),
            thumbnail=jpeg,
        )
        with store.writer() as writer:
            writer.images.add([(image, arrival("<b>.jpg"))], space.id)
        write_run(store, space, [9, 1, 2])
    sheet = tmp_path / "sheet.html"

    done = index.run_here("cluster", "show", 2, "--sheet", sheet)

    page = sheet.read_text()
    assert f"Contact sheet: {sheet}" in done.stdout
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("no picture") == 2
    assert "&lt;b&gt;.jpg" in page
    assert "<b>.jpg" not in page
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600


def test_open_hands_the_sheet_to_the_browser(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, browser = tmp_path / "told", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{told}"\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.chdir(tmp_path)

    output = start(index, "cluster", "show", "--open").finish()

    sheet = tmp_path / "clusters-of-run-1.html"
    assert "Contact sheet: clusters-of-run-1.html" in output
    assert told.read_text() == sheet.as_uri()
    assert "0.jpg and 7 copies" in sheet.read_text()


# --- previews ------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_touched_and_changes_nothing(index: Index) -> None:
    told = index.run_here("cluster", "bank", 1, "unsafe", "--dry-run").stdout
    action = index.run_here("cluster", "bank", 1, "unsafe", "--dry-run", "--json").json["action"]
    label = index.run_here("cluster", "label", 1, "statues", "--dry-run").stdout
    index.run_here("cluster", "decide", 1, "--outcome", "confirmed", "--dry-run", code=2)

    assert "8 members of cluster 1" in told
    assert "5 new entries in bank unsafe, 3 members are already in it" in told
    assert "0 members are suppressed" in told
    assert (action["detail"]["members"], action["detail"]["new_entries"]) == (8, 5)
    assert "would be called statues" in label
    assert index.run_here("bank", "show", "unsafe", "--json").json["bank"]["entry_count"] == 3
    assert index.run_here("cluster", "show", 1, "--json").json["actions"] == []


def test_on_a_terminal_an_action_asks_first(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(question: str, **_options: object) -> None:
        asked.append(question)
        raise typer.Abort

    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    with monkeypatch.context() as patch:
        patch.setattr(typer, "confirm", refuse)
        patch.setattr(cluster_actions, "sys", terminal)
        refused = index.end_here("cluster", "bank", 1, "unsafe")
        done = index.end_here("cluster", "bank", 1, "unsafe", "--yes")

    assert asked == ["Carry it out?"]
    assert refused.code != 0
    assert "5 new entries" in refused.stdout
    assert done.code == 0
    assert index.run_here("bank", "show", "unsafe", "--json").json["bank"]["entry_count"] == 8
