"""An entry is flagged when it matches far more than its history lets expect, and only then."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import flood
from indexer.errors import DatabaseUnavailable, NotFoundError
from indexer.flood import FloodWatch
from indexer.flood.expectation import Expectation
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import BankKind, DisabledReason, Flood, FloodState
from support.catalog import add, bind
from support.verdicts import verdict

HOUR = timedelta(hours=1)
FLOOD = 150  # more than flood_min_hits
HISTORIES = st.lists(st.integers(0, 10_000), max_size=200)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def entries(store: Store) -> list[int]:
    """Make a block bank of two images."""
    space = bind(store)
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
    add(store, space, 1, 2, bank_id=bank.id)
    with store.reader() as catalog:
        return [entry.id for entry in catalog.entries.page("unsafe")]


@pytest.fixture
def start(store: Store, entries: list[int]) -> datetime:
    """Give the hour in which the entries were added."""
    with store.reader() as catalog:
        born = max(catalog.entries.created_at(entries).values())
    return born.replace(minute=0, second=0, microsecond=0)


def hit(watch: FloodWatch, entry_id: int, times: int, at: datetime) -> list[Flood]:
    for _ in range(times):
        watch.record(verdict(entry_id), at)
    return watch.flush()


def floods(store: Store) -> list[Flood]:
    with store.reader() as catalog:
        return catalog.floods.page()


# --- the statistics ------------------------------------------------------------------------------


@given(hits=HISTORIES, quiet=st.integers(0, 500), count=st.integers(0, 20_000))
def test_more_hits_are_never_more_probable(hits: list[int], quiet: int, count: int) -> None:
    expectation = Expectation.of(hits, len(hits) + quiet)

    assert 0 <= expectation.tail(count + 1) <= expectation.tail(count) <= 1


@given(hits=HISTORIES, quiet=st.integers(0, 500))
def test_what_is_expected_is_near_what_was(hits: list[int], quiet: int) -> None:
    hours = len(hits) + quiet
    expectation = Expectation.of(hits, hours)

    assert expectation.mean == pytest.approx((sum(hits) + 0.5) / max(hours, 1))
    assert expectation.variance > expectation.mean


@pytest.mark.parametrize("rate", [0.5, 5, 50, 500])
@pytest.mark.parametrize("hours", [1, 6, 24, 168])
def test_steady_traffic_is_flagged_no_more_often_than_stated(rate: float, hours: int) -> None:
    random, trials, p_value = np.random.default_rng(4), 4000, 0.01

    flagged = sum(
        Expectation.of(history[:-1].tolist(), hours).tail(int(history[-1])) < p_value
        for history in random.poisson(rate, (trials, hours + 1))
    )

    most = trials * p_value
    assert flagged <= most + 4 * math.sqrt(most)


def test_bursty_traffic_is_flagged_no_more_often_than_stated() -> None:
    random, trials, p_value = np.random.default_rng(5), 4000, 0.001

    flagged = sum(
        Expectation.of(history[:-1].tolist(), 168).tail(int(history[-1])) < p_value
        for history in random.negative_binomial(4, 4 / 54, (trials, 169))  # mean 50, variance 675
    )

    most = trials * p_value
    assert flagged <= most + 4 * math.sqrt(most)


@pytest.mark.parametrize(
    ("hits", "hours", "count", "probability"),
    [([10] * 168, 168, 15, 0.0842321675990), ([3, 40, 1], 24, 30, 0.0165495130479)],
)
def test_the_tail_is_that_of_the_negative_binomial_distribution(
    hits: list[int], hours: int, count: int, probability: float
) -> None:
    assert Expectation.of(hits, hours).tail(count) == pytest.approx(probability, abs=1e-9)


def test_a_flood_is_as_improbable_as_it_looks() -> None:
    assert Expectation.of([10] * 168, 168).tail(60) < 1e-20
    assert Expectation.of([10] * 168, 168).tail(15) > 0.05


def test_a_day_s_rhythm_is_no_flood() -> None:
    day_and_night = [5] * 12 + [200] * 12

    assert Expectation.of(day_and_night * 7, 168).tail(220) > 1e-6


# --- counting ------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_hits_are_counted_by_entry_and_hour(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    first, second = entries
    watch = FloodWatch(store, settings)
    watch.record(verdict(first, second), start + timedelta(minutes=5))
    watch.record(verdict(first), start + timedelta(minutes=59))
    watch.flush()
    watch.record(verdict(first), start + timedelta(minutes=30))
    watch.record(verdict(first), start + HOUR)
    watch.record(verdict(), start)
    watch.flush()

    with store.reader() as catalog:
        hits = catalog.hits.of_entries(entries, since=start, before=start + 2 * HOUR)
    assert hits == {first: {start: 3, start + HOUR: 1}, second: {start: 1}}


def test_hits_that_cannot_be_written_are_kept(
    store: Store,
    settings: Settings,
    entries: list[int],
    start: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise DatabaseUnavailable("It is away.")

    watch = FloodWatch(store, settings)
    watch.record(verdict(entries[0]), start)
    with monkeypatch.context() as patch:
        patch.setattr(store, "writer", refuse)
        with pytest.raises(DatabaseUnavailable):
            watch.flush()
    watch.flush()

    with store.reader() as catalog:
        assert catalog.hits.of_entries(entries, since=start, before=start + HOUR) == {
            entries[0]: {start: 1}
        }


def test_counts_older_than_any_history_are_forgotten(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    old = start - 400 * HOUR
    with store.writer() as writer:
        writer.hits.add({(entries[0], old): 7, (entries[0], start - 100 * HOUR): 5})
    hit(FloodWatch(store, settings), entries[0], 1, start)

    with store.reader() as catalog:
        kept = catalog.hits.of_entries(entries, since=old, before=start + HOUR)[entries[0]]
    assert sorted(kept.values()) == [1, 5]


# --- flagging ------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_an_entry_that_matches_far_more_than_before_is_flagged(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings)
    for hour in range(48):
        assert hit(watch, entries[0], 10, start + hour * HOUR) == []
    now = start + 48 * HOUR

    [flagged] = hit(watch, entries[0], FLOOD, now)

    assert (flagged.entry_id, flagged.bank) == (entries[0], "unsafe")
    assert (flagged.window_start, flagged.hits) == (now, FLOOD)
    assert flagged.expected == pytest.approx(10, abs=0.1)
    assert (flagged.state, flagged.resolved_at) == (FloodState.OPEN, None)
    assert floods(store) == [flagged]


def test_a_popular_entry_is_not_flagged_for_being_popular(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    random = np.random.default_rng(6)
    watch = FloodWatch(store, settings)
    with store.writer() as writer:  # of which its first hours would be a flood
        writer.hits.add({(entries[0], start + hour * HOUR): FLOOD for hour in range(24)})

    for hour in range(24, 72):
        count = int(random.poisson(FLOOD))
        assert hit(watch, entries[0], count, start + hour * HOUR) == []


def test_a_new_entry_is_flagged_from_the_floor_on(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings)

    assert hit(watch, entries[0], settings.flood_min_hits - 1, start) == []
    [flagged] = hit(watch, entries[0], 1, start)
    assert flagged.hits == settings.flood_min_hits


def test_a_history_that_nobody_watched_is_not_a_quiet_one(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    began = start + 100 * HOUR  # long after the entry was added
    watch = FloodWatch(store, settings)

    assert hit(watch, entries[0], FLOOD, began) == []
    assert hit(watch, entries[0], 10 * FLOOD, began + 23 * HOUR) == []
    assert hit(watch, entries[1], FLOOD, began + 23 * HOUR) == []
    assert len(hit(watch, entries[1], 10 * FLOOD, began + 24 * HOUR)) == 1


def test_an_entry_is_flagged_once_an_hour_and_not_while_a_flag_is_open(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings)
    [first] = hit(watch, entries[0], FLOOD, start)

    assert hit(watch, entries[0], FLOOD, start) == []
    assert hit(watch, entries[0], 100 * FLOOD, start + HOUR) == []
    flood.dismiss(store, first.id)
    assert hit(watch, entries[0], FLOOD, start) == []
    assert len(hit(watch, entries[1], FLOOD, start)) == 1


def test_what_was_dismissed_counts_as_history(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings)
    for hour in range(24):
        hit(watch, entries[0], 1, start + hour * HOUR)
    [first] = hit(watch, entries[0], FLOOD, start + 24 * HOUR)
    flood.dismiss(store, first.id)

    assert hit(watch, entries[0], FLOOD, start + 25 * HOUR) == []


# --- review --------------------------------------------------------------------------------------


def disabled(store: Store, entry_id: int) -> DisabledReason | None:
    with store.reader() as catalog:
        return catalog.entries.get(entry_id).disabled_reason


def test_a_quarantined_entry_is_disabled_until_the_flag_is_dismissed(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    [flagged] = hit(FloodWatch(store, settings), entries[0], FLOOD, start)

    quarantined = flood.quarantine(store, flagged.id)
    assert quarantined == flood.quarantine(store, flagged.id)
    assert quarantined.state is FloodState.QUARANTINED
    assert quarantined.resolved_at is not None
    assert disabled(store, entries[0]) is DisabledReason.FLOOD
    with store.reader() as catalog:
        assert catalog.entries.in_force(entries, datetime.now(UTC)).keys() == {entries[1]}

    dismissed = flood.dismiss(store, flagged.id)
    assert dismissed.state is FloodState.DISMISSED
    assert disabled(store, entries[0]) is None


def test_dismissing_leaves_an_entry_disabled_that_was_disabled_by_hand(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    [flagged] = hit(FloodWatch(store, settings), entries[0], FLOOD, start)
    with store.writer() as writer:
        writer.entries.disable([entries[0]])

    flood.dismiss(store, flagged.id)

    assert disabled(store, entries[0]) is DisabledReason.BY_HAND


def test_a_flag_of_a_removed_entry_can_be_dismissed(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    [flagged] = hit(FloodWatch(store, settings), entries[0], FLOOD, start)
    with store.writer() as writer:
        writer.entries.remove([entries[0]])

    assert flood.dismiss(store, flagged.id).state is FloodState.DISMISSED


def test_a_flagged_entry_is_disabled_at_once_where_the_setting_says_so(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings.model_copy(update={"flood_quarantine": True}))

    [flagged] = hit(watch, entries[0], FLOOD, start)

    assert flagged.state is FloodState.QUARANTINED
    assert disabled(store, entries[0]) is DisabledReason.FLOOD


def test_a_flag_that_does_not_exist_is_not_found(store: Store) -> None:
    for act in (flood.quarantine, flood.dismiss):
        with pytest.raises(NotFoundError, match="flood list"):
            act(store, 99)


def test_flags_are_listed_in_pages(
    store: Store, settings: Settings, entries: list[int], start: datetime
) -> None:
    watch = FloodWatch(store, settings)
    first, second = (hit(watch, entry_id, FLOOD, start)[0] for entry_id in entries)
    flood.dismiss(store, first.id)

    with store.reader() as catalog:
        assert [each.id for each in catalog.floods.page(limit=1)] == [first.id]
        assert catalog.floods.page(after_id=first.id) == [second]
        assert catalog.floods.page(state=FloodState.OPEN) == [second]
