"""Semantic embeddings: what a picture shows, in a space of its own, from the same forward pass."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from indexer.cluster_assignment import AskedCluster, NewestClusters
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.incremental import ClusterRefresher
from indexer.embedding_space import load_bound_encoder
from indexer.errors import DimensionMismatch, InputError, InvalidModel, UnusableOutput
from indexer.images.decode import decode
from indexer.ingest import TransferOptions, open_transfer, plan_transfer
from indexer.model import Encoder, load_encoder
from indexer.model.parity import MIN_COSINE, compare, sample_pictures
from indexer.model.training.semantic_fit import fit_semantic
from indexer.reports import ReportOptions, build_report
from indexer.settings import SHIPPED_MODEL, ImageLimits, Settings
from indexer.store import Store, open_store
from indexer.types import (
    ClusterAlgorithm,
    Embeddings,
    Refreshed,
    SemanticEmbeddings,
    Space,
    SpaceTraits,
)
from indexer.upkeep.repair import repair
from support.catalog import bind, new_image
from support.commands import PHOTOS, Index
from support.families import (
    EVERYTHING,
    SEMANTIC_SPACE,
    add_vectors,
    clustered,
    members_of,
    near_axis,
)
from support.ingesting import NAMES, Place, make_place
from support.models import add_descriptor, add_semantic, make_tiny

pytestmark = pytest.mark.numeric

FAMILIES, _, HDBSCAN, KMEANS = ClusterAlgorithm
SHIPPED_SPACE = "b5bf71c8a5088443b16e4c08efdbebf6b413ad65e4d38cad2c76180745a2d0cf"
SETTINGS = Settings(worker_threads=1)
COUNTS = (0, 1000, 10_000, 1_000_000)
PLAIN = {"LOOKALIKE_QUERY_VIEWS": "none", "LOOKALIKE_RUNTIME": "torch"}  # no export is made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model with both heads."""
    return add_semantic(add_descriptor(make_tiny(tmp_path_factory.mktemp("models") / "both")))


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


# --- the model -----------------------------------------------------------------------------------


def test_a_semantic_head_changes_neither_the_classes_nor_the_embeddings_nor_their_space(
    folder: Path, tmp_path: Path
) -> None:
    plain = add_descriptor(make_tiny(tmp_path / "plain"))
    without, encoder = (load_encoder(str(path), "cpu", "torch") for path in (plain, folder))
    pictures = sample_pictures()[:2]

    expected, got = without.encode(pictures), encoder.encode(pictures)

    np.testing.assert_array_equal(got.probabilities, expected.probabilities)
    np.testing.assert_array_equal(got.embeddings, expected.embeddings)
    assert encoder.card.fingerprint == without.card.fingerprint
    assert without.card.semantic is None
    assert expected.semantics is None
    assert got.semantics is not None
    assert encoder.card.semantic is not None
    assert got.semantics.space == encoder.card.semantic.fingerprint != encoder.card.fingerprint
    assert got.semantics.vectors.shape == (2, 12)
    np.testing.assert_allclose(np.linalg.norm(got.semantics.vectors, axis=1), 1, atol=1e-6)


def test_onnx_runtime_gives_the_semantic_embeddings_of_torch(model_cache: Path) -> None:
    torch, onnx = (
        load_encoder(SHIPPED_MODEL, "cpu", "torch"),
        load_encoder(SHIPPED_MODEL, "cpu", "onnx", model_cache),
    )
    pictures = sample_pictures()[:3]

    expected, got = (encoder.encode(pictures).semantics for encoder in (torch, onnx))

    assert expected is not None
    assert got is not None
    assert got.space == expected.space
    assert (expected.vectors * got.vectors).sum(axis=1).min() >= MIN_COSINE
    assert torch.card.semantic == onnx.card.semantic
    assert compare(torch, onnx).holds
    assert onnx.encode([]).semantics is not None


def test_the_shipped_model_has_semantic_embeddings_and_the_space_that_it_had(
    model_cache: Path,
) -> None:
    card = load_encoder(SHIPPED_MODEL, "cpu", "onnx", model_cache).card

    assert card.fingerprint == SHIPPED_SPACE
    assert card.semantic is not None
    assert card.semantic.descriptor.startswith("semantic ")
    assert card.semantic.dimension == 128


@pytest.mark.parametrize("missing", ["semantic.json", "semantic.safetensors"])
def test_half_a_semantic_head_is_refused(folder: Path, tmp_path: Path, missing: str) -> None:
    shutil.copytree(folder, tmp_path / "half")
    (tmp_path / "half" / missing).unlink()

    with pytest.raises(InvalidModel, match=f"without {missing}"):
        load_encoder(str(tmp_path / "half"), "cpu", "torch")


