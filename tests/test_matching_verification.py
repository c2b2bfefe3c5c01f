from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.ingest import Ingest
from indexer.matching import Matcher, candidate_judge
from indexer.model import load_traits
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.sources import walk
from indexer.store import Store, open_store, upgrade
from indexer.types import (
    COMMON_FUSION,
    BankKind,
    Contribution,
    Curve,
    Fusion,
    Match,
    Signal,
    SpaceTraits,
    Tier,
)
from support.commands import PHOTOS
from support.fusion import SIMPLE
from support.pictures import encode
from support.queries import match, rank

pytestmark = pytest.mark.numeric

BY_DETAILS = SpaceTraits(
    replace(
        SIMPLE,
        prior=10.5,  # so that each is worth verifying
        embedding=Curve((-1, 1), (0, 1)),
        pdq=Curve((0, 256), (1, 0)),
        lookalike=15,
    )
)
"""Next to nothing but details speaks; a nat for each."""
SHIPPED = load_traits(SHIPPED_MODEL).fusion
KNOWN, OTHERS = "castle-front.jpg", ("bee.jpg", "koala.jpg", "two-dogs.jpg")


def page(name: str, width: int = 400) -> bytes:
    """Show a photo small, on a page of 800 x 1000 with other things."""
    with Image.open(PHOTOS / name) as photo:
        small = photo.convert("RGB").resize((width, width * photo.height // photo.width))
    sheet = Image.new("RGB", (800, 1000), "#dde3ea")
    rows = np.random.default_rng(7).integers(0, 2, (24, 90), np.uint8) * 160
    text = Image.fromarray(rows).resize((720, 192), Image.Resampling.NEAREST).convert("RGB")
    sheet.paste(text, (40, 60))
    sheet.paste(small, (350, 420))
    return encode(sheet, "PNG")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index photos without their pixels, one of them in a block bank; not to be changed."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), keep_thumbnails=False)
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
    """Open a matcher with some settings, in which details decide."""

    def opened(traits: SpaceTraits = BY_DETAILS, **chosen: Any) -> Matcher:
        settings = Settings(home=home, **chosen)
        matcher = Matcher(store, *load_bound_encoder(store, settings), settings, traits)
        matcher.catch_up()
        return matcher

    return opened


def test_a_picture_shown_small_on_a_page_is_found_by_its_details(
    open_matcher: Callable[..., Matcher],
) -> None:
    verdict = match(open_matcher(), page(KNOWN), "page")

    best = verdict.matches[0]
    assert (verdict.tier, verdict.banks) == (Tier.LOOKALIKE, ("known",))
    assert (best.decided_by, best.threshold, best.threshold_source) == (Signal.FUSED, 15, "model")
    assert best.inliers is not None
    assert best.inliers >= 12
    assert Contribution("geometry", best.inliers, min(best.inliers, 50)) in best.evidence


@pytest.mark.parametrize(
    "chosen",
    [{"keep_thumbnails": False, "keep_features": False}, {"verify_candidates": 0}],
    ids=["nothing kept", "no candidates"],
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


def test_a_request_that_wants_more_than_details_say_gets_no_match(
    open_matcher: Callable[..., Matcher],
) -> None:
    assert match(open_matcher(), page(KNOWN), "page", min_log_odds=60).tier is Tier.NONE


def test_the_very_bytes_need_no_verification(open_matcher: Callable[..., Matcher]) -> None:
    best = match(open_matcher(), (PHOTOS / KNOWN).read_bytes(), "upload").matches[0]

    assert (best.tier, best.inliers) == (Tier.EXACT, None)


def test_a_near_duplicate_of_an_entry_needs_no_verification(
    open_matcher: Callable[..., Matcher],
) -> None:
    with Image.open(PHOTOS / KNOWN) as photo:
        smaller = encode(photo.convert("RGB").resize((320, 240)), "JPEG", quality=90)

    best = match(open_matcher(), smaller, "upload").matches[0]

    assert (best.tier, best.bank, best.inliers) == (Tier.NEAR_DUPLICATE, "known", None)


@pytest.mark.parametrize(("bound", "asked"), [(15, False), (95, True)])
def test_parts_are_asked_about_unless_details_of_the_whole_settle_it(
    open_matcher: Callable[..., Matcher],
    monkeypatch: pytest.MonkeyPatch,
    bound: float,
    *,
    asked: bool,
) -> None:
    matcher = open_matcher(near_duplicate_log_odds=bound)
    embed, batches = matcher.classifier.encoder.embed, []
    monkeypatch.setattr(
        matcher.classifier.encoder, "embed", lambda prepared: batches.append(1) or embed(prepared)
    )

    verdict = match(matcher, page(KNOWN), "page")

    assert bool(batches) is asked
    assert verdict.matches[0].bank == "known"
    assert (verdict.tier is Tier.NEAR_DUPLICATE) is not asked


def test_what_was_verified_is_judged_to_the_end(
    open_matcher: Callable[..., Matcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A discount may drop what details said against a candidate, so nothing rules it out before."""
    matcher = open_matcher(near_duplicate_log_odds=15)
    monkeypatch.setattr(candidate_judge, "may_be_settled", lambda _judged: False)
    monkeypatch.setattr(
        matcher.classifier.encoder, "embed", lambda _prepared: pytest.fail("asked about parts")
    )

    assert match(matcher, page(KNOWN), "page").tier is Tier.NEAR_DUPLICATE


def test_verifying_a_candidate_changes_nothing_that_the_other_signals_say(
    open_matcher: Callable[..., Matcher],
) -> None:
    verified, plain = (
        rank(open_matcher(**chosen), page(KNOWN)) for chosen in ({}, {"verify_candidates": 0})
    )

    def others(match: Match) -> list[Contribution]:
        return [each for each in match.evidence if each.signal != Signal.GEOMETRY]

    def measured(matches: list[Match]) -> dict[int | None, tuple[object, ...]]:
        return {m.image_id: (m.similarity, m.pdq_distance, others(m)) for m in matches}

    assert len(verified[0].evidence) == len(others(verified[0])) + 1
    assert measured(verified) == measured(plain)


# --- weight --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", [SIMPLE, COMMON_FUSION, SHIPPED], ids=lambda f: f.version)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_details_in_common_never_weigh_less(fusion: Fusion, one: int, other: int) -> None:
    fewer, more = sorted((one, other))

    assert fusion.details(fewer) <= fusion.details(more)


@pytest.mark.parametrize(
    ("normalised", "bits", "counts"),
    [(0.3, 40, True), (0.3, 120, True), (0.3, None, True), (-0.3, 80, False), (None, 80, False)],
)
def test_few_details_speak_against_no_copy_of_which_pdq_alone_is_left(
    normalised: float | None, bits: int | None, counts: bool
) -> None:
    added = SHIPPED.of_details(0, normalised, bits)

    assert added == pytest.approx(SHIPPED.details(0) if counts else 0, abs=0.1)


@given(st.integers(0, 100), st.floats(-1, 1), st.integers(0, 256))
def test_details_are_joined_with_what_edits_leave(
    inliers: int, normalised: float, bits: int
) -> None:
    e, p = float(SHIPPED.embedding(normalised)), float(SHIPPED.of_pdq(bits))
    g = float(SHIPPED.details(inliers))
    with_details = np.logaddexp.reduce(
        [e + p + g, SHIPPED.embedding_alone + e + g, SHIPPED.pdq_alone + p + max(g, 0)]
    )
    without = float(SHIPPED.weigh(normalised, bits)) - SHIPPED.prior

    added = SHIPPED.of_details(inliers, normalised, bits)

    assert added == pytest.approx(with_details - without, abs=1e-4)


@pytest.mark.parametrize("fusion", [COMMON_FUSION, SHIPPED], ids=lambda f: f.version)
def test_many_details_speak_for_a_copy_and_none_do_not(fusion: Fusion) -> None:
    assert fusion.details(60) > 1
    assert fusion.details(0) <= 0
