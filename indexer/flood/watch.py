"""Flood watch: hourly hits of entries, and flags of surges."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock

import structlog

from indexer.errors import UnavailableError
from indexer.flood.expectation import Expectation
from indexer.flood.review import isolate
from indexer.settings import Settings
from indexer.store import Store, Writer
from indexer.types import Flood, Verdict

log = structlog.get_logger(__name__)
_HOUR = timedelta(hours=1)
_LEARNING = timedelta(hours=24)  # of counting, until more than before can be told of old entries

Hits = Mapping[tuple[int, datetime], int]
"""Matches by entry id and the beginning of the hour."""


class FloodWatch:
    """Counts hits in memory, and writes them to the database on `flush`.

    Counts that are not written yet are lost with the process. Safe to use from several threads.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._counting = Lock()
        self._counted: Counter[tuple[int, datetime]] = Counter()
        self._forgotten_at: datetime | None = None  # the hour in which old counts were last deleted

    def record(self, verdict: Verdict, at: datetime | None = None) -> None:
        """Count a verdict's hits: the block entries behind it, each once.

        Parameters
        ----------
        verdict : Verdict
            Its suppressed matches do not count.
        at : datetime, optional
            When the query came; now by default.
        """
        self.record_entries(verdict.hits, at)

    def record_entries(self, entry_ids: Collection[int], at: datetime | None = None) -> None:
        """Count hits of block entries, each once; see `record`."""
        hour = _hour(at or datetime.now(UTC))
        with self._counting:
            self._counted.update((entry_id, hour) for entry_id in entry_ids)

    def flush(self) -> list[Flood]:
        """Write down what was counted since the last call, and flag floods.

        An entry is flagged when an hour's hits reach `flood_min_hits` and its history makes so many
        less probable than `flood_p_value`. With `flood_quarantine` it is disabled as well. While a
        flag is open no other is raised for its entry, and never two for the same hour. During the
        first day of counting only entries that are new as well can be flagged.

        Returns
        -------
        list of Flood
            Those flagged now.

        Raises
        ------
        UnavailableError
            The database cannot be written; the counts are kept for the next call.
        """
        with self._counting:
            counted, self._counted = self._counted, Counter()
        if not counted:
            return []
        try:
            with self._store.writer() as writer:
                writer.hits.add(counted)
                floods = list(self._flag(writer, counted))
                self._forget(writer)
        except UnavailableError:
            with self._counting:
                self._counted.update(counted)
            raise
        for flood in floods:
            log.warning(
                "entry matches far above history",
                entry=flood.entry_id,
                bank=flood.bank,
                hits=flood.hits,
                expected=round(flood.expected, 1),
                flag=flood.id,
                state=flood.state.value,
            )
        return floods

    def _flag(self, writer: Writer, counted: Hits) -> Iterator[Flood]:
        by_hour: defaultdict[datetime, set[int]] = defaultdict(set)
        for entry_id, hour in counted:
            by_hour[hour].add(entry_id)
        for hour, entry_ids in sorted(by_hour.items()):
            yield from self._flag_hour(writer, hour, entry_ids)

    def _flag_hour(self, writer: Writer, hour: datetime, entry_ids: set[int]) -> Iterator[Flood]:
        least = self._settings.flood_min_hits
        now = writer.hits.of_entries(entry_ids, since=hour, before=hour + _HOUR)
        many = {entry_id for entry_id, hits in now.items() if hits[hour] >= least}
        many -= writer.floods.flagged_since(many, hour)
        if not many:
            return
        since = hour - self._settings.flood_history_hours * _HOUR
        histories = writer.hits.of_entries(many, since=since, before=hour)
        births = writer.entries.created_at(many)
        # Hours before the first hit of any entry were watched by nobody: they are not quiet ones.
        watched = writer.hits.first_hour() or hour
        for entry_id in sorted(many):
            born, hits = _hour(births[entry_id]), now[entry_id][hour]
            if watched - born > _HOUR and hour - watched < _LEARNING:
                continue
            history = list(histories.get(entry_id, {}).values())
            expectation = Expectation.of(history, (hour - max(since, watched, born)) // _HOUR)
            if expectation.tail(hits) < self._settings.flood_p_value:
                flood = writer.floods.flag(entry_id, hour, hits, expectation.mean)
                yield isolate(writer, flood) if self._settings.flood_quarantine else flood

    def _forget(self, writer: Writer) -> None:
        """Delete, once an hour, the counts that are older than any history."""
        hour = _hour(datetime.now(UTC))
        if hour != self._forgotten_at:
            writer.hits.forget(hour - (self._settings.flood_history_hours + 1) * _HOUR)
            self._forgotten_at = hour


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