def test_a_fitted_head_whitens_the_networks_features(tmp_path: Path) -> None:
    model = make_tiny(tmp_path / "model")
    limits = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_frames=1)

    fitted = fit_semantic(str(model), PHOTOS, limits=limits, components=4)

    encoder = load_encoder(str(model), "cpu", "torch")
    assert encoder.card.semantic is not None
    assert encoder.card.semantic.descriptor == str(fitted)
    assert encoder.card.semantic.dimension == 4
    with pytest.raises(InputError, match="fewer components"):
        fit_semantic(str(model), PHOTOS, limits=limits, components=4000)


# --- the store -----------------------------------------------------------------------------------


def count(store: Store) -> int:
    statement = text("SELECT count(*) FROM semantic_embeddings")
    with store.reader() as catalog:
        return int(catalog.connection.execute(statement).scalar_one())


def execute(store: Store, statement: str, **values: object) -> None:
    with store.writer() as writer:
        writer.connection.execute(text(statement), values)


@pytest.mark.postgres
def test_semantic_embeddings_are_kept_in_half_precision_until_their_image_is_purged(
    store: Store, space: Space
) -> None:
    vectors = {seed: near_axis(seed, seed) for seed in range(3)}
    ids = add_vectors(store, space, vectors, semantics={0: vectors[1], 1: vectors[2]})

    with store.reader() as catalog:
        semantic = catalog.spaces.semantic(space.id)
        assert semantic is not None
        assert (semantic.fingerprint, semantic.dimension) == (SEMANTIC_SPACE, space.dimension)
        assert not catalog.spaces.is_usable(semantic.id)
        assert catalog.spaces.active() == space
        got = catalog.embeddings.semantic(ids[0], semantic.id)
        assert catalog.embeddings.lacking_semantics(semantic.id) == ids[2:]
        assert catalog.repair.problems() == []
    assert got is not None
    np.testing.assert_allclose(got, vectors[1], atol=1e-3)
    assert np.linalg.norm(got) == pytest.approx(1, abs=1e-6)

    with store.writer() as writer:
        writer.images.remove(ids[:1])
    assert count(store) == 2
    with store.writer() as writer:
        writer.images.purge(ids[:2])
    assert count(store) == 0
    add_vectors(store, space, {0: vectors[0]}, semantics={0: vectors[1]})
    assert count(store) == 1


@pytest.mark.postgres
def test_a_spoiled_semantic_embedding_is_found_and_deleted(store: Store, tmp_path: Path) -> None:
    space = bind(store)
    vectors = {seed: near_axis(seed, seed) for seed in range(2)}
    ids = add_vectors(store, space, vectors, semantics=vectors)
    spoil = "UPDATE semantic_embeddings SET vector = :short WHERE image_id = :image"
    execute(store, spoil, short=b"\0\0", image=ids[1])
    with store.reader() as catalog:
        [problem] = catalog.repair.problems()
        assert f"the first is of image {ids[1]}" in problem
        assert catalog.repair.spoiled_semantics() == ids[1:]

    mended = repair(store, Settings(home=tmp_path)).mended

    assert any("semantic embeddings" in what for what in mended)
    with store.reader() as catalog:
        semantic = catalog.spaces.semantic(space.id)
        assert semantic is not None
        assert catalog.embeddings.lacking_semantics(semantic.id) == ids[1:]
        assert catalog.repair.problems() == []


def test_semantic_embeddings_that_no_run_could_compare_are_refused(
    store: Store, space: Space
) -> None:
    def add(vector: Embeddings) -> None:
        semantic = SemanticEmbeddings(SEMANTIC_SPACE, vector)
        with store.writer() as writer:
            image = replace(new_image(7), semantic=semantic)
            writer.embeddings.write_semantics({ids[0]: image}, [], space)

    ids = add_vectors(
        store, space, {1: near_axis(0, 1), 2: near_axis(0, 2)}, semantics={2: near_axis(0, 0)}
    )

    with pytest.raises(DimensionMismatch):
        add(np.ones(3, np.float32))
    with pytest.raises(UnusableOutput):
        add(np.full(space.dimension, np.nan, np.float32))


@pytest.fixture
def place(store: Store, folder: Path, tmp_path: Path) -> Place:
    return make_place(store, folder, tmp_path, runtime="torch")


