"""Cluster reports: what they say, how they are written, and that nothing else gets into them."""

import csv
import sys
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from shutil import copy

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import TypeAdapter

from indexer.errors import InputError, NotFoundError, UnreadableSource
from indexer.images.veils import GREY_SIDE
from indexer.reports import Report, ReportOptions, build_report, save_report, write_report
from indexer.reports.csv_table import COLUMNS
from indexer.reports.kept_map import open_map
from indexer.reports.landmark_map import LandmarkMap
from indexer.reports.map import find_axes
from indexer.reports.shares import spread_of
from indexer.reports.urgency import urgency
from indexer.settings import Settings
from indexer.store import Arrival, FoundCluster, FoundLineage, FoundMembers, Store
from indexer.types import (
    BankKind,
    ClusterAlgorithm,
    LineageEvent,
    ReportFormat,
    RunState,
    SourceDetails,
    SourceStamp,
    Space,
    Tier,
    place_of,
)
from indexer.verification import make_thumbnail
from support.catalog import arrival, bind, new_image
from support.commands import PHOTOS, Index
from support.families import EVERYTHING, add_family, add_vectors, clustered, near_axis
from support.reports import made_up_report
from support.unit_vectors import exact_unit

pytestmark = pytest.mark.numeric


SETTINGS = Settings(worker_threads=1)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def report_of(store: Store, run_id: int | None = None, **options: int) -> Report:
    return build_report(store, SETTINGS, run_id, ReportOptions(**options))


def written(report: Report, kind: ReportFormat) -> bytes:
    file = BytesIO()
    write_report(report, kind, file)
    return file.getvalue()


# --- what a report says --------------------------------------------------------------------------


def test_a_report_describes_each_cluster_the_largest_first(store: Store, space: Space) -> None:
    small = add_family(store, space, 0, range(6))
    large = add_family(store, space, 1, range(10, 20))
    add_vectors(store, space, {99: near_axis(5, 99)})
    run = clustered(store)

    report = report_of(store)

    assert report.run == run
    assert (report.summary.images, report.summary.clusters, report.summary.noise) == (17, 2, 1)
    assert [cluster.size for cluster in report.clusters] == [10, 6]
    first, second = report.clusters
    assert {first.medoid.image_id, *(p.image_id for p in first.exemplars)} <= set(large)
    assert {p.image_id for p in second.outliers} <= set(small)
    assert sum(each.images for each in first.classes) == 10
    assert sum(day.added for day in first.growth) == 10
    assert first.sources.top[0].name == "/pictures"
    assert first.uploaders.unknown == 10
    assert first.radius <= first.max_pair_distance
    assert report.summary.changes == ()
    assert first.event is None


def test_the_most_urgent_clusters_come_first() -> None:
    [cluster] = made_up_report(60, clusters=1).clusters
    unknown = replace(cluster, banks=(), nearest_entries=())
    expected = [
        replace(cluster, id=5, size=30, size_before=10),  # known, and 20 joined
        replace(cluster, id=4, size=30, size_before=20),
        replace(cluster, id=3, event=LineageEvent.CONTINUED, size=99, size_before=99),
        replace(unknown, id=2, event=LineageEvent.NEW, size=40, size_before=None),
        replace(unknown, id=1, size=90, size_before=80),
    ]

    by_id = sorted(expected, key=lambda each: each.id)
    assert sorted(by_id, key=urgency) == expected


