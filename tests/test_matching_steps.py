"""A picture is looked at in steps: its whole first frame, then its parts if need be."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image, ImageOps

from indexer.embedding_space import bind_space, load_bound_encoder
from indexer.ingest import Ingest
from indexer.matching import Matcher, candidate_judge, open_matcher
from indexer.matching.comparison import Candidate, Compared, Comparison
from indexer.matching.judgement import Finding, Judged
from indexer.matching.settlement import (
    candidates_that_may_settle,
    is_settled,
    may_be_settled,
)
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.sources import walk
from indexer.store import Store
from indexer.thresholds import choose_thresholds
from indexer.types import (
    COMMON_FUSION,
    BankKind,
    Contribution,
    Entry,
    Evidence,
    ImageRecord,
    Judgement,
    Match,
    Signal,
    Suppression,
    SuppressionKind,
    Tier,
    cost_of,
)
from indexer.types.fusion import Curve
from support.commands import PHOTOS
from support.queries import match

pytestmark = pytest.mark.numeric

BLOCKED, GALLERY, STRANGER = "hedgehog.jpg", "koala.jpg", "aqueduct.jpg"


class CountingEncoder:
    """Counts the pictures that go through a model."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.passes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, pictures: Sequence[Any]) -> Any:
        self.passes += len(pictures)
        return self._encoder.encode(pictures)

    def embed(self, prepared: Sequence[Any]) -> Any:
        self.passes += len(prepared)
        return self._encoder.embed(prepared)


class Place:
    """An index in which passes through the model are counted."""

    def __init__(self, store: Store, settings: Settings) -> None:
        bind_space(store, settings)
        self._store = store
        self._ingest = Ingest(store, *load_bound_encoder(store, settings), settings)
        self._settings = settings

    def add(self, name: str, bank: str | None = None) -> None:
        bank_id = None
        if bank:
            with self._store.writer() as writer:
                bank_id = writer.banks.create(bank, BankKind.BLOCK).id
        self._ingest.run(walk([PHOTOS / name]), bank_id=bank_id)

    def open(self) -> tuple[Matcher, CountingEncoder]:
        opened = open_matcher(
            self._store, self._settings, lambda encoder: cast("Encoder", CountingEncoder(encoder))
        )
        return opened, cast("CountingEncoder", opened.classifier.encoder)


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    return Place(store, Settings(home=tmp_path))


def edited(name: str, change: Callable[[Image.Image], Image.Image] = lambda image: image) -> bytes:
    with Image.open(PHOTOS / name) as photo:
        buffer = io.BytesIO()
        change(photo.convert("RGB")).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def framed(name: str) -> bytes:
    """Give a photo a border, which is cut off as a part."""
    return edited(name, lambda image: ImageOps.expand(image, 60, "white"))


@pytest.mark.parametrize("data", [edited(BLOCKED), (PHOTOS / BLOCKED).read_bytes()])
def test_a_copy_of_a_block_entry_costs_one_pass_and_no_verification(
    place: Place, data: bytes
) -> None:
    place.add(BLOCKED, "known")
    place.add(GALLERY)
    opened, encoder = place.open()

    verdict = match(opened, data, "query")

    assert verdict.banks == ("known",)
    assert encoder.passes == 1
    assert {found.inliers for found in verdict.matches} == {None}


def test_a_copy_that_its_parts_show_costs_no_verification(place: Place) -> None:
    place.add(BLOCKED, "known")
    opened, _ = place.open()

    small = edited(BLOCKED, lambda image: ImageOps.expand(image, image.width, "white"))
    verdict = match(opened, small, "query")

    assert verdict.tier is Tier.NEAR_DUPLICATE
    assert {found.inliers for found in verdict.matches} == {None}


@pytest.mark.parametrize(("log_odds", "verified"), [(-0.5, True), (-1.5, False)])
def test_only_what_verification_can_make_a_near_duplicate_is_verified_first(
    log_odds: float, verified: bool
) -> None:
    fusion = replace(COMMON_FUSION, details=Curve((0, 30), (-1.0, 9.0)), near_duplicate=8.0)
    entry = Entry(1, "known", BankKind.BLOCK, 7)
    evidence = Evidence(
        same_bytes=False,
        pdq_distance=None,
        similarity=0.5,
        contributions=(Contribution("embedding", 0.5, log_odds + cost_of(1000)),),
    )
    compared = Compared(
        Candidate(cast("ImageRecord", SimpleNamespace(id=7)), (entry,)),
        [Comparison(None, evidence, {})],
    )
    bounds = choose_thresholds(Settings(), fusion=fusion)

    found = candidates_that_may_settle([compared], bounds, lambda _: 1000, fusion)

    assert found == ({7} if verified else set())