@pytest.mark.postgres
def test_images_from_before_get_theirs_by_reembedding_and_nothing_else_changes(
    place: Place,
) -> None:
    place.ingest().run(place.found())
    assert count(place.store) == len(NAMES)
    for name in NAMES[2:]:
        lost = place.image_at(place.folder / name)
        execute(place.store, "DELETE FROM semantic_embeddings WHERE image_id = :id", id=lost)
    (place.folder / NAMES[-1]).unlink()
    with place.store.reader() as catalog:
        head = catalog.log.head()
    plan = plan_transfer(place.store, place.settings)
    assert (plan.active, plan.ready, plan.with_source) == (True, 2, 4)

    report = open_transfer(place.store, place.settings).run(TransferOptions())

    assert (report.active, report.wanted, report.embedded) == (True, 4, 3)
    assert (report.missing_count, report.missing_semantics) == (1, 1)
    assert count(place.store) == len(NAMES) - 1
    with place.store.reader() as catalog:
        assert catalog.log.head() == head
    encoder, space = load_bound_encoder(place.store, place.settings)
    assert_as_encoded(place, encoder, space)


def assert_as_encoded(place: Place, encoder: Encoder, space: Space) -> None:
    path = place.folder / NAMES[3]
    with place.store.reader() as catalog:
        image_id = catalog.sources.known([str(path)])[str(path)].image_id
        semantic = catalog.spaces.semantic(space.id)
        assert semantic is not None
        stored = catalog.embeddings.semantic(image_id, semantic.id)
    rgb = decode(path.read_bytes(), place.settings.image_limits).rgb
    fresh = encoder.encode([rgb]).semantics
    assert fresh is not None
    assert stored is not None
    assert float(fresh.vectors[0] @ stored) > 0.999


# --- patterns ------------------------------------------------------------------------------------


def add_kinds(store: Store, space: Space, kinds: dict[int, int]) -> list[int]:
    """Add unrelated pictures, by seed, that each show one kind."""
    own = {seed: _unrelated(seed, space.dimension) for seed in kinds}
    return add_vectors(
        store, space, own, semantics={seed: near_axis(kind, seed) for seed, kind in kinds.items()}
    )


def _unrelated(seed: int, dimension: int) -> Embeddings:
    vector = np.random.default_rng(1000 + seed).standard_normal(dimension)
    unit: Embeddings = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def test_a_cluster_needs_more_images_the_more_there_are() -> None:
    sizes = [ClusterParameters().chosen(n, semantic=True).min_cluster_size for n in COUNTS]

    assert sizes == [5, 5, 12, 125]
    given = ClusterParameters(7, 3, 0.2).chosen(10**6, semantic=True)
    assert (given.min_cluster_size, given.min_samples, given.max_link) == (7, 3, 0.2)


@pytest.mark.parametrize("algorithm", [HDBSCAN, KMEANS])
def test_patterns_are_of_one_kind_though_no_picture_is_a_copy_of_another(
    store: Store, space: Space, algorithm: ClusterAlgorithm
) -> None:
    first = add_kinds(store, space, dict.fromkeys(range(8), 0))
    second = add_kinds(store, space, dict.fromkeys(range(10, 20), 1))

    run = clustered(store, algorithm, k=2 if algorithm is KMEANS else None)

    assert sorted(map(sorted, members_of(store, run).values())) == [first, second]
    assert run.parameters["semantic"] == SEMANTIC_SPACE[:12]


def test_copies_of_one_picture_count_once_and_are_in_its_pattern(
    store: Store, space: Space
) -> None:
    copies = {seed: near_axis(7, seed, 0.01) for seed in range(40)}
    meme = add_vectors(store, space, copies, semantics=dict.fromkeys(copies, near_axis(0, 0)))
    kind = add_kinds(store, space, dict.fromkeys(range(50, 56), 1))
    families = clustered(store, FAMILIES)
    assert [len(found) for key, found in members_of(store, families).items() if key >= 0] == [40]

    alone = clustered(store, HDBSCAN, min_cluster_size=5)
    assert members_of(store, alone) == {-1: {*meme}, max(members_of(store, alone)): {*kind}}

    others = add_kinds(store, space, dict.fromkeys(range(60, 66), 0))
    run = clustered(store, HDBSCAN, min_cluster_size=5)

    assert sorted(map(sorted, members_of(store, run).values())) == [[*meme, *others], kind]
    with store.reader() as catalog:
        largest = catalog.clusters.largest(run.id, 1)[0]
    assert largest.size == 46
    assert len({*largest.exemplars} & {*meme}) <= 1
    report = build_report(store, SETTINGS, run.id, ReportOptions(alternatives=True))
    own = [each for each in report.summary.alternatives if each.of_run]
    assert {each.parameter for each in own} == {"max_link", "min_cluster_size"}
    assert {(each.clusters, each.images) for each in own} == {(2, 52)}