def test_a_young_index_is_told_by_the_hour(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    clustered(store)

    report = report_of(store)

    assert sum(hour.added for hour in report.summary.hours) == report.summary.images == 6
    assert report.clusters[0].hours == report.summary.hours
    assert {hour.hour.minute for hour in report.summary.hours} == {0}


def test_distances_and_counts_within_a_radius_are_those_of_brute_force(
    store: Store, space: Space
) -> None:
    # exact cosines: else one at a bound may be counted on either side of it
    vectors = exact_unit(np.stack([near_axis(0, seed) for seed in range(12)]))
    add_vectors(store, space, dict(enumerate(vectors)))
    clustered(store)

    report = report_of(store)

    (cluster,) = report.clusters
    with store.reader() as catalog:
        stored = catalog.cluster_scopes.vectors(EVERYTHING, space)
    medoid = stored.vectors[stored.ids.tolist().index(cluster.medoid.image_id)]
    distances = 1 - (stored.vectors @ medoid).astype(np.float64)
    assert report.members.distances == pytest.approx(np.clip(distances, 0, 2), abs=2e-6)
    for each in cluster.within:
        inside = int((distances <= each.distance).sum())
        assert each.images == (inside if inside > 1 else 0)
    assert cluster.within[-1].images == 12


def test_a_report_names_banks_and_the_nearest_entries_with_their_tier(
    store: Store, space: Space
) -> None:
    with store.writer() as writer:
        block = writer.banks.create("unsafe", BankKind.BLOCK)
        writer.banks.create("fine", BankKind.ALLOW)
    known = add_vectors(store, space, {50: near_axis(0, 50), 51: near_axis(4, 51)}, block.id)
    add_family(store, space, 0, range(6))
    add_family(store, space, 1, range(10, 15))
    clustered(store)

    hit, other = report_of(store).clusters

    assert [(each.bank, each.kind, each.members) for each in hit.banks] == [("unsafe", "block", 1)]
    assert hit.nearest_entries[0].image_id == known[0]
    assert hit.nearest_entries[0].tier is Tier.NEAR_DUPLICATE
    assert hit.nearest_entries[0].similarity > hit.nearest_entries[1].similarity
    assert other.banks == ()
    assert {near.tier for near in other.nearest_entries} == {Tier.NONE}


def test_a_second_run_tells_what_became_of_each_cluster(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    clustered(store)
    add_family(store, space, 0, range(6, 9))
    add_family(store, space, 1, range(10, 16))
    clustered(store)

    report = report_of(store)

    assert report.summary.events == {LineageEvent.NEW: 1, LineageEvent.GROWN: 1}
    assert [change.event for change in report.summary.changes] == ["new", "grown"]
    grown = next(c for c in report.clusters if c.event is LineageEvent.GROWN)
    assert (grown.size_before, grown.size) == (6, 9)


def test_a_cluster_that_is_gone_is_told_by_its_name_and_growth_by_an_alert(
    store: Store, space: Space
) -> None:
    lost = add_family(store, space, 0, range(6))
    add_family(store, space, 1, range(10, 16))
    clustered(store)
    with store.writer() as writer:
        writer.images.remove(lost)
    add_family(store, space, 1, range(20, 32))
    clustered(store)

    report = report_of(store)

    grown, gone = report.summary.changes
    assert (grown.event, gone.event) == (LineageEvent.GROWN, LineageEvent.GONE)
    assert gone.name
    assert [(alert.kind, alert.cluster_id) for alert in report.summary.alerts] == [
        ("growth", grown.cluster_id)
    ]
    page = written(report, ReportFormat.HTML).decode()
    assert gone.name in page
    _, _, told = report.summary.alerts[0].message.partition(") ")
    assert told.startswith("grew from 6 to 18 images")
    assert told in page.replace("&#39;", "'")


def test_uploaders_and_places_are_counted_with_the_rest_together() -> None:
    spread = spread_of([*"aaabbbccdde", "f", "g", None])

    assert [(each.name, each.images) for each in spread.top] == [
        ("a", 3), ("b", 3), ("c", 2), ("d", 2), ("e", 1),
    ]  # fmt: skip
    assert (spread.others, spread.images_of_others, spread.unknown) == (2, 2, 1)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("/photos/2024/a.jpg", "/photos/2024"),
        ("/shards/1.tar!/deep/a.jpg", "/shards/1.tar"),
        ("https://example.org:8443/a/b.jpg?x=/1", "https://example.org"),
        ("s3://bucket/folder/a.jpg", "s3://bucket/folder"),
    ],
)
def test_a_source_s_place_is_its_folder_archive_or_host(uri: str, place: str) -> None:
    assert place_of(uri) == place