def test_what_is_no_copy_is_asked_about_part_by_part(place: Place) -> None:
    place.add(BLOCKED, "known")
    opened, encoder = place.open()

    assert match(opened, framed(STRANGER), "query").tier is Tier.NONE
    assert encoder.passes > 1


def test_a_part_that_is_nearly_all_of_a_picture_costs_no_pass(place: Place) -> None:
    place.add(BLOCKED, "known")
    opened, encoder = place.open()
    narrow = edited("moose.jpg", lambda image: ImageOps.expand(image, image.width // 40, "white"))

    assert match(opened, narrow, "query").tier is Tier.NONE
    assert encoder.passes == 1


def test_a_copy_of_a_gallery_image_costs_one_pass_where_there_is_no_bank(place: Place) -> None:
    place.add(GALLERY)
    opened, encoder = place.open()

    assert match(opened, edited(GALLERY), "query").tier is Tier.NEAR_DUPLICATE
    assert encoder.passes == 1


COPY = Match(
    tier=Tier.NEAR_DUPLICATE,
    decided_by=Signal.PDQ,
    threshold=31,
    threshold_source="settings",
    threshold_card=None,
    similarity=0.9,
    pdq_distance=3,
    log_odds=30.0,
    bank="known",
    bank_kind=BankKind.BLOCK,
    entry_id=1,
    image_id=1,
    source=None,
    suppressed_by=None,
)
OF_GALLERY = replace(COPY, bank=None, bank_kind=None, entry_id=None)
BY_ALLOW = Suppression(SuppressionKind.ALLOW_ENTRY, "press", 2, None)


@pytest.mark.parametrize(
    ("matches", "settled"),
    [
        ([COPY], True),
        ([replace(COPY, tier=Tier.EXACT)], True),
        ([replace(COPY, tier=Tier.LOOKALIKE)], False),
        ([replace(COPY, tier=Tier.NONE)], False),
        ([replace(COPY, suppressed_by=BY_ALLOW)], False),
        ([replace(COPY, bank_kind=BankKind.ALLOW)], False),
        ([replace(COPY, bank_kind=BankKind.ALLOW), COPY], True),
        ([OF_GALLERY], False),  # it may hold a picture that a bank holds as well
        ([replace(OF_GALLERY, tier=Tier.EXACT), COPY], True),
        ([], False),
    ],
)
def test_a_copy_of_an_entry_that_accuses_settles_a_verdict(
    matches: list[Match], settled: bool
) -> None:
    assert is_settled(matches, alone=False) == settled


def test_a_copy_of_a_gallery_image_settles_a_verdict_where_no_bank_is_searched() -> None:
    assert is_settled([OF_GALLERY], alone=True)
    assert not is_settled([replace(OF_GALLERY, tier=Tier.LOOKALIKE)], alone=True)


@pytest.mark.parametrize("tier", Tier)
def test_only_what_may_be_a_copy_may_settle_a_verdict(tier: Tier) -> None:
    evidence = Evidence(same_bytes=False, pdq_distance=None, similarity=0.9)
    judgement = Judgement(tier, Signal.FUSED, 4.6, None)
    judged = Judged(None, None, [Finding.of_signal(evidence, judgement)])

    assert may_be_settled([judged]) == (tier in {Tier.EXACT, Tier.NEAR_DUPLICATE})


@pytest.mark.parametrize(
    "data",
    [
        (PHOTOS / BLOCKED).read_bytes(),
        edited(BLOCKED, ImageOps.mirror),
        framed(BLOCKED),
        edited(GALLERY),
        framed(STRANGER),
    ],
    ids=["exact", "mirrored", "framed", "of the gallery", "stranger"],
)
def test_asking_in_two_steps_changes_no_verdict(
    place: Place, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add(BLOCKED, "known")
    place.add(GALLERY)
    opened, _ = place.open()
    verdict = match(opened, data, "query")
    monkeypatch.setattr(candidate_judge, "is_settled", lambda *_, **__: False)

    at_once = match(opened, data, "query")

    assert (verdict.tier, verdict.banks, verdict.hits) == (
        at_once.tier,
        at_once.banks,
        at_once.hits,
    )
