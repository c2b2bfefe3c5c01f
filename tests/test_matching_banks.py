"""What the entries of banks match: images and bare fingerprints, while they count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from indexer.errors import NotFoundError
from indexer.images import fingerprints
from indexer.images.decode import decode
from indexer.model import Encoder, load_encoder
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import (
    BankKind,
    Fingerprint,
    FingerprintKind,
    Histogram,
    Match,
    NewCard,
    NewDecision,
    Outcome,
    RateUnit,
    Signal,
    SuppressionKind,
    Tier,
    Verdict,
)
from support.commands import Index
from support.pictures import encode
from support.queries import match, match_stored, rank
from support.shelf import Shelf

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
UNSAFE = "hedgehog.jpg"
ROTATED = Image.Transpose.ROTATE_90
KINDS = pytest.mark.parametrize("kind", FingerprintKind)


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


def altered(
    name: str = UNSAFE, change: Callable[[Image.Image], Image.Image] = ImageOps.mirror
) -> bytes:
    with Image.open(PHOTOS / name) as opened:
        return encode(change(opened.convert("RGB")), "JPEG", quality=90)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    """Load random weights: what is asked here is decided by bytes and PDQ."""
    return load_encoder(str(tiny_model), "cpu")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        near_duplicate_log_odds=1000,
        lookalike_log_odds=1000,
    )


@pytest.fixture
def shelf(store: Store, encoder: Encoder, settings: Settings) -> Shelf:
    """Make an index with block banks `known` and `other`, an allow bank `press`, and a photo."""
    made = Shelf(store, encoder, settings)
    made.add(photo("koala.jpg"))
    with store.writer() as writer:
        made.banks["other"] = writer.banks.create("other", BankKind.BLOCK).id
    return made


def fingerprint(data: bytes, kind: FingerprintKind, settings: Settings) -> Fingerprint:
    rgb = decode(data, settings.image_limits).rgb
    values = {
        FingerprintKind.SHA256: fingerprints.sha256(data),
        FingerprintKind.MD5: fingerprints.md5(data),
        FingerprintKind.PDQ: fingerprints.pdq(rgb).bits,
    }
    return Fingerprint(kind, values[kind])


def list_fingerprint(
    shelf: Shelf, data: bytes, kind: FingerprintKind, *, bank: str = "known"
) -> int:
    """Make a bare fingerprint of a picture an entry, as a list would; return the entry's id."""
    with shelf.store.writer() as writer:
        entry = fingerprint(data, kind, shelf.settings)
        entry_id = writer.entries.add_fingerprint(shelf.banks[bank], entry)
    shelf.matcher.catch_up()
    return entry_id


class InTwoHours(datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(hours=2)


def disable(shelf: Shelf, *entry_ids: int, until: datetime | None = None) -> None:
    with shelf.store.writer() as writer:
        writer.entries.disable(entry_ids, until or datetime.now(UTC) + timedelta(days=1))


def decide(shelf: Shelf, data: bytes, outcome: Outcome, **about: int) -> int:
    new = NewDecision(query_sha256=fingerprints.sha256(data), outcome=outcome, **about)
    with shelf.store.writer() as writer:
        return writer.decisions.add(new).id


def ask(shelf: Shelf, data: bytes, **choices: list[str]) -> Verdict:
    return match(shelf.matcher, data, "query", **choices)


def answer(verdict: Verdict) -> tuple[Tier, tuple[str, ...], tuple[int, ...]]:
    return verdict.tier, verdict.banks, verdict.hits


def by_entry(verdict: Verdict) -> dict[int | None, Match]:
    return {match.entry_id: match for match in verdict.matches}


NOTHING = (Tier.NONE, (), ())


# --- bare fingerprints ---------------------------------------------------------------------------


@KINDS
def test_a_bare_fingerprint_of_the_very_file_matches(shelf: Shelf, kind: FingerprintKind) -> None:
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)

    verdict = ask(shelf, photo(UNSAFE))

    tier = Tier.NEAR_DUPLICATE if kind is FingerprintKind.PDQ else Tier.EXACT
    (match,) = verdict.matches
    assert answer(verdict) == (tier, ("known",), (entry_id,))
    assert match.decided_by == Signal(kind)
    assert (match.image_id, match.source) == (None, None)
    assert match.similarity is None
    assert (match.log_odds is None) == (kind is not FingerprintKind.PDQ)
    assert match.pdq_distance == (0 if kind is FingerprintKind.PDQ else None)
    assert match.threshold == (31 if kind is FingerprintKind.PDQ else None)


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        lambda image: image.resize((240, 180)),
        lambda image: image.transpose(ROTATED),
    ],
    ids=["mirrored", "smaller", "turned"],
)
def test_a_bare_pdq_is_found_in_an_edited_copy(
    shelf: Shelf, change: Callable[[Image.Image], Image.Image]
) -> None:
    entry_id = list_fingerprint(shelf, altered(change=lambda image: image), FingerprintKind.PDQ)

    verdict = ask(shelf, altered(change=change))

    assert answer(verdict) == (Tier.NEAR_DUPLICATE, ("known",), (entry_id,))


