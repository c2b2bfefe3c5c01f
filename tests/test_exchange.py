"""A bank holds what its lists hold: imports are idempotent, removals are remembered."""

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import InputError, ListNotWritten, NotFoundError, UnreadableSource
from indexer.exchange import (
    ImportOptions,
    ImportReport,
    Observer,
    export_bank,
    import_lists,
    list_import,
)
from indexer.store import EntryPdqFeed, RemovedBy, Store, open_store
from indexer.types import BankKind, EntryRecord, Fingerprint, FingerprintKind, ListFormat
from support.catalog import add, bind
from support.extent import extent
from support.lists import MIN_QUALITY, fingerprint, ncmec, ncmec_deleted, ncmec_image, pdq

PDQ, MD5, SHA256 = FingerprintKind.PDQ, FingerprintKind.MD5, FingerprintKind.SHA256
BANK = "unsafe"
PLAIN = ImportOptions(MIN_QUALITY)


@pytest.fixture
def bank(store: Store) -> str:
    with store.writer() as writer:
        writer.banks.create(BANK, BankKind.BLOCK)
    return BANK


def held(store: Store) -> dict[str, Fingerprint | None]:
    """Return the fingerprints of the bank's active entries by external id."""
    with store.reader() as catalog:
        return {
            str(e.external_id): e.fingerprint for e in catalog.entries.page(BANK, limit=100_000)
        }


def csv(rows: Iterable[tuple[str, Fingerprint]], *, removed: Iterable[str] = ()) -> str:
    lines = [f"{external_id},{item.kind},{item.hex}," for external_id, item in rows]
    gone = [f"{external_id},,,yes" for external_id in removed]
    return "\n".join(["id,type,fingerprint,removed", *lines, *gone])


@pytest.fixture
def take(store: Store, bank: str, tmp_path: Path) -> Callable[..., ImportReport]:
    """Return what imports a text as a CSV list of the source `partner`."""

    def take_in(text: str, *, full: bool = False, dry_run: bool = False) -> ImportReport:
        file = tmp_path / "list.csv"
        file.write_text(text)
        options = ImportOptions(MIN_QUALITY, source="partner", full=full, dry_run=dry_run)
        return import_lists(store, bank, [str(file)], options)

    return take_in


Take = Callable[..., ImportReport]


def test_importing_a_list_again_changes_nothing(store: Store, take: Take) -> None:
    text = csv([("a", pdq(1)), ("b", fingerprint(MD5, 2))])
    first = take(text)
    with store.reader() as catalog:
        head = catalog.log.head()

    again = take(text)

    assert (first.added, first.unchanged) == (2, 0)
    assert (again.added, again.unchanged) == (0, 2)
    assert held(store) == {"a": pdq(1), "b": fingerprint(MD5, 2)}
    with store.reader() as catalog:
        assert catalog.log.head() == head


def test_every_entry_that_changes_is_in_the_log(store: Store, take: Take) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2)), ("c", pdq(3))]))
    with store.reader() as catalog:
        before, (a, b, _) = catalog.log.head(), catalog.entries.page(BANK)

    take(csv([("a", pdq(9))], removed=["b"]))

    with store.reader() as catalog:
        changes = catalog.connection.exec_driver_sql(
            f"SELECT subject, subject_id, operation FROM changes WHERE number > {before}"
        ).all()
    assert set(map(tuple, changes)) == {("entry", a.id, "changed"), ("entry", b.id, "removed")}


def test_what_a_list_says_anew_of_an_entry_replaces_the_old(store: Store, take: Take) -> None:
    take(f"id,pdq,labels,notes\na,{pdq(1).hex},x,first\n")
    with store.writer() as writer:
        [entry] = writer.entries.page(BANK)
        writer.entries.disable([entry.id])

    report = take(f"id,pdq,labels,notes\na,{pdq(2).hex},y;z,second\n")

    with store.reader() as catalog:
        [after] = catalog.entries.page(BANK)
    assert report.updated == 1
    assert (after.id, after.fingerprint, after.labels) == (entry.id, pdq(2), ("y", "z"))
    assert (after.notes, after.source) == ("second", "partner")
    assert after.disabled_until is not None  # what we decided about it stays


