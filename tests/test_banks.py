"""Banks and their entries: which of them count, at which moment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from indexer.errors import BankMismatch, InvalidName, NotFoundError
from indexer.matching.bank_membership import BankMembership
from indexer.store import FOR_GOOD, BankDetails, EntryPdqFeed, RemovedBy, Store, Writer
from indexer.types import (
    Bank,
    BankKind,
    DisabledReason,
    Fingerprint,
    FingerprintKind,
    Severity,
    Space,
)
from indexer.vectors import SnapshotPolicy, VectorView
from indexer.vectors.binary_index import BinaryIndex
from support.catalog import add, bare_pdq, bind
from support.extent import extent

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def digest(kind: FingerprintKind, seed: int) -> Fingerprint:
    length = 16 if kind is FingerprintKind.MD5 else 32
    return Fingerprint(kind, bare_pdq(seed).value[:length])


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


@pytest.fixture
def bank(store: Store) -> Bank:
    with store.writer() as writer:
        return writer.banks.create("unsafe", BankKind.BLOCK)


@pytest.fixture
def hashes(store: Store, bank: Bank) -> list[int]:
    """Make the bank hold three bare PDQ hashes; return their entries."""
    with store.writer() as writer:
        return [writer.entries.add_fingerprint(bank.id, bare_pdq(seed)) for seed in range(3)]


# --- what is said of a bank ----------------------------------------------------------------------


def test_a_bank_says_what_it_is_about_how_grave_it_is_and_whose(store: Store) -> None:
    details = BankDetails("spam", Severity.HIGH, "from the review team", "Trust and Safety")
    with store.writer() as writer:
        made = writer.banks.create("known", BankKind.BLOCK, details)
        unchanged = writer.banks.create("known", BankKind.BLOCK, BankDetails("other"))
    assert (made.category, made.severity, made.notes, made.owner) == (
        "spam",
        Severity.HIGH,
        "from the review team",
        "Trust and Safety",
    )
    assert made == unchanged
    assert made.enabled


def test_an_edit_changes_what_it_says_and_an_empty_text_takes_it_back(
    store: Store, bank: Bank
) -> None:
    with store.writer() as writer:
        writer.banks.edit(bank.name, details=BankDetails("spam", Severity.LOW, notes="draft"))
        edited = writer.banks.edit(bank.name, details=BankDetails(owner="Ana", notes=""))
    assert (edited.category, edited.severity, edited.notes, edited.owner) == (
        "spam",
        Severity.LOW,
        None,
        "Ana",
    )


def test_an_edit_that_changes_nothing_is_no_change(store: Store, bank: Bank) -> None:
    with store.writer() as writer:
        writer.banks.edit(bank.name, enabled=True)
        assert writer.log.head() == 1
        writer.banks.edit(bank.name, enabled=False)
        assert writer.log.head() == 2
        writer.banks.edit(bank.name, enabled=False, details=BankDetails(notes=""))
        assert writer.log.head() == writer.log.last_of_banks() == 2


def test_a_bank_that_does_not_exist_cannot_be_edited_or_removed(store: Store, bank: Bank) -> None:
    for name in ("unsave", ""):
        with store.writer() as writer, pytest.raises(NotFoundError, match="There is no bank"):
            writer.banks.edit(name, enabled=False)
        with store.writer() as writer, pytest.raises(NotFoundError):
            writer.banks.remove(name)
    assert bank.enabled


def test_a_removed_bank_is_gone_and_its_name_is_free(
    store: Store, space: Space, bank: Bank, hashes: list[int]
) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.writer() as writer:
        before = writer.log.head()
        assert writer.banks.remove(bank.name) == len(hashes) + 1
        assert writer.log.head() == before + len(hashes) + 2
    with store.reader() as catalog:
        assert catalog.banks.all() == []
        assert catalog.entries.image_ids(None, NOW).tolist() == []
        assert catalog.entries.in_force(hashes, NOW) == {}
        assert catalog.images.get(image_id).entries == ()
        assert catalog.repair.problems() == []
        with pytest.raises(NotFoundError):
            catalog.banks.get(bank.name)
    with store.writer() as writer:
        with pytest.raises(NotFoundError):
            writer.entries.add(bank.id, [image_id])
        again = writer.banks.create(bank.name, BankKind.ALLOW)
    assert (again.kind, again.entry_count) == (BankKind.ALLOW, 0)
    assert again.id != bank.id


def test_a_bank_of_another_kind_or_an_odd_name_is_refused(store: Store, bank: Bank) -> None:
    with store.writer() as writer:
        with pytest.raises(BankMismatch, match="exists with kind block"):
            writer.banks.create(bank.name, BankKind.ALLOW)
        with pytest.raises(InvalidName, match="is not a valid bank name"):
            writer.banks.create("no spaces", BankKind.BLOCK)


# --- entries -------------------------------------------------------------------------------------


def test_a_bare_fingerprint_is_an_entry_once(store: Store, bank: Bank) -> None:
    with store.writer() as writer:
        first = writer.entries.add_fingerprint(
            bank.id, bare_pdq(1), notes="seen", labels=["a", "b"]
        )
        assert writer.entries.add_fingerprint(bank.id, bare_pdq(1)) == first
        other = writer.entries.add_fingerprint(bank.id, digest(FingerprintKind.SHA256, 1))
        assert writer.log.head() == 3
        assert writer.banks.get(bank.name).entry_count == 2
        record = writer.entries.get(first)
    assert other != first
    assert (record.image_id, record.fingerprint, record.notes) == (None, bare_pdq(1), "seen")
    assert (record.labels, record.source, record.disabled_until) == (("a", "b"), None, None)


def test_a_fingerprint_is_no_entry_of_a_bank_that_does_not_exist(store: Store) -> None:
    with store.writer() as writer, pytest.raises(NotFoundError, match="no bank with id 9"):
        writer.entries.add_fingerprint(9, bare_pdq(1))


def test_entries_are_paged_in_the_order_of_their_ids(
    store: Store, space: Space, bank: Bank, hashes: list[int]
) -> None:
    add(store, space, 1, 2, bank_id=bank.id)
    with store.writer() as writer:
        writer.entries.disable(hashes[1:2])
        writer.entries.remove(hashes[:1])
    with store.reader() as catalog:
        pages = [catalog.entries.page(bank.name, limit=3)]
        pages.append(catalog.entries.page(bank.name, after_id=pages[0][-1].id, limit=3))
        assert [len(page) for page in pages] == [3, 1]
        ids = [entry.id for page in pages for entry in page]
        assert ids == sorted(ids)
        assert set(hashes) & set(ids) == set(hashes[1:])
        assert catalog.entries.of_bank(bank.name, ids) == pages[0] + pages[1]
        with pytest.raises(NotFoundError, match=f"has no entry {hashes[0]}"):
            catalog.entries.of_bank(bank.name, ids + hashes)
        with pytest.raises(NotFoundError, match=f"No bank has an entry {hashes[0]}"):
            catalog.entries.get(hashes[0])
        with pytest.raises(NotFoundError):
            catalog.entries.page("unsave")


def test_a_disabled_entry_counts_again_when_its_time_is_over(
    store: Store, bank: Bank, hashes: list[int]
) -> None:
    with store.writer() as writer:
        until = NOW + HOUR
        assert writer.entries.disable([*hashes[:2], 999], until, DisabledReason.FLOOD) == 2
        writer.entries.disable(hashes[1:2])
    with store.reader() as catalog:
        record = catalog.entries.get(hashes[0])
        assert (record.disabled_until, record.disabled_reason) == (until, DisabledReason.FLOOD)
        assert catalog.entries.get(hashes[1]).disabled_until == FOR_GOOD
        for moment, counting in [
            (NOW, hashes[2:]),
            (until - timedelta(microseconds=1), hashes[2:]),
            (until, [hashes[0], hashes[2]]),
            (until + 1000 * HOUR, [hashes[0], hashes[2]]),
        ]:
            assert catalog.entries.fingerprint_ids([bank.name], moment).tolist() == counting
            assert list(catalog.entries.in_force(hashes, moment)) == counting
        assert catalog.entries.next_moment(NOW) == until
        assert catalog.entries.next_moment(until) == FOR_GOOD
    with store.writer() as writer:
        assert writer.entries.enable(hashes) == 2
        assert writer.entries.fingerprint_ids(None, NOW).tolist() == hashes
        assert writer.entries.next_moment(NOW) is None


def test_an_image_shows_the_entries_that_count(store: Store, space: Space, bank: Bank) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.writer() as writer:
        [entry] = writer.images.get(image_id).entries
        writer.entries.disable([entry.id], NOW + HOUR)
        for moment, expected in [(NOW, ()), (NOW + HOUR, (entry,))]:
            assert writer.images.get_many([image_id], at=moment)[image_id].entries == expected
        writer.banks.edit(bank.name, enabled=False)
        assert writer.images.get_many([image_id], at=NOW + HOUR)[image_id].entries == ()


def test_removing_an_image_removes_its_entries_and_a_hash_has_none(
    store: Store, space: Space, bank: Bank, hashes: list[int]
) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.writer() as writer:
        writer.images.remove([image_id])
        [(by,)] = writer.connection.execute(
            text("SELECT removed_by FROM entries WHERE removed_at IS NOT NULL")
        )
        assert by == RemovedBy.USER
        assert writer.banks.get(bank.name).entry_count == len(hashes)
        assert writer.repair.problems() == []


@pytest.mark.parametrize("kind", FingerprintKind)
def test_entries_are_found_by_their_fingerprint(
    store: Store, bank: Bank, kind: FingerprintKind
) -> None:
    with store.writer() as writer:
        other = writer.banks.create("other", BankKind.ALLOW)
        ids = [writer.entries.add_fingerprint(each.id, digest(kind, 1)) for each in (bank, other)]
        for each in FingerprintKind:
            writer.entries.add_fingerprint(bank.id, digest(each, 2))
    with store.reader() as catalog:
        asked = [digest(each, seed) for each in FingerprintKind for seed in (1, 3)]
        found = catalog.entries.in_force_by_fingerprint(asked, NOW)
        assert [entry.id for entry in found] == ids
        assert [(entry.bank, entry.kind) for entry in found] == [
            ("unsafe", BankKind.BLOCK),
            ("other", BankKind.ALLOW),
        ]
        assert {entry.fingerprint for entry in found} == {digest(kind, 1)}
        assert catalog.entries.in_force_by_fingerprint([], NOW) == []


# --- membership ----------------------------------------------------------------------------------


def test_membership_keeps_its_sets_while_nothing_changes(
    store: Store, space: Space, bank: Bank, hashes: list[int]
) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    membership = BankMembership()
    with store.reader() as catalog:
        images = membership.images(catalog, [bank.name], NOW)
        members = membership.fingerprints(catalog, [bank.name], NOW)
        assert members is not None
        assert (images.keys.tolist(), members.keys.tolist()) == ([image_id], hashes)
        assert membership.images(catalog, [bank.name] * 2, NOW + HOUR) is images
        assert membership.fingerprints(catalog, [bank.name], NOW + 9 * HOUR) is members
        with pytest.raises(NotFoundError):
            membership.images(catalog, ["unsave"], NOW)
    with store.writer() as writer:
        writer.entries.disable(hashes[:1], NOW + HOUR)
    with store.reader() as catalog:
        fewer = membership.fingerprints(catalog, [bank.name], NOW)
        assert fewer is not None
        assert fewer.keys.tolist() == hashes[1:]
        assert membership.fingerprints(catalog, [bank.name], NOW + HOUR / 2) is fewer
        back = membership.fingerprints(catalog, [bank.name], NOW + HOUR)
        assert back is not None
        assert back.keys.tolist() == hashes


def test_membership_names_no_fingerprints_where_none_has_to_be_left_out(
    store: Store, bank: Bank, hashes: list[int]
) -> None:
    membership = BankMembership()
    with store.reader() as catalog:
        assert membership.fingerprints(catalog, [], NOW) is None
    with store.writer() as writer:
        writer.entries.disable(hashes[:1], NOW + HOUR)
    with store.reader() as catalog:
        some = membership.fingerprints(catalog, [], NOW)
        assert some is not None
        assert some.keys.tolist() == hashes[1:]
        assert membership.fingerprints(catalog, [], NOW + HOUR) is None
    with store.writer() as writer:
        writer.banks.edit(bank.name, enabled=False)
    with store.reader() as catalog:
        none = membership.fingerprints(catalog, [], NOW + HOUR)
        assert none is not None
        assert len(none) == 0


def test_a_membership_asked_of_an_earlier_moment_answers_for_that_moment(
    store: Store, bank: Bank, hashes: list[int]
) -> None:
    with store.writer() as writer:
        writer.entries.disable(hashes[:1], NOW)
    membership = BankMembership()
    with store.reader() as catalog:
        for moment, expected in [(NOW, hashes), (NOW - HOUR, hashes[1:]), (NOW, hashes)]:
            found = membership.fingerprints(catalog, [bank.name], moment)
            assert found is not None
            assert found.keys.tolist() == expected


# --- everything at once, against a model in memory -----------------------------------------------

_NAMES = ("a", "b")
_HASHES = [digest(kind, seed) for kind in FingerprintKind for seed in range(2)]
_moments = st.integers(0, 4).map(lambda hours: NOW + hours * HOUR)
_operations = st.lists(
    st.one_of(
        st.tuples(st.just("image"), st.sampled_from(_NAMES), st.integers(0, 2)),
        st.tuples(st.just("hash"), st.sampled_from(_NAMES), st.sampled_from(_HASHES)),
        st.tuples(st.just("disable"), st.integers(0, 9), st.one_of(_moments, st.just(FOR_GOOD))),
        st.tuples(st.just("enable"), st.integers(0, 9), st.none()),
        st.tuples(st.just("remove"), st.integers(0, 9), st.none()),
        st.tuples(st.just("switch"), st.sampled_from(_NAMES), st.booleans()),
        st.tuples(st.just("remove bank"), st.sampled_from(_NAMES), st.none()),
    ),
    max_size=12,
)


@dataclass
class Model:
    """What the banks must hold."""

    prefix: str
    images: list[int]
    banks: dict[str, int] = field(default_factory=dict)  # ids by name
    enabled: dict[str, bool] = field(default_factory=dict)
    entries: dict[int, tuple[str, int | Fingerprint]] = field(default_factory=dict)
    disabled: dict[int, datetime] = field(default_factory=dict)

    def apply(self, writer: Writer, operation: str, target: str | int, value: object) -> None:
        if isinstance(target, str):
            self._apply_to_bank(writer, operation, f"{self.prefix}{target}", value)
        elif self.entries:
            entry_id = sorted(self.entries)[target % len(self.entries)]
            self._apply_to_entry(writer, entry_id, operation, value)

    def _apply_to_bank(self, writer: Writer, operation: str, bank: str, value: object) -> None:
        if bank not in self.banks:
            self.banks[bank] = writer.banks.create(bank, BankKind.BLOCK).id
            self.enabled[bank] = True
        match operation, value:
            case "image", int(number):
                writer.entries.add(self.banks[bank], [self.images[number]])
                held = writer.entries.page(bank)
                self.entries |= {e.id: (bank, e.image_id) for e in held if e.image_id}
            case "hash", Fingerprint() as fingerprint:
                entry_id = writer.entries.add_fingerprint(self.banks[bank], fingerprint)
                self.entries[entry_id] = (bank, fingerprint)
            case "switch", bool(enabled):
                assert writer.banks.edit(bank, enabled=enabled).enabled == enabled
                self.enabled[bank] = enabled
            case "remove bank", _:
                there = [key for key, (name, _) in self.entries.items() if name == bank]
                assert writer.banks.remove(bank) == len(there)
                del self.banks[bank]
                self._forget(there)

    def _apply_to_entry(self, writer: Writer, entry_id: int, operation: str, value: object) -> None:
        match operation, value:
            case "disable", datetime() as until:
                assert writer.entries.disable([entry_id], until) == 1
                self.disabled[entry_id] = until
            case "enable", _:
                assert writer.entries.enable([entry_id]) == (entry_id in self.disabled)
                self.disabled.pop(entry_id, None)
            case "remove", _:
                assert writer.entries.remove([entry_id]) == 1
                self._forget([entry_id])

    def _forget(self, ids: Iterable[int]) -> None:
        for entry_id in ids:
            del self.entries[entry_id]
            self.disabled.pop(entry_id, None)

    def counting(self, at: datetime) -> Iterator[tuple[int, str, int | Fingerprint]]:
        for entry_id, (bank, what) in sorted(self.entries.items()):
            if self.enabled[bank] and self.disabled.get(entry_id, at) <= at:
                yield entry_id, bank, what


_examples = count()


@pytest.mark.slow
@settings(
    max_examples=extent(8, 15),
    deadline=None,
    # every example has banks of its own
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=_operations, at=_moments)
def test_what_counts_is_what_the_moment_of_the_query_says_whatever_was_done(
    store: Store, tmp_path: Path, operations: list[tuple[str, str | int, object]], at: datetime
) -> None:
    space = bind(store)
    model = Model(f"x{next(_examples)}", add(store, space, 1, 2, 3))
    membership = BankMembership()
    view: dict[int, bytes] = {}
    seen = follow(store, view, 0)
    indexed = open_view(tmp_path / model.prefix, store)
    indexed.catch_up()
    for operation in operations:
        with store.writer() as writer:
            model.apply(writer, *operation)
        seen = follow(store, view, seen)
        indexed.catch_up()
        for moment in (at, at + HOUR):
            assert_as_modelled(store, membership, model, moment)
    rebuilt: dict[int, bytes] = {}
    follow(store, rebuilt, 0)
    assert rebuilt == view
    assert indexed.index.keys().tolist() == sorted(view)
    indexed.snapshot()
    assert indexed.verify() == open_view(tmp_path / model.prefix, store).verify() == []
    assert {key: value for key, value in view.items() if key in model.entries} == {
        key: what.value
        for key, (_, what) in model.entries.items()
        if isinstance(what, Fingerprint) and what.kind is FingerprintKind.PDQ
    }
    with store.reader() as catalog:
        assert catalog.repair.problems() == []


def open_view(folder: Path, store: Store) -> VectorView:
    policy = SnapshotPolicy(every=5, seconds=10**9)
    return VectorView.open(folder / "entries", EntryPdqFeed(store), BinaryIndex, policy)


def follow(store: Store, view: dict[int, bytes], after: int) -> int:
    """Bring a view of the bare PDQ entries up to date, a few changes at a time."""
    feed = EntryPdqFeed(store)
    while True:
        changes = feed.read(after, 3)
        for key in changes.removed.tolist():
            view.pop(key, None)
        rows = zip(changes.keys.tolist(), changes.vectors, strict=True)
        view |= {key: row.tobytes() for key, row in rows}
        if changes.watermark == after:
            assert sorted(view) == feed.all_keys().keys.tolist()
            return after
        after = changes.watermark


def assert_as_modelled(
    store: Store, membership: BankMembership, model: Model, at: datetime
) -> None:
    expected = list(model.counting(at))
    with store.reader() as catalog:
        found = catalog.entries.in_force(model.entries, at)
        assert [(e.id, e.bank, e.image_id or e.fingerprint) for e in found.values()] == expected
        hashed = [
            e for e in catalog.entries.in_force_by_fingerprint(_HASHES, at) if e.id in model.entries
        ]
        assert sorted(e.id for e in hashed) == [
            key for key, _, what in expected if isinstance(what, Fingerprint)
        ]
        for names in (*([name] for name in model.banks), list(model.banks)):
            if not names:
                continue
            chosen = [(key, what) for key, bank, what in expected if bank in names]
            images = sorted({what for _, what in chosen if isinstance(what, int)})
            hashes = [key for key, w in chosen if isinstance(w, Fingerprint) and is_pdq(w)]
            assert catalog.entries.image_ids(names, at).tolist() == images
            assert catalog.entries.fingerprint_ids(names, at).tolist() == hashes
            assert membership.images(catalog, names, at).keys.tolist() == images
            members = membership.fingerprints(catalog, names, at)
            assert members is not None
            assert members.keys.tolist() == hashes
        everything = membership.fingerprints(catalog, [], at)
        counting = catalog.entries.fingerprint_ids(None, at).tolist()
        if everything is None:
            assert counting == catalog_of_all(store)
        else:
            assert everything.keys.tolist() == counting


def is_pdq(fingerprint: Fingerprint) -> bool:
    return fingerprint.kind is FingerprintKind.PDQ


def catalog_of_all(store: Store) -> list[int]:
    """Return every bare PDQ entry that is there."""
    return list(EntryPdqFeed(store).all_keys().keys.tolist())