def test_of_fingerprints_that_are_equally_near_the_lowest_id_is_compared(shelf: Shelf) -> None:
    rgb = decode(photo(UNSAFE), shelf.settings.image_limits).rgb
    upright, *_, last = fingerprints.pdq_orientations(rgb).bits
    first, _ = (
        shelf_pdq(shelf, bytes([bits[0] ^ 0b11, *bits[1:].tolist()])) for bits in (last, upright)
    )

    assert match(shelf.matcher, photo(UNSAFE), "query", k=1).hits == (first,)


def shelf_pdq(shelf: Shelf, bits: bytes) -> int:
    with shelf.store.writer() as writer:
        entry_id = writer.entries.add_fingerprint(
            shelf.banks["known"], Fingerprint(FingerprintKind.PDQ, bits)
        )
    shelf.matcher.catch_up()
    return entry_id


@pytest.mark.parametrize("kind", [FingerprintKind.SHA256, FingerprintKind.MD5])
def test_a_digest_does_not_match_another_file(shelf: Shelf, kind: FingerprintKind) -> None:
    list_fingerprint(shelf, photo(UNSAFE), kind)

    assert answer(ask(shelf, altered())) == NOTHING


@KINDS
def test_a_choice_of_banks_holds_for_bare_fingerprints(shelf: Shelf, kind: FingerprintKind) -> None:
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)
    assert answer(ask(shelf, photo(UNSAFE), banks=["other"])) == NOTHING
    assert ask(shelf, photo(UNSAFE), banks=["known"]).hits == (entry_id,)


def test_the_digest_of_an_allow_bank_suppresses_what_the_file_matches(shelf: Shelf) -> None:
    image_id = shelf.add(photo(UNSAFE), bank="known")
    entry_id = list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.SHA256, bank="press")

    verdict = ask(shelf, photo(UNSAFE))

    suppressed_by = {m.image_id: m.suppressed_by for m in verdict.matches}[image_id]
    assert answer(verdict) == NOTHING
    assert suppressed_by is not None
    assert suppressed_by.kind is SuppressionKind.ALLOW_ENTRY
    assert (suppressed_by.bank, suppressed_by.entry_id) == ("press", entry_id)
    assert ask(shelf, altered()).banks == ("known",)  # other bytes are another matter


# --- what counts at the moment -------------------------------------------------------------------


@KINDS
def test_a_disabled_fingerprint_matches_nothing_from_the_next_query_on(
    shelf: Shelf, kind: FingerprintKind
) -> None:
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)
    assert ask(shelf, photo(UNSAFE)).hits == (entry_id,)

    disable(shelf, entry_id)
    assert answer(ask(shelf, photo(UNSAFE))) == NOTHING

    with shelf.store.writer() as writer:
        writer.entries.enable([entry_id])
    assert ask(shelf, photo(UNSAFE)).hits == (entry_id,)


@KINDS
def test_a_fingerprint_is_enabled_again_when_its_time_is_over(
    shelf: Shelf, kind: FingerprintKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)
    disable(shelf, entry_id, until=datetime.now(UTC) + timedelta(hours=1))
    assert answer(ask(shelf, photo(UNSAFE))) == NOTHING

    monkeypatch.setattr("indexer.matching.retrieval.datetime", InTwoHours)

    assert ask(shelf, photo(UNSAFE)).hits == (entry_id,)


@KINDS
def test_a_removed_fingerprint_does_not_match_while_the_views_lag(
    shelf: Shelf, kind: FingerprintKind
) -> None:
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)
    with shelf.store.writer() as writer:
        writer.entries.remove([entry_id])

    assert answer(ask(shelf, photo(UNSAFE))) == NOTHING
    shelf.matcher.catch_up()
    assert answer(ask(shelf, photo(UNSAFE))) == NOTHING


def test_the_image_of_a_disabled_entry_is_found_as_one_of_the_gallery(shelf: Shelf) -> None:
    image_id = shelf.add(photo(UNSAFE), bank="known")
    (entry_id,) = ask(shelf, photo(UNSAFE)).hits
    disable(shelf, entry_id)

    verdict = ask(shelf, photo(UNSAFE))

    (match,) = verdict.matches
    assert answer(verdict) == (Tier.EXACT, (), ())
    assert (match.image_id, match.bank, match.entry_id) == (image_id, None, None)
    assert answer(ask(shelf, photo(UNSAFE), banks=["known"])) == NOTHING