def test_an_entry_that_a_person_removed_stays_removed(store: Store, take: Take) -> None:
    text = csv([("a", pdq(1)), ("b", pdq(2))])
    take(text)
    with store.writer() as writer:
        writer.entries.remove([writer.entries.page(BANK)[0].id])

    report = take(text)

    assert (report.kept_removed, report.unchanged, report.added) == (1, 1, 0)
    assert held(store) == {"b": pdq(2)}


def test_an_entry_that_its_source_withdrew_comes_back_with_it(store: Store, take: Take) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2))]))

    gone = take(csv([], removed=["a"]))
    assert (gone.removed, held(store)) == (1, {"b": pdq(2)})
    assert take(csv([], removed=["a"])).removed == 0

    back = take(csv([("a", pdq(3))]))
    assert (back.revived, held(store)) == (1, {"a": pdq(3), "b": pdq(2)})


@pytest.mark.postgres
def test_a_full_list_withdraws_what_it_lacks_of_its_own_source(store: Store, take: Take) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2)), ("c", pdq(3))]))
    with store.writer() as writer:
        own = writer.entries.add_fingerprint(writer.banks.get(BANK).id, pdq(4))

    report = take(csv([("b", pdq(2)), ("d", pdq(5))]), full=True)

    assert (report.added, report.unchanged, report.removed) == (1, 1, 2)
    assert set(held(store).values()) == {pdq(2), pdq(4), pdq(5)}
    with store.reader() as catalog:
        assert own in {entry.id for entry in catalog.entries.page(BANK)}
    assert take(csv([("a", pdq(1))])).revived == 1


@pytest.mark.parametrize(
    "text",
    [
        csv([("b", pdq(2))]) + "\na,pdq,nonsense,",
        csv([("b", pdq(2))]) + f"\na,pqd,{pdq(1).hex},",
        csv([]),
    ],
    ids=["with a row that cannot be read", "with a kind that nobody heard of", "empty"],
)
def test_a_full_list_that_may_not_be_whole_withdraws_nothing(
    store: Store, take: Take, text: str
) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2))]))

    assert take(text, full=True).removed == 0
    assert held(store) == {"a": pdq(1), "b": pdq(2)}


def test_a_full_list_may_hold_rows_that_are_refused_for_what_they_list(
    store: Store, take: Take
) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2))]))

    report = take(csv([("b", pdq(2)), ("c", Fingerprint(PDQ, bytes(32)))]), full=True)

    assert (report.refused_count, report.removed) == (1, 1)
    assert held(store) == {"b": pdq(2)}


def test_a_dry_run_tells_the_same_and_writes_nothing(store: Store, take: Take) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2)), ("c", pdq(3))]))
    before = held(store)
    text = csv([("a", pdq(9)), ("d", pdq(4))], removed=["b"])

    dry = take(text, full=True, dry_run=True)

    assert held(store) == before
    dry.dry_run = False
    assert dry == take(text, full=True)


def test_entries_of_two_sources_do_not_touch_each_other(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"id,source,pdq\na,one,{pdq(1).hex}\na,two,{pdq(2).hex}\n")
    import_lists(store, bank, [str(file)], PLAIN)
    file.write_text(f"id,source,pdq,removed\na,one,{pdq(1).hex},yes\n")

    import_lists(store, bank, [str(file)], PLAIN)

    with store.reader() as catalog:
        assert [(e.source, e.fingerprint) for e in catalog.entries.page(bank)] == [("two", pdq(2))]


def test_an_ncmec_entry_that_loses_a_kind_loses_its_entry(
    store: Store, bank: str, tmp_path: Path
) -> None:
    def take(*entries: str) -> ImportReport:
        file = tmp_path / "page.xml"
        file.write_text(ncmec(*entries))
        return import_lists(store, bank, [str(file)], ImportOptions(MIN_QUALITY, source="ncmec"))

    md5 = fingerprint(MD5, 1)
    assert take(ncmec_image("x", md5, pdq(1)), ncmec_image("y", pdq(2))).added == 3
    assert take(ncmec_image("x", md5)).removed == 1
    assert take(ncmec_image("x", md5, pdq(1))).revived == 1
    assert take(ncmec_deleted("x")).removed == 2
    assert held(store) == {"42-y": pdq(2)}


