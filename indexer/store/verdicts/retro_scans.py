"""Retro-scans: their runs, next entries, and matches."""

from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select

from indexer.store.models import (
    BankRow,
    ChangeRow,
    EntryRow,
    RetroMatchRow,
    RetroScanRow,
    SourceRow,
)
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import BankKind, RetroMatch, RetroScan, ScanState, Signal, Tier


class RetroScans(Queries):
    """The retro-scans within one transaction."""

    def get(self, scan_id: int) -> RetroScan:
        """Return a retro-scan.

        Raises
        ------
        NotFoundError
            There is no such scan.
        """
        return require(
            self._retro_scans_where(RetroScanRow.id == min(scan_id, MAX_ID)),
            f"There is no retro-scan {scan_id}. `lookalike retro-scan list` shows them.",
        )

    def page(self, *, after_id: int = 0, limit: int = 100) -> list[RetroScan]:
        """Return a page of the retro-scans, oldest first."""
        return self._retro_scans_where(RetroScanRow.id > min(after_id, MAX_ID), limit=limit)

    def newest(self) -> RetroScan | None:
        """Return the scan that was begun last; None before the first."""
        newest = select(func.max(RetroScanRow.id)).scalar_subquery()
        scans = self._retro_scans_where(RetroScanRow.id == newest)
        return scans[0] if scans else None

    def unfinished(self, bank_id: int | None, space_id: int) -> RetroScan | None:
        """Return the oldest scan of a bank (of all, when None) that has not reached its end."""
        found = self._retro_scans_where(
            RetroScanRow.bank_id.is_not_distinct_from(bank_id),
            RetroScanRow.space_id == space_id,
            RetroScanRow.state == ScanState.RUNNING.value,
            limit=1,
        )
        return found[0] if found else None

    def last_finished(self, bank_id: int | None, space_id: int) -> RetroScan | None:
        """Return the finished scan that has covered the most of the log for a bank.

        Scans of all banks count for each of them.
        """
        found = self._retro_scans_where(
            or_(RetroScanRow.bank_id.is_(None), RetroScanRow.bank_id == bank_id),
            RetroScanRow.space_id == space_id,
            RetroScanRow.state == ScanState.DONE.value,
        )
        return max(found, key=lambda scan: scan.last_change, default=None)

    def next_entries(self, scan: RetroScan, limit: int) -> list[tuple[int, int]]:
        """Return the next entries of a scan, as changes of the log name them.

        Those of its bank, or of all block banks, that were added or changed; whether they count
        now is for the caller to ask.

        Parameters
        ----------
        scan : RetroScan
        limit : int
            Most changes returned.

        Returns
        -------
        list of (int, int)
            Number of the change, ascending, and entry id.
        """
        statement = (
            select(ChangeRow.number, EntryRow.id)
            .join(EntryRow, EntryRow.id == ChangeRow.subject_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(
                ChangeRow.subject == "entry",
                ChangeRow.operation != "removed",
                ChangeRow.number > scan.cursor,
                ChangeRow.number <= scan.last_change,
                EntryRow.removed_at.is_(None),
                BankRow.kind == BankKind.BLOCK.value,
            )
            .order_by(ChangeRow.number)
            .limit(limit)
        )
        if scan.bank is not None:
            bank_id = select(RetroScanRow.bank_id).where(RetroScanRow.id == scan.id)
            statement = statement.where(EntryRow.bank_id == bank_id.scalar_subquery())
        return [(number, entry_id) for number, entry_id in self._connection.execute(statement)]

    def matches(self, scan_id: int, *, after_id: int = 0, limit: int = 100) -> list[RetroMatch]:
        """Return a page of what a scan found, in the order in which it did.

        Parameters
        ----------
        scan_id : int
        after_id : int
            Last id of the page before.
        limit : int
            Most matches of a page.

        Raises
        ------
        NotFoundError
            There is no such scan.
        """
        self.get(scan_id)
        source = (
            select(SourceRow.uri)
            .where(SourceRow.image_id == RetroMatchRow.image_id, SourceRow.closed_at.is_(None))
            .order_by(SourceRow.id)
            .limit(1)
            .scalar_subquery()
        )
        statement = (
            select(RetroMatchRow.__table__, BankRow.name.label("bank"), source.label("source"))
            .join(EntryRow, EntryRow.id == RetroMatchRow.entry_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(RetroMatchRow.scan_id == scan_id, RetroMatchRow.id > min(after_id, MAX_ID))
            .order_by(RetroMatchRow.id)
            .limit(limit)
        )
        return [_match(row) for row in self._connection.execute(statement)]

    def _retro_scans_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[RetroScan]:
        statement = (
            select(RetroScanRow.__table__, BankRow.name.label("bank"))
            .outerjoin(BankRow, BankRow.id == RetroScanRow.bank_id)
            .where(*conditions)
            .order_by(RetroScanRow.id)
            .limit(limit)
        )
        return [_scan(row) for row in self._connection.execute(statement)]


def _scan(row: Row[Any]) -> RetroScan:
    return from_row(RetroScan, row, state=ScanState(row.state), first_change=row.first_entry_change)


def _match(row: Row[Any]) -> RetroMatch:
    return from_row(RetroMatch, row, tier=Tier(row.tier), decided_by=Signal(row.decided_by))