def test_the_entries_of_a_disabled_bank_do_not_count(shelf: Shelf) -> None:
    shelf.add(altered(), bank="known")
    list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.PDQ)
    assert len(ask(shelf, photo(UNSAFE)).hits) == 2

    with shelf.store.writer() as writer:
        writer.banks.edit("known", enabled=False)
    assert ask(shelf, photo(UNSAFE)).hits == ()

    with shelf.store.writer() as writer:
        writer.banks.edit("known", enabled=True)
    assert len(ask(shelf, photo(UNSAFE)).hits) == 2


def test_a_disabled_allow_bank_excuses_nothing(shelf: Shelf) -> None:
    shelf.add(photo(UNSAFE), bank="known")
    list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.SHA256, bank="press")
    with shelf.store.writer() as writer:
        writer.banks.edit("press", enabled=False)

    assert ask(shelf, photo(UNSAFE)).banks == ("known",)


def test_what_is_disabled_does_not_take_the_place_of_what_counts(shelf: Shelf) -> None:
    def resized(width: int) -> bytes:
        return altered(change=lambda image: image.resize((width, width)))

    kept = list_fingerprint(shelf, resized(100), FingerprintKind.PDQ)
    disable(
        shelf,
        *(
            list_fingerprint(shelf, resized(width), FingerprintKind.PDQ)
            for width in (200, 300, 400)
        ),
    )

    verdict = match(shelf.matcher, photo(UNSAFE), "query", k=1)

    assert verdict.hits == (kept,)


# --- decisions -----------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_rejected_match_is_suppressed_for_the_same_bytes(shelf: Shelf) -> None:
    shelf.add(photo(UNSAFE), bank="known")
    (entry_id,) = ask(shelf, altered()).hits

    decision_id = decide(shelf, altered(), Outcome.REJECTED, entry_id=entry_id)

    verdict = ask(shelf, altered())
    by = by_entry(verdict)[entry_id].suppressed_by
    assert answer(verdict) == NOTHING
    assert by is not None
    assert (by.kind, by.decision_id) == (SuppressionKind.DECISION, decision_id)
    assert (by.bank, by.entry_id) == ("known", entry_id)
    assert ask(shelf, photo(UNSAFE)).hits == (entry_id,)  # other bytes are asked about anew


def test_a_rejection_says_nothing_of_other_entries(shelf: Shelf) -> None:
    shelf.add(photo(UNSAFE), bank="known")
    other = list_fingerprint(shelf, altered(), FingerprintKind.PDQ)
    (rejected,) = set(ask(shelf, altered()).hits) - {other}

    decide(shelf, altered(), Outcome.REJECTED, entry_id=rejected)

    assert answer(ask(shelf, altered())) == (Tier.NEAR_DUPLICATE, ("known",), (other,))


def test_the_newest_decision_counts(shelf: Shelf) -> None:
    shelf.add(photo(UNSAFE), bank="known")
    (entry_id,) = ask(shelf, altered()).hits

    decide(shelf, altered(), Outcome.REJECTED, entry_id=entry_id)
    decide(shelf, altered(), Outcome.CONFIRMED, entry_id=entry_id)

    assert ask(shelf, altered()).hits == (entry_id,)


def test_a_rejected_image_of_the_gallery_is_suppressed(shelf: Shelf) -> None:
    image_id = shelf.add(photo(UNSAFE))
    assert ask(shelf, altered()).tier is Tier.NEAR_DUPLICATE

    decide(shelf, altered(), Outcome.REJECTED, image_id=image_id)

    verdict = ask(shelf, altered())
    by = verdict.matches[0].suppressed_by
    assert verdict.tier is Tier.NONE
    assert by is not None
    assert (by.kind, by.bank, by.entry_id) == (SuppressionKind.DECISION, None, None)


def test_an_allow_entry_that_an_analyst_rejected_excuses_nothing(shelf: Shelf) -> None:
    shelf.add(photo(UNSAFE), bank="known")
    allowing = list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.PDQ, bank="press")
    assert ask(shelf, altered()).banks == ()

    decide(shelf, altered(), Outcome.REJECTED, entry_id=allowing)

    assert ask(shelf, altered()).banks == ("known",)


# --- bounds of a bank ----------------------------------------------------------------------------


def test_an_entry_is_held_to_the_bound_of_its_bank(shelf: Shelf) -> None:
    strict = list_fingerprint(shelf, altered(change=squeeze), FingerprintKind.PDQ)
    loose = list_fingerprint(shelf, altered(change=squeeze), FingerprintKind.PDQ, bank="other")
    distance = by_entry(ask(shelf, photo(UNSAFE)))[strict].pdq_distance
    assert distance

    with shelf.store.writer() as writer:
        card = writer.cards.add(pdq_card("known", value=distance - 1))

    verdict = ask(shelf, photo(UNSAFE))
    match = by_entry(verdict)[loose]
    assert verdict.hits == (loose,)
    assert (match.threshold, match.threshold_source, match.threshold_card) == (31, "settings", None)

    with shelf.store.writer() as writer:
        card = writer.cards.add(pdq_card("known", value=distance))

    match = by_entry(ask(shelf, photo(UNSAFE)))[strict]
    assert (match.threshold, match.threshold_card) == (distance, card.id)
    assert match.threshold_source == f"card {card.id}"


