"""New block entries are matched against the images that were there before, each once."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from indexer.errors import InputError, NotFoundError, UnavailableError
from indexer.matching import Matcher
from indexer.matching.verdict import deciding_matches
from indexer.model import Encoder
from indexer.retroscan import RetroScanner, scan
from indexer.retroscan.candidate_images import find_candidate_images
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds import choose_thresholds
from indexer.types import (
    BankKind,
    Fingerprint,
    FingerprintKind,
    Fusion,
    Match,
    NewDecision,
    Outcome,
    Pdq,
    RetroMatch,
    RetroScan,
    ScanState,
    Signal,
    Space,
    SpaceTraits,
    Tier,
)
from support.catalog import add, arrival, bind, new_image
from support.fusion import MIXED, SIMPLE, TRAITS
from support.queries import match_stored

pytestmark = pytest.mark.numeric

GALLERY = range(1, 41)  # seeds
BLOCKED = range(101, 121)
NEAR = 20  # bits that a near PDQ differs by
BLOCK = "unsafe"


class Place:
    """An index of made-up images, whose embeddings are nearer to each other than real ones."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.space: Space = bind(store)
        self.matcher = Matcher(store, cast("Encoder", None), self.space, settings, TRAITS)
        self.scanner = RetroScanner(store, self.matcher, settings)
        self.bank_id = self.bank(BLOCK)

    def hold_to(self, least: float, fusion: Fusion) -> None:
        """Open it anew with another bound of lookalikes, in nats, and other weights."""
        settings = self.settings.model_copy(update={"lookalike_log_odds": least})
        encoder, traits = cast("Encoder", None), SpaceTraits(fusion)
        self.matcher = Matcher(self.store, encoder, self.space, settings, traits)
        self.scanner = RetroScanner(self.store, self.matcher, settings)

    def bank(self, name: str, kind: BankKind = BankKind.BLOCK) -> int:
        with self.store.writer() as writer:
            return writer.banks.create(name, kind).id

    def add(self, *seeds: int, bank_id: int | None = None, frames: int = 0) -> list[int]:
        return add(self.store, self.space, *seeds, bank_id=bank_id, frames=frames)

    def block(self, kind: FingerprintKind, value: bytes, bank_id: int | None = None) -> int:
        with self.store.writer() as writer:
            return writer.entries.add_fingerprint(bank_id or self.bank_id, Fingerprint(kind, value))

    def run(self, bank: str | None = None, since: int | None = None) -> RetroScan:
        return self.scanner.run(self.scanner.begin(bank, since))

    def found(self, scan: RetroScan) -> list[RetroMatch]:
        with self.store.reader() as catalog:
            return catalog.retro_scans.matches(scan.id, limit=10_000)

    def pairs(self, scan: RetroScan) -> list[tuple[int, int]]:
        return [(match.entry_id, match.image_id) for match in self.found(scan)]

    def searched(self, image_id: int, bank: str = BLOCK) -> list[Match]:
        """Answer as a search for a stored image in a bank does."""
        self.matcher.catch_up()
        return deciding_matches(match_stored(self.matcher, image_id, k=1000, banks=[bank]))


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    bounds = {"near_duplicate_log_odds": 80, "lookalike_log_odds": 65}
    return Place(store, Settings(home=tmp_path, **bounds))


