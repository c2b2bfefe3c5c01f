"""Hit counts: how often entries match, by the hour."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from indexer.store.edits import Edits
from indexer.store.models import EntryHitsRow
from indexer.store.queries import Queries


class Hits(Queries):
    """The hits of entries within one transaction."""

    def of_entries(
        self, entry_ids: Collection[int], *, since: datetime, before: datetime
    ) -> dict[int, dict[datetime, int]]:
        """Return the hits of entries, in the hours that begin in `[since, before)`.

        Returns
        -------
        dict of int to dict of datetime to int
            Hits by the beginning of the hour, by entry id. Hours without a hit are left out; so are
            entries without any.
        """
        found: defaultdict[int, dict[datetime, int]] = defaultdict(dict)
        in_time = (EntryHitsRow.hour >= since, EntryHitsRow.hour < before)
        statement = select(EntryHitsRow.__table__).where(*in_time)
        for entry_id, hour, hits in self._rows(statement, EntryHitsRow.entry_id, entry_ids):
            found[entry_id][hour] = hits
        return dict(found)

    def first_hour(self) -> datetime | None:
        """Return the beginning of the earliest hour with a hit of any entry."""
        return self._connection.scalar(select(func.min(EntryHitsRow.hour)))


class HitEdits(Hits, Edits):
    """The hits of entries within a writing transaction."""

    def add(self, hits: Mapping[tuple[int, datetime], int]) -> None:
        """Add to what is counted already: hits by entry id and the beginning of the hour."""
        postgres = self._connection.dialect.name == "postgresql"
        statement = postgresql.insert(EntryHitsRow) if postgres else sqlite.insert(EntryHitsRow)
        statement = statement.on_conflict_do_update(
            index_elements=[EntryHitsRow.entry_id, EntryHitsRow.hour],
            set_={"hits": EntryHitsRow.hits + statement.excluded.hits},
        )
        rows = [
            {"entry_id": entry_id, "hour": hour, "hits": count}
            for (entry_id, hour), count in sorted(hits.items())
        ]
        if rows:
            self._connection.execute(statement, rows)

    def forget(self, before: datetime) -> int:
        """Delete the counts of earlier hours; return how many there were."""
        statement = delete(EntryHitsRow).where(EntryHitsRow.hour < before)
        return self._connection.execute(statement).rowcount
