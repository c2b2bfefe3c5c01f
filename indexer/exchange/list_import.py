"""Import of lists into a bank, some thousands of rows in a transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from time import perf_counter
from typing import Final

import numpy as np

from indexer.errors import InputError
from indexer.exchange.formats import READERS, format_of
from indexer.exchange.import_report import ImportReport
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.exchange.list_streams import STDIN, open_list
from indexer.store import ListItem, ListPlan, RemovedBy, Store
from indexer.types import EXTERNAL_ID_BYTES, FingerprintKind, Keys, ListFormat

DEFAULT_SOURCE: Final = "list"
"""Source of what comes from a list that names none."""
_BATCH: Final = 20_000  # rows of a transaction: fewer touch as many pages of the indexes again


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How lists are to be taken in."""

    min_quality: int
    """PDQ quality (0 to 100) below which a PDQ is refused, where the list tells the quality."""
    format: ListFormat | None = None
    """How they are written; by default what their names tell."""
    kind: FingerprintKind | None = None
    """What a fingerprint is where a list does not say so."""
    source: str | None = None
    """Where all of it comes from, whatever the lists say; by default what they say."""
    full: bool = False
    """Whether they are all that their sources hold: what they lack is withdrawn."""
    dry_run: bool = False
    """Whether to write nothing, and only say what would be."""


def _ignore(_: object) -> None:
    """Take note of nothing."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told how an import goes, and may stop it."""

    on_refused: Callable[[BadRow], None] = _ignore
    """Called with each row that cannot be used."""
    on_progress: Callable[[ImportReport], None] = _ignore
    """Called after each transaction."""
    stop: Event = field(default_factory=Event)
    """Set to end the import after the transaction under way."""


def import_lists(
    store: Store,
    bank_name: str,
    names: Sequence[str],
    options: ImportOptions,
    observer: Observer | None = None,
) -> ImportReport:
    """Make a bank hold what lists hold; doing it again changes nothing.

    An import that was ended early, in whatever way, is finished by doing it again. Entries are
    withdrawn for not being listed only after all lists were read, and only if all rows could be.

    Parameters
    ----------
    store : Store
    bank_name : str
    names : sequence of str
        Paths of files, plain or gzip; `-` for stdin.
    options : ImportOptions
    observer : Observer, optional

    Returns
    -------
    ImportReport
        A dry run counts an entry as often as it is listed far apart.

    Raises
    ------
    NotFoundError
        There is no such bank.
    InputError
        A file's name does not tell its format, and the options do not either; or the source's name
        is too long.
    UnreadableSource
        A file cannot be opened, or is no list of its format.
    """
    return _Import(store, bank_name, options, observer or Observer()).run(names)


class _Import:
    """One import under way."""

    def __init__(
        self, store: Store, bank_name: str, options: ImportOptions, observer: Observer
    ) -> None:
        self._store = store
        self._options = options
        self._observer = observer
        self._source = options.source or DEFAULT_SOURCE
        if len(self._source.encode("utf-8", "surrogateescape")) > EXTERNAL_ID_BYTES:
            raise InputError(
                f"A source name may have at most {EXTERNAL_ID_BYTES} bytes. Choose a shorter one."
            )
        self._report = ImportReport(bank_name, dry_run=options.dry_run)
        self._sources: set[str] = set()
        self._met: list[Keys] = []  # ids of entries that were there before and that lists name
        with store.reader() as catalog:
            self._bank_id = catalog.banks.get(bank_name).id
            self._last_entry = catalog.entries.last_id()

    def run(self, names: Sequence[str]) -> ImportReport:
        """Read the lists one after the other."""
        started = perf_counter()
        formats = [self._options.format or format_of(name) for name in names]
        for name in set(names) - {STDIN}:
            with open_list(name):  # what is not there is told before anything is written
                pass
        items = self._usable(names, formats)
        while not self._report.interrupted and (batch := list(islice(items, _BATCH))):
            self._take(batch)
            self._note_progress(started)
        if self._options.full and not (self._report.interrupted or self._report.incomplete):
            self._withdraw_unlisted()
        self._report.seconds = round(perf_counter() - started, 3)
        return self._report

    def _usable(self, names: Sequence[str], formats: Sequence[ListFormat]) -> Iterator[ListItem]:
        """Yield what the lists hold, and count what they hold in vain."""
        for name, list_format in zip(names, formats, strict=True):
            for item in self._read(name, list_format):
                if isinstance(item, BadRow):
                    self._report.refuse(item)
                    self._observer.on_refused(item)
                elif isinstance(item, Ignored):
                    self._report.ignore(item)
                else:
                    yield item

    def _read(self, name: str, list_format: ListFormat) -> Iterator[Item]:
        given = self._options
        called = "stdin" if name == STDIN else name
        options = ReadOptions(called, given.min_quality, given.kind, given.source)
        with open_list(name) as stream:
            yield from READERS[list_format](stream, options)
            if stream.fault is not None:
                yield BadRow(called, f"the rest of the list cannot be read ({stream.fault})")

    def _take(self, batch: Sequence[ListItem]) -> None:
        """Bring the bank up to date with a stretch of a list."""
        for plan in self._compare(batch) if self._options.dry_run else self._write(batch):
            self._report.carry(plan)
            if plan.listed:
                self._sources.add(plan.source)
            if self._options.full:
                met = (*plan.unchanged, *plan.updated, *plan.revived, *plan.removed)
                self._met.append(np.fromiter(met, np.int64))

    def _compare(self, batch: Sequence[ListItem]) -> list[ListPlan]:
        with self._store.reader() as catalog:
            return catalog.lists.plan(self._bank_id, batch, self._source)

    def _write(self, batch: Sequence[ListItem]) -> list[ListPlan]:
        with self._store.writer() as writer:
            return writer.lists.upsert(self._bank_id, batch, self._source)

    def _withdraw_unlisted(self) -> None:
        """Withdraw what the sources had listed before, a transaction a page.

        Sources of which nothing was listed are let be: an empty list is more likely a mistake. What
        others add meanwhile is let be, too, as it is newer than the last entry of the beginning.
        """
        met = np.unique(np.concatenate([*self._met, np.zeros(0, np.int64)]))
        after = 0
        while len(page := self._page(after)):
            after = int(page[-1])
            # as np.isin would, without sorting what may be millions again for each page
            is_met = np.searchsorted(met, page, "right") > np.searchsorted(met, page, "left")
            unlisted = page[~is_met].tolist()
            if not self._options.dry_run:
                with self._store.writer() as writer:
                    self._report.removed += writer.entries.remove(unlisted, RemovedBy.SOURCE)
            else:
                self._report.removed += len(unlisted)

    def _page(self, after: int) -> Keys:
        with self._store.reader() as catalog:
            return catalog.lists.entry_ids(
                self._bank_id, self._sources, after_id=after, up_to_id=self._last_entry
            )

    def _note_progress(self, started: float) -> None:
        self._report.seconds = round(perf_counter() - started, 3)
        self._report.interrupted = self._observer.stop.is_set()
        self._observer.on_progress(self._report)