def squeeze(image: Image.Image) -> Image.Image:
    return image.resize((90, 60)).resize(image.size)


def pdq_card(bank: str, value: float) -> NewCard:
    return NewCard(
        signal=Signal.PDQ,
        tier=Tier.NEAR_DUPLICATE,
        bank=bank,
        space_id=None,
        value=value,
        unit=RateUnit.COMPARISON,
        target_rate=1e-4,
        false_positives=0,
        comparisons=100,
        rate_low=0,
        rate_high=0.04,
        source_count=12,
        prediction_low=1e-6,
        prediction_high=0.1,
        background="made up",
        background_images=10,
        reference_count=10,
        histogram=Histogram(0, 1, (1,), (1,)),
    )


# --- stored images -------------------------------------------------------------------------------


def test_a_stored_image_is_judged_without_its_file(shelf: Shelf) -> None:
    of_gallery = shelf.add(altered(change=lambda image: image.resize((240, 180))))
    unsafe = shelf.add(photo(UNSAFE), bank="known")
    bare = list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.PDQ)

    matches = match_stored(shelf.matcher, of_gallery)

    assert {match.tier for match in matches} == {Tier.NEAR_DUPLICATE}
    assert {match.image_id: match.entry_id == bare for match in matches} == {
        unsafe: False,
        None: True,
    }
    assert [m.entry_id for m in match_stored(shelf.matcher, of_gallery, entries={bare})] == [bare]


@pytest.mark.parametrize("kind", [FingerprintKind.SHA256, FingerprintKind.MD5])
def test_a_stored_image_is_found_by_the_digest_of_its_file(
    shelf: Shelf, kind: FingerprintKind
) -> None:
    image_id = shelf.add(photo(UNSAFE))
    entry_id = list_fingerprint(shelf, photo(UNSAFE), kind)

    (match,) = match_stored(shelf.matcher, image_id, entries={entry_id})

    assert (match.tier, match.decided_by) == (Tier.EXACT, Signal(kind))


def test_a_stored_image_that_an_allow_bank_holds_is_excused(shelf: Shelf) -> None:
    image_id = shelf.add(photo(UNSAFE), bank="press")
    entry_id = list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.PDQ)

    for entries in (None, {entry_id}):
        (match,) = match_stored(shelf.matcher, image_id, entries=entries)
        assert match.suppressed_by is not None
        assert match.suppressed_by.bank == "press"


def test_a_stored_image_that_is_gone_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFoundError, match="4711"):
        match_stored(shelf.matcher, 4711)


def test_ranking_gives_every_candidate_of_every_tier(shelf: Shelf) -> None:
    others = {shelf.add(photo(name)) for name in ("crab.jpg", "bee.jpg", "moose.jpg")}
    unsafe = shelf.add(photo(UNSAFE), bank="known")
    list_fingerprint(shelf, photo(UNSAFE), FingerprintKind.PDQ)

    ranked = rank(shelf.matcher, altered())

    scores = [match.log_odds for match in ranked if match.log_odds is not None]
    assert {match.image_id for match in ranked[:2]} == {unsafe, None}
    assert others < {match.image_id for match in ranked}
    assert scores == sorted(scores, reverse=True)
    assert Tier.NONE in {match.tier for match in ranked}


# --- the command ---------------------------------------------------------------------------------


def test_the_command_shows_bare_fingerprints_and_what_takes_a_match_back(tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("init")
    index.run_here("bank", "create", "listed")
    sha256 = fingerprints.sha256(photo(UNSAFE)).hex()
    index.run_here("bank", "add", "listed", "--fingerprint", f"sha256 {sha256}")

    verdict = index.run_here("search", PHOTOS / UNSAFE, "--json").json
    shown = index.run_here("search", PHOTOS / UNSAFE).stdout

    (match,) = verdict["matches"]
    assert (verdict["tier"], verdict["hits"]) == ("exact", [match["entry_id"]])
    assert (match["image_id"], match["similarity"], match["log_odds"]) == (None, None, None)
    assert f"entry {match['entry_id']}" in shown
    assert "SHA-256: the same bytes" in shown

    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        new = NewDecision(bytes.fromhex(sha256), Outcome.REJECTED, entry_id=match["entry_id"])
        decision = writer.decisions.add(new)
    rejected = index.run_here("search", PHOTOS / UNSAFE).stdout
    assert f"exact, but rejected by decision {decision.id}\n" in rejected
