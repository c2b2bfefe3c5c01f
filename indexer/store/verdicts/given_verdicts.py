"""Given verdicts: what was answered about pictures, to test policies on."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select

from indexer.store.edits import Edits
from indexer.store.models import VerdictRow
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.types import (
    Action,
    MatchEvidence,
    NewVerdict,
    Reason,
    Severity,
    StoredVerdict,
    Tier,
    VerdictEvidence,
)


class GivenVerdicts(Queries):
    """The stored verdicts within one transaction."""

    def page(
        self, *, before_id: int | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[StoredVerdict]:
        """Return a page of the verdicts, newest first.

        Parameters
        ----------
        before_id : int, optional
            Last id of the page before.
        since : datetime, optional
            Only those given at this moment or later.
        limit : int
            Most verdicts of a page.
        """
        conditions = []
        if before_id is not None:
            conditions.append(VerdictRow.id < min(before_id, MAX_ID))
        if since is not None:
            conditions.append(VerdictRow.at >= since)
        statement = select(VerdictRow.__table__).where(*conditions)
        newest_first = statement.order_by(VerdictRow.id.desc()).limit(limit)
        return [_verdict(row) for row in self._connection.execute(newest_first)]

    def count(self) -> int:
        """Return how many verdicts are stored."""
        return self._count(VerdictRow)


class GivenVerdictEdits(GivenVerdicts, Edits):
    """The stored verdicts within a writing transaction."""

    def add(self, verdicts: Iterable[NewVerdict]) -> None:
        """Store verdicts, in the order in which they were given."""
        self._insert(VerdictRow, [_columns(verdict) for verdict in verdicts])

    def trim(self, keep: int, since: datetime) -> int:
        """Delete those given before a moment, and of the others all but the newest.

        Parameters
        ----------
        keep : int
            How many of the newest stay, at most.
        since : datetime

        Returns
        -------
        int
            How many were deleted.
        """
        newest = self._connection.scalar(select(func.max(VerdictRow.id))) or 0
        surplus = delete(VerdictRow).where(VerdictRow.id <= newest - keep)
        old = delete(VerdictRow).where(VerdictRow.at < since)
        return sum(self._connection.execute(each).rowcount for each in (surplus, old))


def _columns(verdict: NewVerdict) -> dict[str, Any]:
    ruling, evidence = verdict.ruling, verdict.evidence
    return {
        "at": verdict.at,
        "query_sha256": verdict.query_sha256,
        "tier": verdict.tier.value,
        "evidence": {
            "probabilities": evidence.probabilities,
            "matches": _match_lists(evidence.matches),
            "reasons": sorted(reason.value for reason in evidence.reasons),
        },
        "policy_version": ruling.policy.version if ruling else None,
        "action": ruling.action.value if ruling else None,
        "rule": ruling.policy.rule if ruling else None,
    }


def _match_lists(matches: Sequence[MatchEvidence]) -> list[list[Any]]:
    """Return what is stored of matches: tier, bank, severity and log-odds of each."""
    return [
        [match.tier.value, match.bank, match.severity and match.severity.value, match.log_odds]
        for match in matches
    ]


def _verdict(row: Row[Any]) -> StoredVerdict:
    stored = row.evidence
    matches = tuple(
        MatchEvidence(Tier(tier), bank, Severity(severity) if severity else None, log_odds)
        for tier, bank, severity, log_odds in stored["matches"]
    )
    reasons = frozenset(Reason(reason) for reason in stored["reasons"])
    return from_row(
        StoredVerdict,
        row,
        tier=Tier(row.tier),
        action=Action(row.action) if row.action else None,
        evidence=VerdictEvidence(stored["probabilities"], matches, reasons),
    )