def test_an_uploader_is_told(store: Store, space: Space) -> None:
    items = [
        (
            replace(new_image(seed), embedding=near_axis(0, seed)),
            arrival(f"{seed}.jpg", details=SourceDetails(uploader="anna")),
        )
        for seed in range(6)
    ]
    with store.writer() as writer:
        writer.images.add(items, space.id)
    clustered(store)

    report = report_of(store)

    assert [(c.name, c.images) for c in report.clusters[0].uploaders.top] == [("anna", 6)]
    assert set(report.members.uploaders) == {"anna"}


def test_images_that_left_the_index_since_are_counted_and_left_out(
    store: Store, space: Space
) -> None:
    ids = add_family(store, space, 0, range(6))
    clustered(store)
    gone = report_of(store).clusters[0].medoid.image_id
    with store.writer() as writer:
        writer.images.remove([gone])

    report = report_of(store)

    assert report.summary.removed == 1
    assert set(report.members.image_ids) == set(ids) - {gone}
    assert report.clusters[0].medoid.distance is None
    assert written(report, ReportFormat.HTML)


@pytest.mark.parametrize("seeds", [[], [1]], ids=["no images", "one image"])
def test_a_run_without_clusters_is_reported(store: Store, space: Space, seeds: list[int]) -> None:
    add_vectors(store, space, {seed: near_axis(0, seed) for seed in seeds})
    clustered(store)

    report = report_of(store, neighbours=True, alternatives=True)

    assert report.clusters == ()
    assert len(report.members.image_ids) == len(seeds)
    for kind in ReportFormat:
        assert written(report, kind)


def test_without_a_finished_run_there_is_no_report(store: Store, space: Space) -> None:
    with pytest.raises(NotFoundError, match="cluster run"):
        report_of(store)
    with store.writer() as writer:
        run = writer.cluster_runs.begin(ClusterAlgorithm.HDBSCAN, {}, EVERYTHING, space.id)
        writer.cluster_runs.end(run.id, RunState.CANCELLED)
    with pytest.raises(InputError, match="cancelled"):
        report_of(store, run.id)


