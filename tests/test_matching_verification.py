from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.ingest import Ingest
from indexer.matching import Matcher, closeness
from indexer.settings import Settings
from indexer.sources import walk
from indexer.store import Store, open_store, upgrade
from indexer.thresholds import choose_thresholds
from indexer.types import BankKind, Evidence, Judgement, Signal, Tier
from support.commands import PHOTOS
from support.pictures import encode
from support.queries import match, rank

pytestmark = pytest.mark.numeric

KNOWN, OTHERS = "castle-front.jpg", ("bee.jpg", "koala.jpg", "two-dogs.jpg")


def page(name: str) -> bytes:
    """Show a photo small, on a page with other things."""
    with Image.open(PHOTOS / name) as photo:
        small = photo.convert("RGB").resize((400, 400 * photo.height // photo.width))
    sheet = Image.new("RGB", (800, 1000), "#dde3ea")
    rows = np.random.default_rng(7).integers(0, 2, (24, 90), np.uint8) * 160
    text = Image.fromarray(rows).resize((720, 192), Image.Resampling.NEAREST).convert("RGB")
    sheet.paste(text, (40, 60))
    sheet.paste(small, (350, 420))
    return encode(sheet, "PNG")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index photos, one of them in a block bank; not to be changed."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    upgrade(settings.resolved_database_url)
    with open_store(settings.resolved_database_url) as store:
        bind_space(store, settings)
        ingest = Ingest(store, *load_bound_encoder(store, settings), settings)
        with store.writer() as writer:
            bank = writer.banks.create("known", BankKind.BLOCK)
        ingest.run(walk([PHOTOS / KNOWN]), bank_id=bank.id)
        ingest.run(walk([PHOTOS / name for name in OTHERS]))
    return settings.home


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{home / 'lookalike.db'}") as opened:
        yield opened


@pytest.fixture
def open_matcher(home: Path, store: Store) -> Callable[..., Matcher]:
    """Open a matcher with some settings; what only the fused score says does not count."""

    def opened(**chosen: Any) -> Matcher:
        settings = Settings(home=home, **({"lookalike_fused_score": 2} | chosen))
        matcher = Matcher(store, *load_bound_encoder(store, settings), settings)
        matcher.catch_up()
        return matcher

    return opened


def test_a_picture_shown_small_on_a_page_is_found_by_its_details(
    open_matcher: Callable[..., Matcher],
) -> None:
    verdict = match(open_matcher(), page(KNOWN), "page")

    best = verdict.matches[0]
    assert (verdict.tier, verdict.banks) == (Tier.LOOKALIKE, ("known",))
    assert (best.decided_by, best.threshold, best.threshold_source) == (
        Signal.GEOMETRY,
        12,
        "settings",
    )
    assert best.inliers is not None
    assert best.inliers >= 12


@pytest.mark.parametrize(
    "chosen",
    [{"keep_thumbnails": False}, {"verify_candidates": 0}],
    ids=lambda chosen: next(iter(chosen)),
)
def test_nothing_is_verified_unless_the_settings_say_so(
    open_matcher: Callable[..., Matcher], chosen: dict[str, Any]
) -> None:
    matcher = open_matcher(**chosen)

    assert match(matcher, page(KNOWN), "page").tier is Tier.NONE
    assert {match.inliers for match in rank(matcher, page(KNOWN))} == {None}


def test_only_the_likeliest_candidates_are_verified(open_matcher: Callable[..., Matcher]) -> None:
    ranked = rank(open_matcher(verify_candidates=2), page(KNOWN))

    assert sum(match.inliers is not None for match in ranked) == 2
    assert len(ranked) == 1 + len(OTHERS)


def test_a_stranger_on_a_page_is_not_found(open_matcher: Callable[..., Matcher]) -> None:
    ranked = rank(open_matcher(), page("aqueduct.jpg"))

    assert {match.tier for match in ranked} == {Tier.NONE}
    assert max(match.inliers or 0 for match in ranked) < 12


def test_a_request_that_wants_a_cosine_gets_no_match_by_details(
    open_matcher: Callable[..., Matcher],
) -> None:
    assert match(open_matcher(), page(KNOWN), "page", threshold=0.99).tier is Tier.NONE


def test_the_very_bytes_need_no_verification(open_matcher: Callable[..., Matcher]) -> None:
    best = match(open_matcher(), (PHOTOS / KNOWN).read_bytes(), "upload").matches[0]

    assert (best.tier, best.inliers) == (Tier.EXACT, None)


def test_verifying_a_candidate_lowers_none_of_its_scores(
    open_matcher: Callable[..., Matcher],
) -> None:
    """The page's inset is nearer to the photo than the page, whose details decide."""
    verified, plain = open_matcher(), open_matcher(verify_candidates=0)

    def scores(matcher: Matcher) -> dict[int | None, tuple[float | None, ...]]:
        return {
            match.image_id: (match.fused_score, match.similarity, match.pdq_distance)
            for match in rank(matcher, page(KNOWN))
        }

    best = rank(verified, page(KNOWN))[0]
    assert best.decided_by is Signal.GEOMETRY
    assert best.query_part is not None
    assert scores(verified) == scores(plain)


# --- judging -------------------------------------------------------------------------------------


def judged(inliers: int | None, *, requested: float | None = None, **evidence: Any) -> Judgement:
    book = choose_thresholds(Settings(), requested=requested)
    known = {"same_bytes": False, "pdq_distance": 120, "similarity": 0.1, "fused": 0.1} | evidence
    return book.for_bank(None).judge(Evidence(**known, inliers=inliers))


@pytest.mark.parametrize(("inliers", "tier"), [(12, "lookalike"), (11, "none"), (None, "none")])
def test_details_decide_from_their_bound_on(inliers: int | None, tier: str) -> None:
    assert judged(inliers).tier == tier


@pytest.mark.parametrize(
    ("evidence", "signal"),
    [
        ({"same_bytes": True}, "sha256"),
        ({"pdq_distance": 3}, "pdq"),
        ({"similarity": 1.0}, "embedding"),
    ],
)
def test_details_decide_only_where_nothing_else_does(evidence: dict[str, Any], signal: str) -> None:
    assert judged(500, **evidence).decided_by == signal


@given(st.floats(-1, 2), st.integers(0, 256), st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_details_in_common_never_rank_lower(
    fused: float, distance: int, fewer: int, more: int
) -> None:
    fewer, more = sorted((fewer, more))

    assert fused <= closeness(fused, distance, fewer) <= closeness(fused, distance, more)
    assert closeness(fused, distance, None) == fused