def test_an_image_without_a_semantic_embedding_is_left_out_until_it_has_one(
    store: Store, space: Space
) -> None:
    kind = add_kinds(store, space, dict.fromkeys(range(8), 0))
    before = {seed: _unrelated(seed, space.dimension) for seed in (20, 21)}
    bare = add_vectors(store, space, before)

    run = clustered(store)
    assert (run.images, run.clusters) == (8, 1)
    refresher = ClusterRefresher(store, SETTINGS, SpaceTraits())
    assert refresher.assign(run) == 0

    shown = SemanticEmbeddings(SEMANTIC_SPACE, near_axis(0, 3))
    with store.writer() as writer:
        image = replace(new_image(20), embedding=before[20], semantic=shown)
        assert writer.embeddings.write_semantics({bare[0]: image}, bare, space) == bare[:1]
    assert refresher.assign(run) == 1
    found = members_of(store, run)
    assert [*found.values()] == [{*kind, bare[0]}]


def test_a_query_is_in_the_pattern_of_what_it_shows(store: Store, space: Space) -> None:
    ids = add_kinds(store, space, {**dict.fromkeys(range(8), 0), **dict.fromkeys(range(10, 18), 1)})
    run = clustered(store)
    of_first = next(key for key, found in members_of(store, run).items() if ids[0] in found)
    clusters = NewestClusters(store, space)
    clusters.refresh()

    def find(semantic: Embeddings | None, image_id: int | None = None) -> int | None:
        shown = None if semantic is None else SemanticEmbeddings(SEMANTIC_SPACE, semantic)
        found = clusters.find(AskedCluster(near_axis(5, 5), shown, image_id))
        return found.id if found else None

    assert find(near_axis(0, 0, 0.0)) == of_first
    assert find(near_axis(6, 0, 0.0)) is None
    assert find(None) is None
    assert find(None, ids[0]) == of_first
    other = AskedCluster(near_axis(0, 0), SemanticEmbeddings("77" * 32, near_axis(0, 0)))
    assert clusters.find(other) is None


def test_a_semantic_space_of_another_version_makes_another_run(store: Store, space: Space) -> None:
    add_kinds(store, space, dict.fromkeys(range(8), 0))
    refresher = ClusterRefresher(store, SETTINGS, SpaceTraits())
    what = (HDBSCAN, EVERYTHING, ClusterParameters())
    assert refresher.refresh(*what).how is Refreshed.CLUSTERED
    assert refresher.refresh(*what).how is Refreshed.UNCHANGED
    with store.writer() as writer:
        earlier = writer.spaces.semantic(space.id)
        writer.spaces.replace_semantic(space, "66" * 32, space.dimension)
    assert earlier

    refresh = refresher.refresh(*what)

    assert (refresh.how, refresh.run.images) == (Refreshed.CLUSTERED, 0)
    with store.writer() as writer:
        assert len(writer.embeddings.drop([earlier.id])) == 8
    assert count(store) == 0


def test_the_command_says_what_is_left_out_and_that_most_are_in_no_pattern(
    tmp_path: Path, folder: Path
) -> None:
    index = Index(tmp_path / "home", extra=PLAIN)
    index.run_here("init", "--model", folder)
    index.run_here("index", "add", *(PHOTOS / name for name in NAMES[:3]))
    run = ("cluster", "run", "--algorithm", "hdbscan")

    said = index.run_here(*run)
    assert "Most images are in no cluster" in said.stderr
    assert "--max-link" in said.stderr
    assert "Each copy of a picture counted" in said.stderr
    index.run_here("cluster", "run")
    with open_store(index.settings.resolved_database_url) as store:
        execute(store, "DELETE FROM semantic_embeddings WHERE image_id = 1")
    said = index.run_here(*run)
    assert "1 image has no semantic embedding and took no part. `lookalike model reembed`" in (
        said.stderr
    )
    assert "Each copy" not in said.stderr
    with open_store(index.settings.resolved_database_url) as store:
        execute(store, "UPDATE spaces SET semantic_space_id = NULL")
        execute(store, "DELETE FROM semantic_embeddings")
    refused = index.run_here(*run, code=2)
    assert "lookalike model reembed" in refused.stderr
    index.run_here("model", "reembed")
    assert "3 images" in index.run_here(*run).stdout
