"""Retro-scan: new entries page by page, each page one transaction with its cursor."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from threading import Event
from typing import Final

from indexer.errors import InputError, NotFoundError
from indexer.matching import Matcher, Query, SearchOptions
from indexer.matching.verdict import deciding_matches
from indexer.retroscan.candidate_images import find_candidate_images
from indexer.reviews.evidence import EvidenceReader
from indexer.settings import Settings
from indexer.store import Catalog, NewRetroMatch, Store
from indexer.types import BankKind, Entry, RetroScan, ScanState, Tier

PAGE: Final = 256
"""Changes of the log a step: what a scan that is cut off repeats at most."""


class RetroScanner:
    """Matches new block entries against the images that were there before them.

    A scan covers a stretch of the log. Each step writes what it found and how far it is at once, so
    that a scan which was cut off, by whatever, goes on there and lists each match once.
    """

    def __init__(self, store: Store, matcher: Matcher, settings: Settings) -> None:
        self._store = store
        self._matcher = matcher
        self._settings = settings

    def begin(self, bank: str | None = None, since: int | None = None) -> RetroScan:
        """Go on with the scan that was cut off, or begin one of what came since the last.

        When nothing came since then, that one is returned, which is done.

        Parameters
        ----------
        bank : str, optional
            Only entries of this block bank; of all block banks by default.
        since : int, optional
            Begin a new scan of the entries that the log names behind this change.

        Raises
        ------
        NotFoundError
            There is no such bank.
        InputError
            It is an allow bank, or `since` lies behind the end of the log.
        """
        with self._store.writer() as writer:
            bank_id = None
            if bank is not None:
                chosen = writer.banks.get(bank)
                if chosen.kind is not BankKind.BLOCK:
                    raise InputError(
                        f"Bank {bank} is an allow bank; retro-scans need a block bank."
                    )
                bank_id = chosen.id
            head = writer.log.head()
            if since is None:
                if unfinished := writer.retro_scans.unfinished(bank_id, self._matcher.space.id):
                    return unfinished
                last = writer.retro_scans.last_finished(bank_id, self._matcher.space.id)
                if last and last.last_change == head:
                    return last
                since = last.last_change if last else 0
            elif not 0 <= since <= head:
                raise InputError(f"There is no change {since}: the log's last one is {head}.")
            return writer.retro_scans.begin(bank_id, self._matcher.space.id, since + 1, head)

    def run(
        self,
        scan: RetroScan,
        *,
        on_progress: Callable[[RetroScan], None] = lambda _scan: None,
        stop: Event | None = None,
    ) -> RetroScan:
        """Take a scan to its end, or to where it is stopped.

        Parameters
        ----------
        scan : RetroScan
        on_progress : callable
            Called with the scan as it is now after each step.
        stop : Event, optional
            Once it is set the step under way is finished and no other is begun.

        Returns
        -------
        RetroScan
            Still running where it was stopped.

        Raises
        ------
        UnavailableError
            Another program runs the same scan, or the database is away.
        """
        self._matcher.catch_up()
        while scan.state is ScanState.RUNNING and not (stop and stop.is_set()):
            scan = self._step(scan)
            on_progress(scan)
        return scan

    def _step(self, scan: RetroScan) -> RetroScan:
        with self._store.reader() as catalog:
            changes = catalog.retro_scans.next_entries(scan, PAGE)
            entries = catalog.entries.in_force(
                {entry_id for _, entry_id in changes}, datetime.now(UTC)
            )
            candidates = self._find_candidates(catalog, list(entries.values()))
            evidence = EvidenceReader(catalog, self._matcher.thresholds(catalog))
            found = sorted(
                (
                    match
                    for image_id, entry_ids in candidates.items()
                    for match in self._judge(image_id, entry_ids, evidence)
                ),
                key=attrgetter("entry_id", "image_id"),
            )
        # a page that is not full is the last one
        cursor = changes[-1][0] if len(changes) == PAGE else scan.last_change
        with self._store.writer() as writer:
            return writer.retro_scans.advance(scan, cursor, len(entries), found)

    def _find_candidates(self, catalog: Catalog, entries: Sequence[Entry]) -> dict[int, set[int]]:
        """Return which stored images are to be judged against which entries.

        Images of the very bank of an entry are known as what it says, and left out.
        """
        records = catalog.images.get_many(
            [entry.image_id for entry in entries if entry.image_id is not None],
            self._matcher.space.id,
            with_embedding=True,
        )
        candidates = find_candidate_images(
            catalog,
            self._matcher.views,
            self._matcher.thresholds(catalog),
            entries,
            records,
            self._settings.pdq_min_quality,
        )
        bank_of = {entry.id: entry.bank for entry in entries}
        banks_of = catalog.entries.banks_of_images(candidates)
        fresh = {
            image_id: {each for each in entry_ids if bank_of[each] not in banks_of[image_id]}
            for image_id, entry_ids in candidates.items()
        }
        return {image_id: entry_ids for image_id, entry_ids in fresh.items() if entry_ids}

    def _judge(
        self, image_id: int, entry_ids: Collection[int], evidence: EvidenceReader
    ) -> list[NewRetroMatch]:
        """Return what a search for a stored image would say of some entries."""
        options = SearchOptions(entries=frozenset(entry_ids))
        try:
            matches = self._matcher.matches(Query.stored_image(image_id), options).matches
        except NotFoundError:
            return []  # removed meanwhile
        return [
            NewRetroMatch(
                entry_id=match.entry_id,
                image_id=image_id,
                tier=match.tier,
                decided_by=match.decided_by,
                similarity=match.similarity,
                pdq_distance=match.pdq_distance,
                threshold=match.threshold,
                evidence=evidence.of_match(match, matches),
            )
            for match in deciding_matches(matches)
            if match.entry_id is not None and match.tier is not Tier.NONE
        ]
