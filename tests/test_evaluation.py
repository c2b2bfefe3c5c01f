import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from indexer.evaluation import RankedCandidate, candidates, measure_exactness, pairs, rank
from indexer.evaluation.made_up_images import draw_like
from indexer.model import load_background
from indexer.settings import SHIPPED_MODEL
from indexer.store import EmbeddingFeed, PdqFeed, Store
from indexer.types import (
    BankKind,
    Contribution,
    Match,
    Signal,
    Suppression,
    SuppressionKind,
    Tier,
    Vectors,
)
from indexer.vectors import DistanceHits, Hits, SimilarityHits, SnapshotPolicy, VectorView
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.faiss_index import FloatIndex
from support.catalog import DIMENSION, add, bind
from support.commands import PHOTOS, Index

REFERENCES = ("bee.jpg", "castle-front.jpg", "crab.jpg", "hedgehog.jpg", "koala.jpg")
EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur": lambda photo: photo.filter(ImageFilter.GaussianBlur(2)),
    "mirror": ImageOps.mirror,
}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a benchmark: each of two photos blurred and mirrored, and a photo of something else."""
    folder = tmp_path_factory.mktemp("benchmark")
    for name in ("refs", "queries"):
        (folder / name).mkdir()
    for name in REFERENCES:
        shutil.copy(PHOTOS / name, folder / "refs")
    rows = ["query_path,reference_path,transform"]
    for name in REFERENCES[:2]:
        for transform, edit in EDITS.items():
            query = f"queries/{transform}-{name}"
            with Image.open(PHOTOS / name) as photo:
                edit(photo.convert("RGB")).save(folder / query)
            rows.append(f"{query},refs/{name},{transform}")
    shutil.copy(PHOTOS / "aqueduct.jpg", folder / "queries")
    rows.append("queries/aqueduct.jpg,,blur")
    (folder / "ground_truth.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "home")


# --- the command ---------------------------------------------------------------------------------


def test_a_benchmark_runs_in_a_temporary_index(index: Index, benchmark: Path) -> None:
    evaluation = index.run_here("evaluate", benchmark, "--ann", "--json").json

    verified, fused = (evaluation["scores"][signal] for signal in ("geometry", "fused"))
    assert (evaluation["queries"], evaluation["references"]) == (5, 5)
    assert verified["overall"]["mu_ap"] == verified["overall"]["recall_at_1"] == 1
    assert fused["overall"]["mu_ap"] == fused["overall"]["recall_at_1"] == 1
    assert (fused["overall"]["copies"], fused["overall"]["strangers"]) == (4, 1)
    assert list(fused["by_transform"]) == ["blur", "mirror"]
    assert list(evaluation["scores"]) == ["geometry", "fused", "embedding", "pdq"]
    assert evaluation["failures"] == evaluation["missing"] == []
    assert evaluation["milliseconds_per_query"] > 0
    assert {view["recall"] for view in evaluation["exactness"]} == {1}
    assert not index.home.exists()


def test_a_run_prints_tables_and_writes_picture_and_pairs(
    index: Index, benchmark: Path, tmp_path: Path
) -> None:
    picture, ranked = tmp_path / "recall.png", tmp_path / "pairs.csv"

    done = index.run_here(
        "evaluate",
        benchmark,
        "--transform",
        "mirror",
        "-k",
        3,
        "--image",
        picture,
        "--pairs",
        ranked,
    )

    assert "3 queries among 5 references" in done.stdout
    assert "fused, verified" in done.stdout
    assert "false matches of queries without a reference (1)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "mirror" in done.stdout
    assert "blur" not in done.stdout
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    with ranked.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["query"] for row in rows[::3]] == [
        "queries/mirror-bee.jpg",
        "queries/mirror-castle-front.jpg",
        "queries/aqueduct.jpg",
    ]
    assert rows[0]["reference"] == "refs/bee.jpg"
    assert float(rows[0]["score"]) > float(rows[1]["score"])


def test_galleries_grow_by_made_up_strangers_and_false_matches_are_counted_in_each(
    index: Index, benchmark: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "curves.png"

    evaluation = index.run_here(
        "evaluate", benchmark, "--strangers", "200", "--strangers", "0,50", "--curves", drawn,
        "--ann", "--json",
    ).json  # fmt: skip

    galleries = evaluation["galleries"]
    assert [gallery["made_up"] for gallery in galleries] == [0, 50, 200]
    assert {view["keys"] for view in evaluation["exactness"]} == {205}
    assert evaluation["scores"] == galleries[0]["scores"]
    for gallery in galleries:
        point = gallery["at_bounds"]
        assert (point["recall"]["count"], point["recall"]["share"]) == (4, 1)
        assert point["recall"]["low"] < 0.5  # of four copies
        assert point["strangers"]["overall"]["uploads"]["queries"] == 1
        assert set(point["strangers"]["by_tier"]) == {"near_duplicate", "lookalike"}
        assert set(gallery["curves"]) == set(gallery["scores"])
        assert gallery["curves"]["geometry"]["recall"][-1] == 1
    with Image.open(drawn) as curves:
        assert curves.height > curves.width  # a row for each gallery


def test_without_verification_the_fused_ranking_comes_first_and_is_the_same(
    index: Index, benchmark: Path, tmp_path: Path
) -> None:
    plain = Index(tmp_path / "plain", extra={"LOOKALIKE_VERIFY_CANDIDATES": "0"})

    verified, fused = (
        each.run_here("evaluate", benchmark, "--json").json["scores"] for each in (index, plain)
    )

    assert list(fused) == ["fused", "embedding", "pdq"]
    assert fused == {signal: verified[signal] for signal in fused}


def test_an_index_that_exists_is_searched_whatever_else_it_holds(
    index: Index, benchmark: Path, tmp_path: Path
) -> None:
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in ("bee.jpg", "swans.jpg")))
    elsewhere = Index(tmp_path / "elsewhere")

    done = elsewhere.run_here("evaluate", benchmark, "--against", index.home, "--json")

    overall = done.json["scores"]["fused"]["overall"]
    assert overall["recall_at_1"] == 0.5  # the copies of the bee alone
    assert sorted(done.json["missing"]) == [f"refs/{name}" for name in REFERENCES[1:]]
    assert not elsewhere.home.exists()


def test_an_index_that_holds_no_reference_is_refused(index: Index, benchmark: Path) -> None:
    index.run_here("init")

    done = index.run_here("evaluate", benchmark, "--against", index.home, code=2)

    assert "holds none of the images" in done.stderr


def test_a_query_that_cannot_be_read_is_missed_and_told(
    index: Index, benchmark: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(benchmark, tmp_path / "damaged")
    (damaged / "queries" / "blur-bee.jpg").write_bytes(b"no picture")

    done = index.run_here("evaluate", damaged, code=2)

    assert "missed queries/blur-bee.jpg" in done.stderr
    assert "(unreadable_image)" in done.stderr
    assert "0.750" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image", "recall.docx"], "not a valid plot name"),
        (["--image", "nowhere/recall.png"], "There is no folder"),
        (["--pairs", "nowhere/pairs.csv"], "There is no folder"),
        (["--curves", "nowhere/curves.svg"], "There is no folder"),
        (["--transform", "spin"], "transforms are blur, mirror"),
        (["--strangers", "10,many"], "'many' is not a number of images"),
        (["--strangers", "10", "--against", "."], "never added to an index that exists"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    index: Index, benchmark: Path, arguments: list[str], words: str
) -> None:
    assert words in index.run_here("evaluate", benchmark, *arguments, code=2).stderr


# --- rankings ------------------------------------------------------------------------------------


def test_a_query_is_ranked_by_each_signal_and_what_says_nothing_is_left_out() -> None:
    with_details = Contribution("prior", None, 4.0), Contribution("geometry", 30, 20.0)
    compared = [
        RankedCandidate("q", "near by both", (Contribution("prior", None, 12.0),), 0.5, 20),
        RankedCandidate("q", "near by embedding", (Contribution("prior", None, 9.0),), 0.9, 100),
        RankedCandidate("q", "flat", with_details, 0.4, None),
    ]

    assert [c.reference for c in rank(compared, Signal.FUSED, 2)] == [
        "near by both",
        "near by embedding",
    ]
    assert [pair.score for pair in pairs([compared], Signal.FUSED, 3)] == [12, 9, 4]
    assert [pair.score for pair in pairs([compared], Signal.GEOMETRY, 3)] == [24, 12, 9]
    assert [pair.score for pair in pairs([compared], Signal.EMBEDDING, 3)] == [0.9, 0.5, 0.4]
    assert [pair.score for pair in pairs([compared], Signal.PDQ, 3)] == [-20, -100]


REJECTED = Suppression(SuppressionKind.DECISION, None, None, 1)


def matched(image_id: int, tier: Tier, bank_kind: BankKind | None = None, **given: Any) -> Match:
    return Match(
        tier, Signal.FUSED, 0.3, "settings", None, 0.5, 90, 0.6, None, bank_kind, None, image_id,
        None, given.get("suppressed_by"),
    )  # fmt: skip


def test_the_strongest_tier_of_an_image_counts_and_one_that_accuses_nobody_is_none() -> None:
    found = candidates(
        "q",
        [
            matched(1, Tier.NONE),
            matched(1, Tier.LOOKALIKE),
            matched(2, Tier.NEAR_DUPLICATE, BankKind.ALLOW),
            matched(3, Tier.LOOKALIKE, suppressed_by=REJECTED),
        ],
        {1: "refs/bee.jpg"},
    )

    assert [(each.reference, each.tier) for each in found] == [
        ("refs/bee.jpg", Tier.LOOKALIKE),
        ("image 2", Tier.NONE),
        ("image 3", Tier.NONE),
    ]


# --- made-up strangers ---------------------------------------------------------------------------


def test_made_up_vectors_are_among_real_ones_as_real_ones_are() -> None:
    background = load_background(SHIPPED_MODEL)
    assert background is not None
    ours, theirs = background[::2], background[1::2]

    drawn = draw_like(ours, 1000, np.random.default_rng(7))

    assert drawn.dtype == np.float32
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.ones(1000), abs=1e-5)
    closest, real = (np.quantile(theirs @ rows.T, 1 - 1e-3) for rows in (drawn, ours))
    assert 0.8 * real < closest <= real


# --- exactness -----------------------------------------------------------------------------------


@dataclass
class Forgetful:
    """An index that finds only keys of one half."""

    inner: Any

    def search(self, queries: Vectors, k: int) -> Hits:
        found: SimilarityHits | DistanceHits = self.inner.search(queries, k)
        return replace(found, keys=np.where(found.keys % 2 == 0, found.keys, -1))


def opened(store: Store, tmp_path: Path, *, binary: bool) -> VectorView:
    """Open a view over 60 made-up images, some with parts."""
    space = bind(store)
    add(store, space, *range(50))
    add(store, space, *range(50, 60), frames=2)
    feed = PdqFeed(store, 50) if binary else EmbeddingFeed(store, space.id)
    policy = SnapshotPolicy(1000, 600)
    new_index = BinaryIndex if binary else lambda: FloatIndex(DIMENSION)
    view = VectorView.open(tmp_path / "view", feed, new_index, policy)
    view.catch_up()
    return view


@pytest.mark.parametrize("binary", [False, True], ids=["embeddings", "pdq"])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_exact_views_find_all_that_exact_search_finds(
    store: Store, tmp_path: Path, k: int, *, binary: bool
) -> None:
    exactness = measure_exactness(opened(store, tmp_path, binary=binary), k=k, sample=25)

    assert exactness is not None
    assert exactness.recall == 1
    assert (exactness.keys, exactness.queries) == (60, 25)


@pytest.mark.parametrize("binary", [False, True], ids=["embeddings", "pdq"])
def test_what_a_view_does_not_find_lowers_its_recall(
    store: Store, tmp_path: Path, *, binary: bool
) -> None:
    view = opened(store, tmp_path, binary=binary)
    view.index = Forgetful(view.index)  # type: ignore[assignment]

    exactness = measure_exactness(view, k=20, sample=60)

    assert exactness is not None
    assert 0.4 < exactness.recall < 0.6


def test_a_view_that_holds_nothing_has_no_recall(store: Store, tmp_path: Path) -> None:
    space = bind(store)
    feed = EmbeddingFeed(store, space.id)
    policy = SnapshotPolicy(1000, 600)
    view = VectorView.open(tmp_path / "view", feed, lambda: FloatIndex(DIMENSION), policy)

    assert measure_exactness(view, k=5, sample=5) is None
