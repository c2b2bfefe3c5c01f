"""Retro-scans: progress and findings, written in one transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update

from indexer.errors import UnavailableError
from indexer.store.edits import Edits, Transaction
from indexer.store.models import RetroMatchRow, RetroScanRow
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.values import NewRetroMatch
from indexer.store.verdicts.retro_scans import RetroScans
from indexer.store.webhooks.outbox import Outbox
from indexer.types import NewReviewItem, QueueKind, RetroScan, ScanState, WebhookEvent

_LISTED = 100  # matches that an event lists at most: it counts them all
_COLUMNS = ("entry_id", "image_id", "similarity", "pdq_distance", "threshold")


class RetroScanEdits(RetroScans, Edits):
    """The retro-scans within a writing transaction."""

    def __init__(self, transaction: Transaction, outbox: Outbox, reviews: ReviewItemEdits) -> None:
        super().__init__(transaction)
        self._outbox = outbox
        self._reviews = reviews

    def begin(
        self, bank_id: int | None, space_id: int, first_change: int, last_change: int
    ) -> RetroScan:
        """Begin a scan of the entries that these changes of the log name.

        Parameters
        ----------
        bank_id : int or None
            Only entries of this bank; of all block banks when None.
        space_id : int
            Space of the embeddings that are compared.
        first_change, last_change : int
            Numbers of changes, both included.
        """
        row = {
            "bank_id": bank_id,
            "space_id": space_id,
            "first_entry_change": first_change,
            "last_change": last_change,
            "cursor": first_change - 1,
            "state": ScanState.RUNNING.value,
            "scanned": 0,
            "found": 0,
            "created_at": self._now,
        }
        scan = self.get(self._insert_one(RetroScanRow, row))
        changes = {"first_change": first_change, "last_change": last_change}
        self._audit.record("retro_scan.start", "retro_scan", scan.id, bank=bank_id, **changes)
        return scan

    def advance(
        self, scan: RetroScan, cursor: int, scanned: int, matches: Sequence[NewRetroMatch]
    ) -> RetroScan:
        """Move a scan on and list what was found on the way; a pair is listed once a scan.

        What is listed becomes a review item, too, unless its pair was decided before.

        Parameters
        ----------
        scan : RetroScan
            The scan as the caller knows it.
        cursor : int
            The last change that is done now; the scan is done with its last one.
        scanned : int
            Entries that this step has looked at.
        matches : sequence of NewRetroMatch

        Raises
        ------
        UnavailableError
            Another program has moved the scan on meanwhile; nothing was written.
        """
        fresh = self._not_listed(scan.id, matches)
        done = cursor >= scan.last_change
        moved = self._connection.execute(
            update(RetroScanRow)
            .where(
                RetroScanRow.id == scan.id,
                RetroScanRow.cursor == scan.cursor,
                RetroScanRow.state == ScanState.RUNNING.value,
            )
            .values(
                cursor=cursor,
                scanned=RetroScanRow.scanned + scanned,
                found=RetroScanRow.found + len(fresh),
                state=(ScanState.DONE if done else ScanState.RUNNING).value,
                finished_at=self._now if done else None,
            )
        )
        if not moved.rowcount:
            raise UnavailableError(
                f"Another program is running retro-scan {scan.id}. Wait for it to finish: "
                f"`lookalike retro-scan show {scan.id}` shows its progress."
            )
        rows = [
            {name: getattr(match, name) for name in _COLUMNS}
            | {
                "scan_id": scan.id,
                "tier": match.tier.value,
                "decided_by": match.decided_by.value,
                "created_at": self._now,
            }
            for match in fresh
        ]
        last = self._last_match_id(scan.id)
        self._insert(RetroMatchRow, rows)
        self._reviews.add([_review(match) for match in fresh])
        if rows:
            self._outbox.emit(WebhookEvent.RETRO_MATCH, lambda: self._event(scan, last, len(rows)))
        return self.get(scan.id)

    def _last_match_id(self, scan_id: int) -> int:
        statement = select(func.max(RetroMatchRow.id)).where(RetroMatchRow.scan_id == scan_id)
        return self._connection.scalar(statement) or 0

    def _event(self, scan: RetroScan, after_id: int, count: int) -> dict[str, Any]:
        """Return a step as webhooks get it: the ids and the evidence, no source."""
        matches = self.matches(scan.id, after_id=after_id, limit=_LISTED)
        return {
            "scan_id": scan.id,
            "bank": scan.bank,
            "count": count,
            "after": after_id,
            "matches": [
                {
                    "id": match.id,
                    "entry_id": match.entry_id,
                    "bank": match.bank,
                    "image_id": match.image_id,
                    "tier": match.tier.value,
                    "decided_by": match.decided_by.value,
                    "similarity": match.similarity,
                    "pdq_distance": match.pdq_distance,
                    "threshold": match.threshold,
                }
                for match in matches
            ],
        }

    def _not_listed(self, scan_id: int, matches: Sequence[NewRetroMatch]) -> list[NewRetroMatch]:
        """Return the matches whose pair the scan has not listed, each pair once."""
        wanted = {(match.entry_id, match.image_id): match for match in matches}
        entries = {entry_id for entry_id, _ in wanted}
        statement = select(RetroMatchRow.entry_id, RetroMatchRow.image_id).where(
            RetroMatchRow.scan_id == scan_id, RetroMatchRow.entry_id.in_(entries)
        )
        listed = {(entry, image) for entry, image in self._connection.execute(statement)}
        return [match for pair, match in wanted.items() if pair not in listed]


def _review(match: NewRetroMatch) -> NewReviewItem:
    return NewReviewItem(
        QueueKind.RETRO_MATCH, match.evidence, image_id=match.image_id, entry_id=match.entry_id
    )
