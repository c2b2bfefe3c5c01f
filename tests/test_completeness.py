"""Every answer says how complete its search was: of banks always exact, of the gallery as it is."""

from pathlib import Path

import numpy as np
import pytest

from indexer.matching import Query, SearchOptions, similar_images
from indexer.model import Encoder, load_encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import (
    EXACT,
    UNSEARCHED,
    Completeness,
    CompletenessKind,
    Fingerprint,
    FingerprintKind,
    SearchCompleteness,
)
from indexer.vectors.segmented import SegmentedIndex
from support.commands import PHOTOS, Index
from support.lossy import MEASURED, LossyIndex
from support.shelf import Shelf

WORDS = (
    "Gallery searched approximately: recall 0.992 (0.984 to 0.996, 1,000 queries); banks exactly."
)
APPROXIMATE = SearchCompleteness(gallery=MEASURED)
BANKS_ALONE = SearchCompleteness(gallery=None)
EXACTLY = SearchCompleteness(gallery=EXACT)


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(str(tiny_model), "cpu")


@pytest.fixture
def shelf(store: Store, encoder: Encoder, tmp_path: Path) -> Shelf:
    shelf = Shelf(store, encoder, Settings(home=tmp_path))
    shelf.add(photo("crab.jpg"), bank="known")
    shelf.add(photo("hedgehog.jpg"))
    return shelf


def approximate(shelf: Shelf, *lost: int) -> None:
    view = shelf.matcher.views.embeddings
    view.index = LossyIndex.like(view.index, lost)  # type: ignore[arg-type]


def test_a_flat_gallery_is_searched_exactly(shelf: Shelf) -> None:
    verdict = shelf.matcher.answer(Query.picture(photo("crab.jpg"), "query"))

    assert verdict.completeness == EXACTLY
    assert verdict.completeness.remark is None


def test_a_verdict_says_that_the_gallery_was_searched_approximately(shelf: Shelf) -> None:
    approximate(shelf)

    verdict = shelf.matcher.answer(Query.picture(photo("crab.jpg"), "query"))
    vector = shelf.matcher.answer(Query.vector([1.0] * shelf.space.dimension, verdict.model))

    assert verdict.completeness == vector.completeness == APPROXIMATE
    assert verdict.completeness.banks is CompletenessKind.EXACT
    assert verdict.completeness.remark == WORDS


def test_a_search_of_banks_alone_is_exact_whatever_the_gallery_is(shelf: Shelf) -> None:
    approximate(shelf)
    query = Query.picture(photo("crab.jpg"), "query")

    of_bank = shelf.matcher.answer(query, SearchOptions(banks=("known",)))
    of_entry = shelf.matcher.answer(query, SearchOptions(entries=frozenset(of_bank.hits)))

    assert of_bank.hits
    assert of_bank.completeness == of_entry.completeness == BANKS_ALONE
    assert of_bank.completeness.remark is None


def test_an_entry_that_the_gallery_search_misses_is_found_in_its_bank(shelf: Shelf) -> None:
    query = Query.picture(photo("crab.jpg"), "query")
    exactly = shelf.matcher.answer(query)
    approximate(shelf, *(match.image_id or 0 for match in exactly.matches))

    approximately = shelf.matcher.answer(query)

    assert approximately.hits == exactly.hits
    assert approximately.tier is exactly.tier


def test_a_gallery_search_that_misses_adds_no_farther_entry_of_a_bank(shelf: Shelf) -> None:
    shelf.add(photo("bee.jpg"), bank="known")
    crab = shelf.matcher.views.embeddings.index.reconstruct(np.array([1]))[1][0]
    query, options = Query.vector(crab.tolist(), shelf.space.fingerprint), SearchOptions(k=1)
    (nearest,) = shelf.matcher.matches(query, options).matches
    approximate(shelf, 1, 2)

    assert nearest.image_id == 1
    assert shelf.matcher.matches(query, options).matches == [nearest]


def test_a_search_that_must_be_exact_misses_nothing_and_says_so(shelf: Shelf) -> None:
    query = Query.stored_image(1)
    all_found = shelf.matcher.matches(query)
    approximate(shelf, 2)

    assert shelf.matcher.matches(query).completeness == APPROXIMATE
    assert shelf.matcher.matches(query, SearchOptions(exact=True)) == all_found


def test_similar_images_say_it_too(shelf: Shelf) -> None:
    approximate(shelf)

    assert similar_images(shelf.matcher, 1).completeness == APPROXIMATE
    assert similar_images(shelf.matcher, 1, banks=["known"]).completeness == BANKS_ALONE


def test_digests_are_looked_up_exactly(shelf: Shelf) -> None:
    approximate(shelf)
    digest = Fingerprint(FingerprintKind.SHA256, bytes(32))

    assert shelf.matcher.answer(Query.fingerprint(digest)).completeness == EXACTLY


@pytest.mark.parametrize(
    ("gallery", "remark"),
    [
        (EXACT, None),
        (Completeness(CompletenessKind.CERTIFIED), None),
        (MEASURED, WORDS),
        (
            Completeness(CompletenessKind.UNMEASURED),
            "Gallery searched approximately: recall not measured; banks exactly.",
        ),
        (
            UNSEARCHED,
            "Gallery not searched: its vector engine cannot be reached; banks exactly.",
        ),
    ],
)
def test_people_are_told_of_a_search_that_may_have_missed_something(
    gallery: Completeness, remark: str | None
) -> None:
    assert SearchCompleteness(gallery=gallery).remark == remark


def test_an_answer_is_as_complete_as_the_worse_of_before_and_after(shelf: Shelf) -> None:
    approximate(shelf)
    view, unknown = shelf.matcher.views.embeddings, Completeness(CompletenessKind.UNMEASURED)
    states = iter([MEASURED, unknown] * 10)
    type(view.index).completeness = property(lambda _: next(states))  # type: ignore[assignment, method-assign]
    try:
        assert shelf.matcher.matches(Query.stored_image(1)).completeness.gallery == unknown
    finally:
        type(view.index).completeness = property(lambda index: index.said)  # type: ignore[assignment, method-assign]


# --- what people and programs read ---------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init", "--model", tiny_model)
    index.run_here("index", "add", PHOTOS / "crab.jpg")
    return index


def test_the_command_says_it_in_a_line_and_in_json(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    exactly = index.run_here("search", PHOTOS / "crab.jpg").stdout
    monkeypatch.setattr(SegmentedIndex, "completeness", MEASURED)

    text = index.run_here("search", PHOTOS / "crab.jpg").stdout
    said = index.run_here("search", PHOTOS / "crab.jpg", "--json").json["completeness"]

    assert "approximately" not in exactly
    assert f"  {WORDS}\n" in text
    assert said["banks"] == "exact"
    assert said["gallery"]["kind"] == "measured"
    assert said["gallery"]["recall"] == 0.992
    assert said["gallery"]["interval"] == pytest.approx([0.984, 0.996], abs=5e-4)
    assert said["gallery"]["queries"] == 1000
