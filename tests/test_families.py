"""Families: copies of one picture, around a hub that the others show."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.families.detail_verification import DetailVerifier
from indexer.clustering.families.frame_exclusion import FrameExclusion
from indexer.clustering.families.pair_evidence import ImagePairs, PairEvidence
from indexer.clustering.families.piece_table import PieceTable
from indexer.clustering.families.stars import Stars, group_by_hubs, regroup
from indexer.clustering.incremental import ClusterRefresher
from indexer.clustering.runs import ClusterRunner
from indexer.errors import SnapshotMismatch
from indexer.images import fingerprints
from indexer.images.fingerprints import pdq, pdq_orientations
from indexer.images.pdq import turn_hashes
from indexer.settings import Settings
from indexer.store import Store
from indexer.store.clusters.scope import ClusterScopes
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    Embeddings,
    LineageEvent,
    NewImage,
    Part,
    PartKind,
    Pdq,
    Refreshed,
    Space,
    count_comparisons,
)
from indexer.types.pictures import NewPart
from indexer.upkeep.removal import purge
from indexer.vectors import knn_graph
from indexer.vectors.hamming_graph import find_near_hashes
from indexer.vectors.hash_tables import HashTables
from indexer.vectors.vector_cells import VectorCells
from indexer.verification import make_thumbnail
from indexer.verification.local_features import pack_features
from support.catalog import DIMENSION, arrival, bind, new_image
from support.commands import PHOTOS
from support.families import members_of
from support.fusion import TRAITS
from support.screens import PHOTO, feed

pytestmark = pytest.mark.numeric

FAMILIES, NEAR = ClusterAlgorithm.FAMILIES, ClusterAlgorithm.NEAR_DUPLICATES
SETTINGS = Settings(worker_threads=1)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def axis(number: int) -> Embeddings:
    vector: Embeddings = np.eye(DIMENSION, dtype=np.float32)[number]
    return vector


def picture(
    seed: int, image: Image.Image, embedding: Embeddings, parts: Sequence[NewPart] = ()
) -> NewImage:
    """Make an image with the PDQ and the thumbnail of real pixels."""
    rgb = np.asarray(image)
    return replace(
        new_image(seed),
        pdq=pdq(rgb),
        width=image.width,
        height=image.height,
        embedding=embedding,
        thumbnail=make_thumbnail(rgb),
        parts=tuple(parts),
    )


def add(store: Store, space: Space, images: Sequence[NewImage]) -> list[int]:
    items = [(image, arrival(f"{number}.jpg")) for number, image in enumerate(images)]
    with store.writer() as writer:
        writer.images.add(items, space.id)
        ids = writer.images.ids_by_sha256([image.sha256 for image in images])
    return [ids[image.sha256] for image in images]


def found_in(
    store: Store, algorithm: ClusterAlgorithm = FAMILIES, *, verify: bool = True
) -> set[frozenset[int]]:
    """Return the families of a run."""
    runner = ClusterRunner(store, SETTINGS, TRAITS)
    run = runner.run(algorithm, ClusterScope(), ClusterParameters(verify=verify))
    return {frozenset(ids) for label, ids in members_of(store, run).items() if label >= 0}


def linked(pairs: Sequence[tuple[int, int]], *, wholes: bool = True) -> ImagePairs:
    """Return links of 10 nats; between wholes, or with a part of the right image."""
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    nats = np.full(len(left), 10, np.float32)
    bits = np.full(len(left), 257)
    return ImagePairs(left, right, nats, nats, nats if wholes else -nats, bits, bits)


def hubs_of(links: ImagePairs, n: int) -> list[int]:
    hubs: list[int] = group_by_hubs(links, np.arange(n)).hubs.tolist()
    return hubs


# --- groups around hubs --------------------------------------------------------------------------


def test_two_edits_of_a_picture_that_are_unlike_each_other_are_in_its_family() -> None:
    assert hubs_of(linked([(0, 1), (0, 2)]), 3) == [0, 0, 0]


def test_a_chain_of_pictures_is_not_one_family() -> None:
    hubs = hubs_of(linked([(row, row + 1) for row in range(19)]), 20)

    assert max(np.bincount(hubs)) <= 3


def test_a_page_that_shows_a_photo_is_in_its_family_and_draws_no_other_page_there() -> None:
    photos, pages = (0, 1), (2, 3, 4, 5)
    shown = linked([(0, 2), (0, 3), (1, 4), (1, 5)], wholes=False)
    alike = linked([(2, 3), (2, 4)])
    links = ImagePairs(
        *(np.concatenate(each) for each in zip(columns(shown), columns(alike), strict=True))
    )

    assert hubs_of(links, len(photos + pages)) == [0, 1, 0, 0, 1, 1]


def test_a_large_group_is_regrouped_around_the_image_that_most_of_it_show() -> None:
    chain, hub, pair = linked([(0, 1), (1, 2), (2, 3)]), [(row, 4) for row in range(4)], [5, 5]
    links = ImagePairs(
        *(np.concatenate(each) for each in zip(columns(chain), columns(linked(hub)), strict=True))
    )
    merged = Stars(np.array([0, 0, 0, 0, 0, *pair]), np.full(7, 10, np.float32))

    assert regroup(merged, links, np.arange(7), 4).hubs.tolist() == [4, 4, 4, 4, 4, *pair]
    assert regroup(merged, links, np.arange(7), 5).hubs.tolist() == merged.hubs.tolist()


def columns(pairs: ImagePairs) -> list[NDArray[np.generic]]:
    return [getattr(pairs, name) for name in ImagePairs.__slots__]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_the_order_of_images_and_links_changes_no_family(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = 12
    ends = np.array([(i, j) for j in range(n) for i in range(j) if random.random() < 0.25])
    if not len(ends):
        return
    nats = random.choice([5, 8, 8, 12], len(ends)).astype(np.float32)
    ranks, new = random.permutation(n), random.permutation(n)
    shuffled = random.permutation(len(ends))

    def families(places: NDArray[np.int64], order: NDArray[np.int64]) -> set[frozenset[int]]:
        left, right = places[ends[order]].T
        weights = nats[order]
        bits = np.full(len(order), 257)
        links = ImagePairs(left, right, weights, weights, weights, bits, bits)
        own = np.empty(n, np.int64)
        own[places] = ranks
        hubs = group_by_hubs(links, own).hubs[places]
        return {frozenset(np.flatnonzero(hubs == hub).tolist()) for hub in set(hubs.tolist())}

    assert families(np.arange(n), np.arange(len(ends))) == families(new, shuffled)


# --- evidence ------------------------------------------------------------------------------------


def test_the_hashes_of_turned_pictures_follow_from_one() -> None:
    names = sorted(path.name for path in PHOTOS.glob("*.jpg"))
    hashed = np.stack([pdq_orientations(np.asarray(photo(name))).bits for name in names])

    derived = turn_hashes(hashed[:, 0])

    differing = np.bitwise_count(derived ^ hashed).sum(axis=2, dtype=int)
    assert (differing[:, 0] == 0).all()
    assert (np.median(differing, axis=0) <= 30).all()
    assert differing.max() < 90  # two strangers differ by 128 +- 8


def test_pairs_weigh_what_the_matcher_says_of_their_best_pieces(store: Store, space: Space) -> None:
    images = [new_image(seed, tiles=seed % 3) for seed in range(1, 8)]
    add(store, space, images)
    with store.reader() as catalog:
        scoped = catalog.cluster_scopes.pieces(ClusterScope(), space)
    table = PieceTable(scoped, 50, TRAITS)
    left, right = (each.astype(np.int64) for each in np.triu_indices(len(images), 1))

    pairs = PairEvidence(table, TRAITS.fusion).compare(left, right)

    for row, (one, other) in enumerate(zip(left, right, strict=True)):
        pieces = [pieces_of(images[i]) for i in (one, other)]
        weights = [[weigh(a, b) for b in pieces[1]] for a in pieces[0]]
        cost = np.log(count_comparisons(len(table), max(map(len, pieces)), 8))
        assert pairs.log_odds[row] == pytest.approx(np.max(weights) - cost, abs=1e-3)
        assert pairs.left_whole[row] == pytest.approx(np.max(weights[0]) - cost, abs=1e-3)


def pieces_of(image: NewImage) -> list[NewImage | NewPart]:
    return [image, *image.parts]


def weigh(one: NewImage | NewPart, other: NewImage | NewPart) -> float:
    """Weigh two pieces as the matcher does one with a piece of a query in 8 orientations."""
    bits = [np.frombuffer(each.pdq.bits, np.uint8)[np.newaxis] for each in (one, other)]
    distance = fingerprints.hamming(turn_hashes(bits[0])[0], bits[1]).min()
    usable = min(one.pdq.quality, other.pdq.quality) >= 50
    return float(TRAITS.fusion.weigh(one.embedding @ other.embedding, distance if usable else 257))


@pytest.mark.parametrize("exact", [True, False])
def test_near_hashes_are_those_of_brute_force(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (900, 32), np.uint8)
    queries = hashes[:300] ^ np.packbits(random.random((300, 256)) < 0.08, axis=1)
    if not exact:
        monkeypatch.setattr("indexer.vectors.hamming_graph.EXACT_UP_TO", 100)

    found = find_near_hashes(queries, hashes, 4, reach=40)

    wanted = np.argwhere(fingerprints.hamming(queries, hashes) <= 40)
    pairs = set(zip(found.queries.tolist(), found.rows.tolist(), strict=True))
    assert pairs <= set(map(tuple, wanted.tolist()))
    assert len(pairs) >= (1 if exact else 0.95) * len(wanted)


def test_cells_find_the_near_vectors_and_estimate_their_cosines(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    centres = random.standard_normal((1_000, 64))
    vectors = np.repeat(centres, 3, axis=0) + 0.1 * random.standard_normal((3_000, 64))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    cells = VectorCells.build(unit, 8, at_least=0.9)
    with (tmp_path / "cells").open("wb") as file:
        cells.write(file)

    near = VectorCells.read(tmp_path / "cells", 64, cells.scale).search(unit, 8, at_least=0.8)

    others = near.queries != near.rows
    assert (near.queries // 3 == near.rows // 3).all()
    assert others.sum() > 0.95 * 2 * len(unit)
    cosines = np.einsum("ij,ij->i", unit[near.queries], unit[near.rows])
    assert np.abs(cosines - near.similarities).mean() < 0.05
    with pytest.raises(SnapshotMismatch):
        VectorCells.read(tmp_path / "cells", 32, 1.0)


def test_many_copies_of_a_hash_are_near_to_the_same_few() -> None:
    hashes = np.repeat(np.random.default_rng(0).integers(0, 256, (2, 32), np.uint8), 500, axis=0)

    found = HashTables(hashes).search(hashes, reach=31)

    _, times = np.unique(found.rows, return_counts=True)
    assert set(times) == {500}
    assert (found.queries // 500 == found.rows // 500).all()
    assert len(times) <= 2 * 64


# --- runs ----------------------------------------------------------------------------------------


def test_a_run_finds_copies_by_either_signal_and_names_the_hub(store: Store, space: Space) -> None:
    koala = photo("koala.jpg")
    ids = add(
        store,
        space,
        [
            picture(1, koala, axis(0)),
            picture(2, koala.resize((300, 200)), axis(1)),  # by PDQ
            replace(new_image(3), embedding=axis(0)),  # by its embedding
            picture(4, photo("bee.jpg"), axis(3)),
        ],
    )

    assert found_in(store, verify=False) == {frozenset(ids[:3])}
    with store.reader() as catalog:
        run = catalog.cluster_runs.page()[0]
        [family] = catalog.clusters.page(run.id)
    assert family.medoid == ids[0]
    assert run.parameters == {
        "seed": 0,
        "verify": False,
        "min_log_odds": 90.0,
        "max_pdq_distance": 31.0,
        "fusion": "simple",
    }


def test_near_duplicates_are_families_of_the_nearer_tier(store: Store, space: Space) -> None:
    flat, nearly_flat = (Pdq(b"\xff" * ones + bytes(32 - ones), 100) for ones in (0, 9))
    images = [
        replace(new_image(1), embedding=axis(0), pdq=flat),
        replace(new_image(2), embedding=axis(0), pdq=nearly_flat),
        replace(new_image(3), embedding=axis(0)),
    ]
    ids = add(store, space, images)
    loose = Settings(worker_threads=1, lookalike_log_odds=80.0, near_duplicate_log_odds=100.0)
    runner = ClusterRunner(store, loose, TRAITS)
    run = partial(runner.run, scope=ClusterScope(), parameters=ClusterParameters(verify=False))

    families, near = (members_of(store, run(algorithm)) for algorithm in (FAMILIES, NEAR))

    assert set(ids) in families.values()
    assert set(ids) not in near.values()


def test_more_copies_than_neighbours_are_one_family(store: Store, space: Space) -> None:
    random = np.random.default_rng(0)
    noise = 0.01 * random.standard_normal((150, DIMENSION)).astype(np.float32)
    vectors = axis(0) + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = add(
        store,
        space,
        [replace(new_image(n), embedding=vector) for n, vector in enumerate(vectors, 1)],
    )

    assert found_in(store, verify=False) == {frozenset(ids)}


def test_a_picture_shown_within_another_is_of_its_family(store: Store, space: Space) -> None:
    part = NewPart(
        Part(PartKind.CROP, 0, (10, 10, 200, 150)),
        Pdq(bytes(32), 0),
        axis(0),
        np.ones(2, np.float32),
    )
    page = replace(new_image(2), embedding=axis(1), parts=(part,))
    ids = add(store, space, [replace(new_image(1), embedding=axis(0)), page, new_image(3)])

    assert found_in(store, verify=False) == {frozenset(ids[:2])}


def test_screens_of_one_application_with_other_photos_are_no_family(
    store: Store, space: Space
) -> None:
    names = ("bee.jpg", "koala.jpg", "castle-front.jpg")
    screens = [
        picture(number, feed(photo(name), number), axis(0)) for number, name in enumerate(names, 1)
    ]
    same = picture(9, feed(photo("bee.jpg"), 1).resize((432, 640)), axis(0))
    ids = add(store, space, [*screens, same])

    assert found_in(store) == {frozenset([ids[0], ids[3]])}
    assert found_in(store, verify=False) == {frozenset(ids)}


def test_screens_whose_pixels_are_not_kept_are_told_apart_by_the_pictures_in_them(
    store: Store, space: Space
) -> None:
    def screen(seed: int, name: str, embedding: Embeddings) -> NewImage:
        shown = pdq(np.asarray(photo(name)))
        part = NewPart(Part(PartKind.CROP, 0, PHOTO), shown, embedding, np.ones(2, np.float32))
        kept = picture(seed, feed(photo(name), seed), axis(0), [part])
        return replace(kept, thumbnail=None, features=pack_features(kept.thumbnail or b""))

    bee, koala = screen(1, "bee.jpg", axis(1)), screen(2, "koala.jpg", axis(2))
    same = replace(screen(3, "bee.jpg", axis(1)), pdq=bee.pdq)
    ids = add(store, space, [bee, koala, same])

    for verify in (True, False):
        assert found_in(store, verify=verify) == {frozenset([ids[0], ids[2]])}


def test_a_frame_of_several_images_is_recognised_around_plain_content_in_later_links(
    store: Store, space: Space
) -> None:
    photos = [photo(name) for name in ("clownfish.jpg", "two-dogs.jpg", "castle-front.jpg")]
    screens = [feed(each, seed) for seed, each in enumerate(photos, 1)]
    plain = feed(Image.new("RGB", (400, 300), "#808080"), 3)
    images = [picture(n, screen, axis(n)) for n, screen in enumerate([*screens, plain], 1)]
    add(store, space, images)
    with store.reader() as catalog:
        scoped = catalog.cluster_scopes.pieces(ClusterScope(), space)
    later = linked([(0, 3)])
    of_first, of_both = (
        FrameExclusion(store, scoped, space, TRAITS.fusion, SETTINGS, verified=True)
        for _ in range(2)
    )

    def framed(exclusion: FrameExclusion, links: ImagePairs) -> list[bool]:
        found: list[bool] = exclusion.framed(
            links, np.zeros(len(links), np.bool_), lambda _count: None
        ).tolist()
        return found

    assert framed(of_first, later) == [False]
    assert framed(of_both, linked([(0, 1), (0, 2), (1, 2)])) == [True] * 3
    assert framed(of_both, later) == [True]


@pytest.mark.parametrize("pixels", [True, False])
def test_details_find_copies_that_both_other_signals_lose(
    store: Store, space: Space, *, pixels: bool
) -> None:
    def kept(image: NewImage) -> NewImage:
        if pixels:
            return image
        return replace(image, thumbnail=None, features=pack_features(image.thumbnail or b""))

    castle = photo("castle-front.jpg")
    width, height = castle.size
    corner = castle.crop((0, 0, width * 6 // 10, height * 6 // 10))
    near, beside = (0.9 * axis(0) + 0.436 * axis(n) for n in (1, 2))
    ids = add(
        store,
        space,
        [
            kept(picture(1, castle, axis(0))),
            kept(picture(2, corner, near)),
            kept(picture(3, photo("bee.jpg"), beside)),
        ],
    )
    traits = replace(TRAITS, fusion=replace(TRAITS.fusion, lookalike=85.0, near_duplicate=120.0))
    assert ids
    runner = ClusterRunner(store, SETTINGS, traits)

    def families(*, verify: bool) -> list[set[int]]:
        run = runner.run(FAMILIES, ClusterScope(), ClusterParameters(verify=verify))
        return [found for label, found in members_of(store, run).items() if label >= 0]

    assert families(verify=True) == [set(ids[:2])]
    assert families(verify=False) == []


def test_pictures_without_a_detail_in_common_are_linked_only_as_near_duplicates(
    store: Store, space: Space
) -> None:
    near = 0.9 * axis(0) + 0.436 * axis(1)
    ids = add(
        store,
        space,
        [picture(1, photo("castle-front.jpg"), axis(0)), picture(2, photo("bee.jpg"), near)],
    )

    def families(near_duplicate: float, *, verify: bool = True) -> int:
        bounds = replace(TRAITS.fusion, lookalike=70.0, near_duplicate=near_duplicate)
        runner = ClusterRunner(store, SETTINGS, replace(TRAITS, fusion=bounds))
        run = runner.run(FAMILIES, ClusterScope(), ClusterParameters(verify=verify))
        return len([label for label in members_of(store, run) if label >= 0])

    assert ids
    assert [families(120), families(120, verify=False), families(75)] == [0, 1, 1]


@pytest.mark.parametrize(("whole_bits", "refuted"), [(60, False), (120, True), (257, False)])
def test_details_in_place_speak_against_a_copy_where_the_wholes_differ_as_strangers(
    store: Store, space: Space, *, whole_bits: int, refuted: bool
) -> None:
    dogs = photo("two-dogs.jpg")
    covered = dogs.copy()
    covered.paste(photo("bee.jpg").resize((dogs.width // 2, dogs.height // 2)), (80, 60))
    ids = add(store, space, [picture(1, dogs, axis(0)), picture(2, covered, axis(1))])
    fusion = replace(TRAITS.fusion, near_duplicate=120.0)
    pairs = replace(linked([(0, 1)]), whole_bits=np.array([whole_bits]))

    verifier = DetailVerifier(store, np.array(ids), fusion, 8, 1)
    found = verifier.verify(pairs, 31, lambda _count: None)

    assert found.in_place.all()
    assert found.refuted.tolist() == [refuted]


# --- new images ----------------------------------------------------------------------------------


def of_axis(seed: int, number: int) -> NewImage:
    return replace(new_image(seed), embedding=axis(number))


@pytest.mark.postgres
def test_new_images_join_families_and_found_new_ones_as_a_full_run_would(
    store: Store, space: Space
) -> None:
    refresher = ClusterRefresher(store, SETTINGS, TRAITS)
    refresh = partial(
        refresher.refresh, FAMILIES, ClusterScope(), ClusterParameters(), max_changed_share=1.0
    )
    old = add(store, space, [of_axis(n, k) for n, k in enumerate((0, 0, 1, 2, 5, 6), 1)])
    first = refresh()
    assert refresh().how is Refreshed.UNCHANGED

    new = add(
        store, space, [of_axis(n, k) for n, k in ((11, 0), (12, 1), (13, 3), (14, 3), (15, 4))]
    )
    second = refresh()

    assert (first.how, second.how) == (Refreshed.CLUSTERED, Refreshed.ASSIGNED)
    assert second.run.id == first.run.id
    assert second.assigned == 4
    grown = members_of(store, second.run)
    assert set(map(frozenset, grown.values())) == {
        frozenset([*old[:2], new[0]]),
        frozenset([old[2], new[1]]),
        frozenset(new[2:4]),
        frozenset(old[3:]),
    }
    with store.reader() as catalog:
        run = catalog.cluster_runs.get(first.run.id)
        assert (run.images, run.clusters, run.noise) == (9, 3, 3)
        assert [step.event for step in catalog.clusters.lineage(run.id)] == [LineageEvent.NEW] * 3
    assert refresh().how is Refreshed.UNCHANGED

    full = ClusterRunner(store, SETTINGS, TRAITS).run(FAMILIES, ClusterScope(), ClusterParameters())
    again = {label: found for label, found in members_of(store, full).items() if label >= 0}
    assert again == {label: found for label, found in grown.items() if label >= 0}


def test_a_new_image_that_matches_a_member_and_not_the_hub_stays_out(
    store: Store, space: Space
) -> None:
    hub, halves = axis(0), [0.98 * axis(0) + sign * 0.199 * axis(1) for sign in (1, -1)]
    beyond = 0.93 * axis(0) + 0.367 * axis(1)
    loose = Settings(worker_threads=1, lookalike_log_odds=88.0)
    refresher = ClusterRefresher(store, loose, TRAITS)
    refresh = partial(
        refresher.refresh, FAMILIES, ClusterScope(), ClusterParameters(), max_changed_share=1.0
    )
    vectors = [hub, *halves]
    ids = add(store, space, [replace(new_image(n), embedding=v) for n, v in enumerate(vectors, 1)])
    refresh()
    [stray] = add(store, space, [replace(new_image(9), embedding=beyond)])

    done = refresh()

    assert done.assigned == 0
    assert set(ids) in members_of(store, done.run).values()
    assert stray not in set().union(*members_of(store, done.run).values())


class Gallery:
    """Many images in families of three, and strangers; more than are all compared."""

    def __init__(self, store: Store, space: Space) -> None:
        self._store, self._space = store, space
        self._random = np.random.default_rng(5)
        self._centres = self._directions(40)
        self._added = 0
        self.add([self._centres, self._centres, self._centres, self._directions(30)])

    def add(self, vectors: Sequence[Embeddings]) -> list[int]:
        """Add copies of some vectors; return their ids."""
        moved = np.concatenate(vectors) + 0.01 * self._directions(sum(map(len, vectors)))
        unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        seeds = range(self._added + 1, self._added + 1 + len(unit))
        self._added += len(unit)
        return add(
            self._store,
            self._space,
            [
                replace(new_image(seed), embedding=vector.astype(np.float32))
                for seed, vector in zip(seeds, unit, strict=True)
            ],
        )

    def add_a_day(self) -> list[int]:
        """Add three that join a family, a pair that founds one, and a stranger."""
        founders = self._directions(1)
        some = self._random.choice(len(self._centres), 3, replace=False)
        return self.add([self._centres[some], founders, founders, self._directions(1)])

    def _directions(self, n: int) -> Embeddings:
        vectors = self._random.standard_normal((n, DIMENSION))
        unit: Embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def families_in(store: Store, run: ClusterRun) -> set[frozenset[int]]:
    return {frozenset(ids) for label, ids in members_of(store, run).items() if label >= 0}


@pytest.mark.postgres
def test_many_images_grow_by_the_index_that_the_last_run_left_as_a_full_run_would(
    store: Store, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knn_graph, "EXACT_UP_TO", 50)
    home = Settings(home=tmp_path, worker_threads=1)
    refresher = ClusterRefresher(store, home, TRAITS)
    refresh = partial(
        refresher.refresh, FAMILIES, ClusterScope(), ClusterParameters(), max_changed_share=1.0
    )
    gallery = Gallery(store, space)
    assert refresh().how is Refreshed.CLUSTERED
    reads: list[int] = []
    pieces = ClusterScopes.pieces
    monkeypatch.setattr(
        ClusterScopes, "pieces", lambda *args, **kw: reads.append(1) or pieces(*args, **kw)
    )

    new = gallery.add_a_day()
    second = refresh()

    assert not reads  # not all images
    assert (second.how, second.assigned) == (Refreshed.ASSIGNED, 5)
    grown = families_in(store, second.run)
    assert frozenset(new[3:5]) in grown

    [view] = (tmp_path / "views").glob("pieces-*/snapshot-*")
    vectors = view / "vectors.faiss"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"?")  # damaged: all are read, and it is mended
    gallery.add_a_day()
    assert refresh().assigned == 5
    assert len(reads) == 1
    gallery.add_a_day()
    last = refresh()
    assert (last.assigned, len(reads)) == (5, 1)

    full = ClusterRunner(store, home, TRAITS).run(FAMILIES, ClusterScope(), ClusterParameters())
    assert families_in(store, full) == families_in(store, last.run)

    with store.writer() as writer:
        writer.images.remove(new)
    purge(store, home, new)
    assert not [*(tmp_path / "views").glob("pieces-*")]