@pytest.fixture
def filled(place: Place) -> Place:
    """Fill the gallery, then block images and bare fingerprints, some of them of the gallery's."""
    place.add(*GALLERY)
    place.add(*range(51, 56), frames=2)
    place.add(*BLOCKED, bank_id=place.bank_id)
    place.add(130, bank_id=place.bank_id, frames=3)
    place.block(FingerprintKind.SHA256, new_image(1).sha256)
    place.block(FingerprintKind.MD5, new_image(2).md5)
    place.block(FingerprintKind.SHA256, b"s" * 32)
    place.block(FingerprintKind.MD5, b"m" * 16)
    place.block(FingerprintKind.PDQ, near(new_image(3).pdq.bits))
    place.block(FingerprintKind.PDQ, b"p" * 32)
    return place


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step take few entries, so that a scan has many."""
    monkeypatch.setattr(scan, "PAGE", 4)


def near(pdq: bytes) -> bytes:
    """Flip some bits."""
    return bytes(b ^ 0xFF for b in pdq[: NEAR // 8]) + pdq[NEAR // 8 :]


def ids_of(place: Place, *seeds: int) -> list[int]:
    digests = [new_image(seed).sha256 for seed in seeds]
    with place.store.reader() as catalog:
        ids = catalog.images.ids_by_sha256(digests)
    return [ids[digest] for digest in digests]


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", [SIMPLE, MIXED], ids=lambda fusion: fusion.version)
@pytest.mark.parametrize("least", [20, 65, 90])
def test_a_scan_finds_what_a_search_for_each_stored_image_would(
    filled: Place, least: int, fusion: Fusion
) -> None:
    filled.hold_to(least, fusion)

    done = filled.run(BLOCK)

    expected = {
        (match.entry_id, image_id): (
            match.tier,
            match.decided_by,
            match.similarity,
            match.pdq_distance,
            match.threshold,
        )
        for image_id in ids_of(filled, *GALLERY, *range(51, 56))
        for match in filled.searched(image_id)
    }
    found = {
        (match.entry_id, match.image_id): (
            match.tier,
            match.decided_by,
            match.similarity,
            match.pdq_distance,
            match.threshold,
        )
        for match in filled.found(done)
    }
    assert found == expected
    decided = {decided_by for _, decided_by, *_ in found.values()}
    assert decided >= {Signal.SHA256, Signal.MD5, Signal.PDQ}
    assert (Signal.FUSED in decided) == (least < 90)
    assert len(filled.found(done)) == len(found) == done.found
    assert (done.state, done.scanned) == (ScanState.DONE, len(BLOCKED) + 7)
    assert done.cursor == done.last_change


def test_a_match_says_where_and_how(filled: Place) -> None:
    done = filled.run(BLOCK)

    [third] = ids_of(filled, 3)
    [match] = [
        m for m in filled.found(done) if m.image_id == third and m.pdq_distance == NEAR // 8 * 8
    ]
    assert (match.bank, match.source) == (BLOCK, "/pictures/3.jpg")
    assert (match.tier, match.decided_by) == (Tier.NEAR_DUPLICATE, Signal.PDQ)
    assert (match.similarity, match.threshold) == (None, 31)


def test_a_picture_that_only_both_signals_together_betray_is_found(
    place: Place, tmp_path: Path
) -> None:
    blocked, stored = new_image(1), new_image(2)
    middling = replace(stored, pdq=Pdq(bytes(b ^ 0x11 for b in blocked.pdq.bits), 100))  # 64 bits
    with place.store.writer() as writer:
        writer.images.add([(middling, arrival("2.jpg"))], place.space.id)
        writer.images.add([(blocked, arrival("1.jpg", bank_id=place.bank_id))], place.space.id)
    cosine = float(blocked.embedding @ stored.embedding)
    settings = Settings(
        home=tmp_path,
        near_duplicate_log_odds=200,
        lookalike_log_odds=100 * cosine + 10,  # PDQ adds 18
    )
    matcher = Matcher(place.store, cast("Encoder", None), place.space, settings, TRAITS)
    scanner = RetroScanner(place.store, matcher, settings)

    done = scanner.run(scanner.begin())

    [match] = place.found(done)
    assert (match.decided_by, match.pdq_distance) == (Signal.FUSED, 64)


def test_a_stranger_within_the_reach_of_pdq_is_not_even_judged(place: Place) -> None:
    blocked = new_image(1)
    pdq = Pdq(bytes(b ^ 0x11 for b in blocked.pdq.bits), 100)  # 64 bits
    middling = replace(new_image(2), pdq=pdq, embedding=-blocked.embedding)
    with place.store.writer() as writer:
        writer.images.add([(middling, arrival("2.jpg"))], place.space.id)
        writer.images.add([(blocked, arrival("1.jpg", bank_id=place.bank_id))], place.space.id)
    place.matcher.catch_up()
    bounds = choose_thresholds(place.settings, fusion=SIMPLE)

    with place.store.reader() as catalog:
        entries = list(catalog.entries.in_force([1], datetime.now(UTC)).values())
        own = catalog.images.get_many([2], with_embedding=True)
        nominees = find_candidate_images(catalog, place.matcher.views, bounds, entries, own, 50)

    assert nominees == {2: {1}}  # the entry's own image


def test_images_of_the_same_bank_are_left_out_and_those_of_other_block_banks_are_not(
    place: Place,
) -> None:
    [blocked] = place.add(1, bank_id=place.bank_id)
    other = place.bank("other")
    entry = place.block(FingerprintKind.SHA256, new_image(1).sha256)
    foreign = place.block(FingerprintKind.SHA256, new_image(1).sha256, other)

    done = place.run()

    assert (entry, blocked) not in place.pairs(done)
    assert (foreign, blocked) in place.pairs(done)


def test_what_is_excused_is_not_found(place: Place) -> None:
    allowed, rejected, guilty = place.add(1, 2, 3)
    allow_id = place.bank("benign", BankKind.ALLOW)
    with place.store.writer() as writer:
        writer.entries.add(allow_id, [allowed])
    entries = [place.block(FingerprintKind.SHA256, new_image(seed).sha256) for seed in (1, 2, 3)]
    with place.store.writer() as writer:
        writer.decisions.add(
            NewDecision(new_image(2).sha256, Outcome.REJECTED, entry_id=entries[1])
        )

    assert place.pairs(place.run()) == [(entries[2], guilty)]
    assert {allowed, rejected} == {*ids_of(place, 1, 2)}


def test_disabled_and_removed_entries_are_passed_over(place: Place) -> None:
    place.add(1, 2, 3)
    first, second, third = (
        place.block(FingerprintKind.SHA256, new_image(seed).sha256) for seed in (1, 2, 3)
    )
    with place.store.writer() as writer:
        writer.entries.disable([first])
        writer.entries.remove([second])

    done = place.run()

    assert [entry for entry, _ in place.pairs(done)] == [third]
    assert done.scanned == 1


def test_removed_images_are_not_found(place: Place) -> None:
    kept, removed = place.add(1, 2)
    entries = [place.block(FingerprintKind.SHA256, new_image(seed).sha256) for seed in (1, 2)]
    with place.store.writer() as writer:
        writer.images.remove([removed])

    assert place.pairs(place.run()) == [(entries[0], kept)]


# --- which entries are scanned -------------------------------------------------------------------


@pytest.mark.postgres
def test_the_next_scan_takes_what_came_since_the_last(place: Place) -> None:
    image, later = place.add(1, 2)
    place.block(FingerprintKind.SHA256, new_image(1).sha256)
    first = place.run()
    entry = place.block(FingerprintKind.SHA256, new_image(2).sha256)

    second = place.run()

    assert second.first_change == first.last_change + 1
    assert (second.scanned, place.pairs(second)) == (1, [(entry, later)])
    assert [found for _, found in place.pairs(first)] == [image]


def test_with_nothing_new_the_last_scan_is_the_answer(place: Place) -> None:
    place.block(FingerprintKind.SHA256, b"s" * 32)
    done = place.run()

    assert place.run() == done
    assert place.run(BLOCK) == done  # a scan of all banks has covered this one
    with place.store.reader() as catalog:
        assert catalog.retro_scans.page() == [done]


def test_a_scan_of_one_bank_leaves_the_others_to_theirs(place: Place) -> None:
    place.add(1)
    other = place.bank("other")
    ours = place.block(FingerprintKind.SHA256, new_image(1).sha256)
    theirs = place.block(FingerprintKind.SHA256, new_image(1).sha256, other)

    assert [entry for entry, _ in place.pairs(place.run("other"))] == [theirs]
    assert [entry for entry, _ in place.pairs(place.run(BLOCK))] == [ours]
    assert [entry for entry, _ in place.pairs(place.run())] == [ours, theirs]


def test_an_entry_that_is_enabled_again_is_scanned(place: Place) -> None:
    place.add(1)
    entry = place.block(FingerprintKind.SHA256, new_image(1).sha256)
    with place.store.writer() as writer:
        writer.entries.disable([entry])
    assert place.run().found == 0
    with place.store.writer() as writer:
        writer.entries.enable([entry])

    assert place.run().found == 1


def test_entries_behind_a_change_are_scanned_again_when_asked(place: Place) -> None:
    place.add(1)
    place.block(FingerprintKind.SHA256, new_image(1).sha256)
    place.run()

    again = place.run(since=0)

    assert (again.first_change, again.scanned, again.found) == (1, 1, 1)


@pytest.mark.usefixtures("small_steps")
def test_an_entry_that_the_log_names_often_is_listed_once(place: Place) -> None:
    place.add(1)
    entry = place.block(FingerprintKind.SHA256, new_image(1).sha256)
    for _ in range(6):
        with place.store.writer() as writer:
            writer.entries.disable([entry])
            writer.entries.enable([entry])

    done = place.run()

    assert (done.found, len(place.found(done))) == (1, 1)


def test_an_empty_index_is_scanned_in_no_time(place: Place) -> None:
    done = place.run()

    assert (done.state, done.scanned, done.found) == (ScanState.DONE, 0, 0)


@pytest.mark.parametrize(
    ("bank", "since", "error"),
    [
        ("benign", None, InputError),
        ("unknown", None, NotFoundError),
        (None, 10_000, InputError),
        (None, -1, InputError),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused(
    place: Place, bank: str | None, since: int | None, error: type[Exception]
) -> None:
    place.bank("benign", BankKind.ALLOW)

    with pytest.raises(error):
        place.scanner.begin(bank, since)

    with place.store.reader() as catalog:
        assert catalog.retro_scans.page() == []


# --- cutting off ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_steps")
def test_a_scan_that_is_stopped_goes_on_where_it_was(filled: Place) -> None:
    stop, steps = Event(), 0

    def stop_after_three(_scan: RetroScan) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            stop.set()

    begun = filled.scanner.begin()
    stopped = filled.scanner.run(begun, on_progress=stop_after_three, stop=stop)
    assert (stopped.state, stopped.scanned) == (ScanState.RUNNING, 12)
    before = filled.pairs(stopped)

    resumed = filled.scanner.begin()
    assert resumed == stopped
    done = filled.scanner.run(resumed)

    assert (done.id, done.state) == (begun.id, ScanState.DONE)
    assert filled.pairs(done)[: len(before)] == before
    whole = filled.run(since=0)
    assert sorted(filled.pairs(whole)) == sorted(filled.pairs(done))
    assert len({*filled.pairs(done)}) == done.found == whole.found


@pytest.mark.postgres
@pytest.mark.usefixtures("small_steps")
def test_of_two_programs_that_run_one_scan_the_slower_one_gives_up(filled: Place) -> None:
    begun = filled.scanner.begin()
    filled.scanner.run(begun)
    found = filled.pairs(begun)

    with pytest.raises(UnavailableError, match=f"retro-scan {begun.id}"):
        filled.scanner.run(begun)

    assert filled.pairs(begun) == found


def test_what_was_found_is_listed_in_pages(filled: Place) -> None:
    done = filled.run()

    with filled.store.reader() as catalog:
        first = catalog.retro_scans.matches(done.id, limit=2)
        rest = catalog.retro_scans.matches(done.id, after_id=first[-1].id, limit=10_000)
        with pytest.raises(NotFoundError, match="retro-scan list"):
            catalog.retro_scans.matches(done.id + 1)
    assert [*first, *rest] == filled.found(done)