def test_an_import_that_was_stopped_is_finished_by_the_next(
    store: Store, bank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_import, "_BATCH", 10)
    file = tmp_path / "list.csv"
    file.write_text(csv((str(seed), pdq(seed)) for seed in range(35)))
    stop = Event()
    seen = []

    def stop_at_the_second(report: ImportReport) -> None:
        seen.append(report.added)
        if len(seen) == 2:
            stop.set()

    observer = Observer(on_progress=stop_at_the_second, stop=stop)
    options = ImportOptions(MIN_QUALITY, full=True)
    first = import_lists(store, bank, [str(file)], options, observer)
    again = import_lists(store, bank, [str(file)], options)

    assert first.interrupted
    assert (first.added, again.unchanged, again.added) == (seen[-1], seen[-1], 35 - seen[-1])
    assert len(held(store)) == 35


def test_nothing_is_written_when_a_file_or_bank_is_not_there(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text(f"pdq {pdq(1).hex}\n")

    with pytest.raises(UnreadableSource, match="missing"):
        import_lists(store, bank, [str(file), str(tmp_path / "missing.txt")], PLAIN)
    with pytest.raises(InputError, match="--format"):
        import_lists(store, bank, [str(file), str(tmp_path / "list")], PLAIN)
    with pytest.raises(NotFoundError, match="Did you mean unsafe"):
        import_lists(store, "unsave", [str(file)], PLAIN)
    assert held(store) == {}


def test_the_view_of_bare_fingerprints_follows_a_list(store: Store, take: Take) -> None:
    take(csv([("a", pdq(1)), ("b", pdq(2)), ("c", fingerprint(MD5, 3))]))
    take(csv([("a", pdq(9))], removed=["b"]))

    changes = EntryPdqFeed(store).read(0, 1000)

    with store.reader() as catalog:
        [a, _] = catalog.entries.page(BANK)
    assert changes.keys.tolist() == [a.id]
    assert changes.vectors.tobytes() == pdq(9).value


@pytest.mark.postgres
@pytest.mark.slow
def test_a_long_list_goes_in_once_and_comes_out_the_same(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file, exported = tmp_path / "list.txt", tmp_path / "exported.txt"
    lines = {f"pdq {pdq(seed).hex}" for seed in range(20_000)}
    file.write_text("\n".join(sorted(lines)))

    first = import_lists(store, bank, [str(file)], PLAIN)
    again = import_lists(store, bank, [str(file)], ImportOptions(MIN_QUALITY, full=True))
    export_bank(store, bank, str(exported), ListFormat.TEXT, min_quality=MIN_QUALITY)

    assert (first.added, first.refused_count) == (20_000, 0)
    assert (again.added, again.unchanged, again.removed) == (0, 20_000, 0)
    assert sorted(exported.read_text().splitlines()) == sorted(lines)
    with store.reader() as catalog:
        assert catalog.repair.problems() == []


# --- a list of operations against a model --------------------------------------------------------

Key = tuple[str, FingerprintKind]
ids = st.sampled_from("abc")
kinds = st.sampled_from([PDQ, MD5])
listings = st.tuples(ids, kinds, st.integers(0, 3))
withdrawals = st.tuples(ids, kinds | st.none(), st.none())
imports = st.tuples(st.lists(listings | withdrawals, max_size=6), st.booleans())
removals = st.tuples(ids, kinds)
operations = st.lists(imports | removals, max_size=6)


def row(external_id: str, kind: FingerprintKind | None, seed: int | None) -> str:
    """Write a row of a list: what it holds, or what it withdraws when there is no seed."""
    value = fingerprint(kind, seed).hex if kind and seed is not None else ""
    return f"{external_id},{kind or ''},{value},{'no' if value else 'yes'}"


class Model:
    """What the rules say of each id and kind: its seed, or by whom it was removed."""

    def __init__(self) -> None:
        self.state: dict[Key, int | RemovedBy] = {}

    @property
    def held(self) -> set[tuple[str, Fingerprint]]:
        return {
            (external_id, fingerprint(kind, seed))
            for (external_id, kind), seed in self.state.items()
            if not isinstance(seed, RemovedBy)
        }

    def take(self, rows: list[tuple[str, FingerprintKind | None, int | None]], full: bool) -> None:
        wanted: dict[Key, int | None] = {}
        for external_id, kind, seed in rows:
            for each in [kind] if kind else FingerprintKind:
                wanted[external_id, each] = seed
        listed = {key for key, seed in wanted.items() if seed is not None}
        gone = {key for key in wanted if key not in listed}
        if full and listed:
            gone = {*self.state} - listed
        for key in listed:
            if self.state.get(key) is not RemovedBy.USER:
                self.state[key] = wanted[key] or 0
        for key in gone & {key for key, seed in self.state.items() if isinstance(seed, int)}:
            self.state[key] = RemovedBy.SOURCE

    def remove(self, key: Key) -> None:
        if isinstance(self.state.get(key), int):
            self.state[key] = RemovedBy.USER


@settings(
    max_examples=extent(20, 40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=operations)
def test_any_order_of_imports_and_removals_gives_what_the_rules_say(
    migrated_sqlite: Path, tmp_path: Path, operations: list[tuple[Any, Any]]
) -> None:
    database, file = tmp_path / "model.db", tmp_path / "list.csv"
    shutil.copy(migrated_sqlite, database)
    model = Model()
    with open_store(f"sqlite:///{database}") as store:
        with store.writer() as writer:
            writer.banks.create(BANK, BankKind.BLOCK)
        for first, second in operations:
            if isinstance(first, list):
                rows = ["id,type,fingerprint,removed", *(row(*each) for each in first)]
                file.write_text("\n".join(rows))
                options = ImportOptions(MIN_QUALITY, full=second)
                report = import_lists(store, BANK, [str(file)], options)
                model.take(first, second)
                assert report.refused_count == 0
            else:
                with store.writer() as writer:
                    entries = writer.entries.page(BANK)
                    key = (first, second)
                    writer.entries.remove(e.id for e in entries if key_of(e) == key)
                model.remove(key)
            with store.reader() as catalog:
                entries = catalog.entries.page(BANK)
                assert {(e.external_id, e.fingerprint) for e in entries} == model.held
                assert len(entries) == len(model.held)
                assert catalog.repair.problems() == []


def key_of(entry: EntryRecord) -> tuple[str | None, FingerprintKind | None]:
    return entry.external_id, entry.fingerprint.kind if entry.fingerprint else None


# --- export --------------------------------------------------------------------------------------


def everything(store: Store, name: str) -> set[tuple[Any, ...]]:
    """Return what a list can say of a bank's bare entries."""
    with store.reader() as catalog:
        return {
            (
                e.fingerprint,
                e.external_id or (e.fingerprint and e.fingerprint.hex),
                e.labels,
                e.notes,
            )
            for e in catalog.entries.page(name, limit=100_000)
        }


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8)
notes = words.map(str.strip).filter(bool)
described = st.tuples(
    st.sampled_from(FingerprintKind),
    st.integers(0, 10**9),
    st.lists(words, max_size=3),
    notes | st.none(),
)


@pytest.mark.parametrize("list_format", [ListFormat.CSV, ListFormat.JSONL])
@settings(
    max_examples=extent(20, 40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(entries=st.lists(described, max_size=8))
def test_all_that_a_bank_says_survives_export_and_import(
    list_format: ListFormat,
    entries: list[tuple[FingerprintKind, int, list[str], str | None]],
    migrated_sqlite: Path,
    tmp_path: Path,
) -> None:
    database, file = tmp_path / "model.db", str(tmp_path / "list.gz")
    shutil.copy(migrated_sqlite, database)
    with open_store(f"sqlite:///{database}") as store:
        with store.writer() as writer:
            bank = writer.banks.create(BANK, BankKind.BLOCK)
            writer.banks.create("copy", BankKind.BLOCK)
            for kind, seed, labels, note in entries:
                made = fingerprint(kind, seed)
                writer.entries.add_fingerprint(bank.id, made, notes=note, labels=labels)

        export_bank(store, BANK, file, list_format, min_quality=MIN_QUALITY)
        report = import_lists(store, "copy", [file], ImportOptions(MIN_QUALITY, format=list_format))

        assert report.refused == []
        assert everything(store, "copy") == everything(store, BANK)


@pytest.mark.parametrize("list_format", [ListFormat.TEXT, ListFormat.TX])
def test_a_format_that_says_less_keeps_the_fingerprints(
    store: Store, bank: str, tmp_path: Path, list_format: ListFormat
) -> None:
    file = str(tmp_path / "list")
    made = {fingerprint(kind, seed) for kind in (PDQ, MD5) for seed in range(5)}
    with store.writer() as writer:
        copy = writer.banks.create("copy", BankKind.BLOCK).name
        for each in sorted(made, key=lambda item: item.hex):
            writer.entries.add_fingerprint(
                writer.banks.get(bank).id, each, labels=["two words"], notes="x"
            )

    export_bank(store, bank, file, list_format, min_quality=MIN_QUALITY)
    import_lists(store, copy, [file], ImportOptions(MIN_QUALITY, format=list_format))

    with store.reader() as catalog:
        assert {entry.fingerprint for entry in catalog.entries.page(copy)} == made


def test_the_fingerprints_of_images_are_exported_as_asked(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    space = bind(store)
    with store.reader() as catalog:
        bank_id = catalog.banks.get(bank).id
    [sharp] = add(store, space, 1, bank_id=bank_id)
    add(store, space, 2, bank_id=bank_id, pdq_quality=MIN_QUALITY - 1)
    with store.reader() as catalog:
        image = catalog.images.get(sharp)

    report = export_bank(store, bank, str(file), ListFormat.TEXT, min_quality=MIN_QUALITY)
    lines = file.read_text().splitlines()
    assert (report.entries, report.fingerprints) == (2, len(lines)) == (2, 5)
    assert lines[:3] == [
        f"sha256 {image.sha256.hex()}",
        f"video_md5 {image.md5.hex()}",
        f"pdq {image.pdq.bits.hex()}",
    ]

    export_bank(store, bank, str(file), ListFormat.TEXT, kinds=[PDQ], min_quality=MIN_QUALITY)
    assert file.read_text() == f"pdq {image.pdq.bits.hex()}\n"


def test_disabled_entries_are_left_out_until_they_count_again(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    with store.writer() as writer:
        ids = [
            writer.entries.add_fingerprint(writer.banks.get(bank).id, pdq(seed))
            for seed in range(3)
        ]
        writer.entries.disable(ids[:1])
        writer.entries.disable(ids[1:2], datetime.now(UTC) - timedelta(seconds=1))

    report = export_bank(store, bank, str(file), ListFormat.TEXT, min_quality=MIN_QUALITY)

    assert (report.entries, report.disabled) == (2, 1)
    assert file.read_text() == f"pdq {pdq(1).hex}\npdq {pdq(2).hex}\n"


def test_what_was_in_the_file_stays_when_an_export_fails(
    store: Store, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("before")

    with pytest.raises(NotFoundError):
        export_bank(store, "other", str(file), ListFormat.TEXT, min_quality=MIN_QUALITY)
    with pytest.raises(InputError, match="cannot be written as ncmec"):
        export_bank(store, bank, str(file), ListFormat.NCMEC, min_quality=MIN_QUALITY)
    with pytest.raises(InputError, match="holds no sha256"):
        export_bank(store, bank, str(file), ListFormat.TX, kinds=[SHA256], min_quality=MIN_QUALITY)
    target = str(tmp_path / "no folder" / "list.txt")
    with pytest.raises(ListNotWritten, match="no folder"):
        export_bank(store, bank, target, ListFormat.TEXT, min_quality=MIN_QUALITY)

    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if "list" in path.name] == ["list.txt"]