def test_other_bounds_find_what_a_run_with_them_finds(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    add_vectors(store, space, {seed: near_axis(1, seed, 0.2) for seed in range(10, 20)})
    clustered(store)

    told = report_of(store, alternatives=True).summary.alternatives

    for parameter in ("max_link", "min_cluster_size"):
        of_it = [each for each in told if each.parameter == parameter]
        assert len({each.images for each in of_it}) > 1
        assert [each.of_run for each in of_it].count(True) == 1
    for each in told:
        run = clustered(store, **{each.parameter: each.value})
        assert (each.clusters, each.images) == (run.clusters, run.images - run.noise)


def test_of_families_is_told_what_a_higher_bound_and_a_larger_size_would_leave(
    store: Store, space: Space
) -> None:
    images = add_family(store, space, 0, range(10))
    with store.writer() as writer:
        run = writer.cluster_runs.begin(
            ClusterAlgorithm.FAMILIES, {"min_log_odds": 4.6}, EVERYTHING, space.id
        )
        # the hub, two strong links, a weak one and one by PDQ alone; then a family of two
        found = [found_cluster(space, images[0], 5), found_cluster(space, images[5], 2)]
        evidence = np.array([np.inf, 30, 30, 5, 0, np.inf, 7, 0, 0, 0])
        labels = np.array([0, 0, 0, 0, 0, 1, 1, -1, -1, -1])
        members = FoundMembers(np.array(images), labels, 1 / (1 + np.exp(-evidence)), np.zeros(10))
        steps = [FoundLineage(LineageEvent.NEW, n, None, None, None, 0, 0, 2) for n in (0, 1)]
        writer.cluster_runs.finish(run.id, found, members, steps)

    report = report_of(store, alternatives=True)

    told = report.summary.alternatives
    bounds = [(e.value, e.clusters, e.images) for e in told if e.parameter == "min_log_odds"]
    sizes = [(e.value, e.clusters, e.images) for e in told if e.parameter == "size"]
    assert bounds == [(4.6, 2, 7), (6.6, 2, 6), (8.6, 1, 4), (12.6, 1, 4), (20.6, 1, 4)]
    assert sizes == [(2, 2, 7), (3, 1, 5), (5, 1, 5), (10, 0, 0), (20, 0, 0), (50, 0, 0)]
    assert [each.value for each in told if each.of_run] == [4.6, 2]
    page = written(report, ReportFormat.HTML).decode()
    assert "A higher bound" in page
    assert "Another minimum size" in page


def found_cluster(space: Space, medoid: int, size: int) -> FoundCluster:
    vector = np.eye(space.dimension, dtype=np.float32)[0]
    now = datetime.now(UTC)
    return FoundCluster(None, size, medoid, vector, (medoid,), 0.1, 0.2, now, now, 1.0)


def test_changed_parameters_are_said_and_their_effect_is_no_growth(
    store: Store, space: Space
) -> None:
    add_family(store, space, 0, range(6))
    clustered(store, max_link=0.2)
    add_family(store, space, 0, range(6, 12))
    clustered(store, max_link=0.25)

    report = report_of(store)

    changed = "max_link 0.2 and 0.25"
    assert report.summary.changed_parameters == changed
    assert f'"changed_parameters": "{changed}"' in written(report, ReportFormat.JSON).decode()
    assert f"Parameters changed</b> since run 1 ({changed})" in (
        written(report, ReportFormat.HTML).decode()
    )
    (cluster,) = report.clusters
    assert urgency(cluster)[1] < 0
    assert urgency(cluster, is_compared=False)[1] == 0
    clustered(store, max_link=0.25)
    assert report_of(store).summary.changed_parameters is None


# --- the map -------------------------------------------------------------------------------------


def test_the_map_is_that_of_a_singular_value_decomposition() -> None:
    random = np.random.default_rng(0)
    vectors = (random.standard_normal((300, 16)) * np.arange(16, 0, -1)).astype(np.float32)

    places = find_axes(np.array_split(vectors, 7), 16).place(vectors)

    centred = vectors - vectors.mean(axis=0)
    expected = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    assert np.abs(places) == pytest.approx(np.abs(expected), abs=0.02)


def test_a_tenth_more_images_hardly_move_the_map() -> None:
    random = np.random.default_rng(0)
    centres = random.standard_normal((11, 32)) * np.geomspace(4, 0.1, 32)
    vectors = np.repeat(centres, 100, axis=0)
    vectors = (vectors + 0.3 * random.standard_normal(vectors.shape)).astype(np.float32)
    vectors = random.permutation(vectors)

    before = find_axes([vectors[:1000]], 32).place(vectors[:1000])
    after = find_axes([vectors], 32).place(vectors)[:1000]

    moved = np.linalg.norm(before - after, axis=1)
    assert np.median(moved) < 0.1 * before.std()


def test_vectors_that_differ_in_nothing_lie_in_one_place() -> None:
    vectors = np.repeat(near_axis(0, 1)[np.newaxis], 4, axis=0)

    assert find_axes([vectors], 8).place(vectors) == pytest.approx(0, abs=1e-6)


def test_an_image_lies_beside_its_nearest_landmark() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((2_500, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    landmarks = vectors[:200]
    places = (1_000 * random.standard_normal((200, 2))).astype(np.float32)
    plane = LandmarkMap.of(landmarks, places)

    placed = plane.place(vectors)

    assert np.array_equal(placed[:200], places)
    away = np.linalg.norm(placed[:, None] - places[None], axis=2)
    nearest = (vectors @ landmarks.T).argmax(axis=1)
    assert (away[np.arange(2_500), nearest] <= 5 * plane.gap).all()


def places_of(report: Report) -> dict[int, tuple[float, float]]:
    columns = (report.members.image_ids, report.members.x, report.members.y)
    return {image: (x, y) for image, x, y in zip(*columns, strict=True)}


@pytest.mark.postgres
def test_an_image_has_its_place_on_the_map_for_good(store: Store, space: Space) -> None:
    ids = [
        i
        for axis in range(4)
        for i in add_family(store, space, axis, range(20 * axis, 20 * axis + 14))
    ]
    clustered(store)
    first = report_of(store)
    add_family(store, space, 1, range(100, 120))
    clustered(store)

    later = report_of(store)

    assert first.map
    assert (first.map.images, first.map.landmarks) == (56, 56)
    assert first.map == later.map
    before, after = places_of(first), places_of(later)
    assert {image: after[image] for image in before} == before
    assert len(after) == 76

    with store.writer() as writer:
        writer.images.remove(ids[:20])
    thinned = report_of(store)
    assert thinned.map == replace(first.map, landmarks=36)
    assert {i: place for i, place in places_of(thinned).items() if i in ids} == {
        image: before[image] for image in ids[20:]
    }

    renewed = report_of(store, new_map=True).map
    assert renewed
    assert renewed.made_at > first.map.made_at
    assert (renewed.images, renewed.landmarks) == (56, 56)
    assert report_of(store).map == renewed


def test_a_map_that_the_index_has_outgrown_is_laid_out_anew(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(49))
    assert open_map(store, space) is None
    add_family(store, space, 1, [50])
    made = open_map(store, space)
    add_family(store, space, 2, range(100, 250))
    kept = open_map(store, space)
    add_family(store, space, 3, [300])
    anew = open_map(store, space)

    assert made
    assert kept
    assert anew
    assert [each[1].images for each in (made, kept, anew)] == [50, 50, 201]
    assert np.array_equal(kept[0].places, made[0].places)


def test_families_lie_on_discs_of_their_own(store: Store, space: Space) -> None:
    for axis in range(6):
        add_family(store, space, axis, range(20 * axis, 20 * axis + 10))
    clustered(store, ClusterAlgorithm.FAMILIES)

    report = report_of(store)

    members = report.members
    places = np.column_stack([members.x, members.y])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    families = np.array(members.cluster_ids)
    assert (families[apart.argmin(axis=1)] == families).all()
    for cluster in report.clusters:
        rows = np.flatnonzero(families == cluster.id)
        hub = members.image_ids.index(cluster.medoid.image_id)
        outwards = np.argsort(np.linalg.norm(places[rows] - places[hub], axis=1), kind="stable")
        distances = np.array(members.distances, np.float64)[rows][outwards]
        assert (np.diff(distances) > -1e-5).all()
    page = written(report, ReportFormat.HTML).decode()
    assert "A family is a disc around its hub" in page
    assert "by t-SNE of 60 of them" in page


# --- formats -------------------------------------------------------------------------------------


def test_a_report_comes_back_from_json(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    clustered(store)
    report = report_of(store, neighbours=True)

    read = TypeAdapter(Report).validate_json(written(report, ReportFormat.JSON))

    assert read == report


def test_csv_has_a_row_for_each_image_and_no_formulas() -> None:
    report = made_up_report(40)
    report = replace(report, members=replace(report.members, sources=("=cmd|'/c calc'!A1",) * 40))

    rows = list(csv.DictReader(written(report, ReportFormat.CSV).decode().splitlines()))

    assert len(rows) == 40
    assert tuple(rows[0]) == COLUMNS
    assert {row["source"][:2] for row in rows} == {"'="}
    noise = [row for row in rows if row["cluster_id"] == ""]
    assert {(row["cluster"], row["distance"]) for row in noise} == {("", "")}
    assert len(noise) == report.summary.noise


def test_parquet_has_the_columns_that_embedding_atlas_reads(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    add_vectors(store, space, {99: near_axis(5, 99)})
    clustered(store)
    report = report_of(store, neighbours=True)

    table = pq.read_table(BytesIO(written(report, ReportFormat.PARQUET)))

    rows = table.to_pylist()
    assert {"id", "x", "y", "label", "neighbors"} <= set(table.column_names)
    assert [row["id"] for row in rows] == list(report.members.image_ids)
    assert [row["label"] for row in rows].count("noise") == 1
    assert rows[0]["neighbors"]["ids"][0] in range(1, 6)  # numbers of rows, of the same family
    assert rows[0]["neighbors"]["distances"] == sorted(rows[0]["neighbors"]["distances"])


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InputError, match=r"lookalike\[parquet\]"):
        written(made_up_report(4), ReportFormat.PARQUET)


def test_names_and_notes_are_text_wherever_they_come_from() -> None:
    report = made_up_report(20)
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    cluster = replace(report.clusters[0], name=evil, note=evil)

    page = written(replace(report, clusters=(cluster, *report.clusters[1:])), ReportFormat.HTML)

    assert b"alert(1)" in page
    assert b"<script>alert" not in page
    assert b"<img src=x" not in page


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="cannot be written"):
        save_report(made_up_report(4), ReportFormat.CSV, tmp_path / "missing" / "r.csv")

    save_report(made_up_report(4), ReportFormat.CSV, tmp_path / "r.csv")
    assert (tmp_path / "r.csv").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


# --- pictures and the command --------------------------------------------------------------------


@pytest.fixture
def gallery(store: Store, space: Space, tmp_path: Path) -> list[Path]:
    """Photos of a folder that make up one cluster."""
    files = [Path(copy(PHOTOS / f"{name}.jpg", tmp_path)) for name in ("bee", "koala", "sheep")]
    items = [
        (
            replace(
                new_image(seed),
                embedding=near_axis(0, seed),
                sha256=sha256(file.read_bytes()).digest(),
            ),
            Arrival(SourceStamp(str(file), file.stat().st_size, "1"), SourceDetails(), None),
        )
        for seed, file in enumerate(files)
    ]
    with store.writer() as writer:
        writer.images.add(items, space.id)
    clustered(store, min_cluster_size=3, min_samples=1)
    return files


def thumbnails(report: Report) -> list[str | None]:
    (cluster,) = report.clusters
    return [each.thumbnail for each in (cluster.medoid, *cluster.exemplars, *cluster.outliers)]


@pytest.mark.usefixtures("gallery")
def test_pictures_are_small_grey_and_blurred(store: Store) -> None:
    made = {uri for uri in thumbnails(report_of(store, pictures=2)) if uri}

    assert len(made) == 2
    for uri in made:
        with Image.open(BytesIO(b64decode(uri.partition(",")[2]))) as picture:
            assert picture.mode == "L"
            assert max(picture.size) <= GREY_SIDE
            assert not picture.getexif()
            steps = np.abs(np.diff(np.asarray(picture, np.float64), axis=1))
        assert np.quantile(steps, 0.99) < 45  # no sharp edges


def test_a_source_that_holds_another_picture_now_is_not_shown(
    store: Store, gallery: list[Path]
) -> None:
    for file in gallery:
        copy(PHOTOS / "castle-front.jpg", file)

    assert set(thumbnails(report_of(store, pictures=50))) == {None}


def test_a_stored_thumbnail_is_shown_without_the_source(store: Store, space: Space) -> None:
    with Image.open(PHOTOS / "bee.jpg") as photo:
        jpeg = make_thumbnail(np.asarray(photo.convert("RGB")))
    images = [
        replace(new_image(seed), embedding=near_axis(0, seed), thumbnail=jpeg) for seed in range(3)
    ]
    with store.writer() as writer:
        writer.images.add([(image, arrival("x.jpg")) for image in images], space.id)
    clustered(store, min_cluster_size=3, min_samples=1)

    assert None not in thumbnails(report_of(store, pictures=50))


@pytest.mark.usefixtures("gallery")
def test_the_command_writes_the_newest_run(database_url: str, tmp_path: Path) -> None:
    index = Index(tmp_path, database_url)
    target = tmp_path / "report.html"

    told = index.run_here("cluster", "report", "--output", target)
    as_json = index.run_here("cluster", "report", 1, "--format", "json", "--output", "-")

    assert "1 clusters" in told.stdout
    assert as_json.json["run"]["id"] == 1
    assert str(tmp_path / "home") not in target.read_text()


def test_the_html_file_holds_no_path_but_sources_and_no_original(
    store: Store, gallery: list[Path]
) -> None:
    page = written(report_of(store, pictures=50), ReportFormat.HTML)

    assert str(Path(sys.prefix)).encode() not in page
    assert str(Path(__file__).parents[1]).encode() not in page
    for file in gallery:
        assert b64encode(file.read_bytes()[:300])[:300] not in page
