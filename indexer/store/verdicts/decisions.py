"""Decisions: what analysts said about matches."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

from indexer.errors import InputError
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entries import Entries
from indexer.store.edits import Edits, Transaction
from indexer.store.models import BankRow, DecisionRow, EntryRow, ImageRow, RetroMatchRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.sql_parameters import MAX_ID, chunks
from indexer.store.values import MatchKey
from indexer.types import BankKind, Decision, NewDecision, Outcome, Severity, Signal, Tier

_ColumnsT = TypeVarTuple("_ColumnsT")
_STANDING = DecisionRow.superseded_at.is_(None)
_OF_QUERY = (
    select(DecisionRow.__table__)
    .where(DecisionRow.query_sha256 == bindparam("sha256"), _STANDING)
    .order_by(DecisionRow.id)
)


@dataclass(slots=True)
class ListedDecisions:
    """What deciding about listed matches did."""

    made: list[int]
    """New decisions."""
    superseded: list[int]
    """Decisions that they take the place of."""
    unchanged: int
    """Matches whose decision says the same."""


class Decisions(Queries):
    """The decisions within one transaction."""

    def for_query(self, query_sha256: bytes) -> list[Decision]:
        """Return the decisions that hold for a query of these very bytes, oldest first.

        Parameters
        ----------
        query_sha256 : bytes
            32 bytes.
        """
        found = self._connection.execute(_OF_QUERY, {"sha256": query_sha256})
        return [_decision(row) for row in found]

    def page(
        self,
        *,
        after_id: int = 0,
        limit: int = 100,
        query_sha256: bytes | None = None,
        entry_id: int | None = None,
        outcome: Outcome | None = None,
        superseded: bool = False,
    ) -> list[Decision]:
        """Return a page of the decisions, oldest first.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most decisions of a page.
        query_sha256 : bytes, optional
            Only those on a query of these very bytes (32 bytes).
        entry_id : int, optional
            Only those on this entry.
        outcome : Outcome, optional
            Only those of this outcome.
        superseded : bool
            Whether decisions that a later one took the place of are returned, too.
        """
        wanted = [DecisionRow.id > min(after_id, MAX_ID)]
        if not superseded:
            wanted.append(_STANDING)
        if query_sha256 is not None:
            wanted.append(DecisionRow.query_sha256 == query_sha256)
        if entry_id is not None:
            wanted.append(DecisionRow.entry_id == min(entry_id, MAX_ID))
        if outcome is not None:
            wanted.append(DecisionRow.outcome == outcome.value)
        return self._decisions_where(*wanted, limit=limit)

    def standing(self, ids: Iterable[int]) -> set[int]:
        """Return those of some decisions that no later one has taken the place of."""
        return {*self._ids_among(DecisionRow, ids, _STANDING)}

    def outcomes(self, query_sha256s: Iterable[bytes]) -> dict[bytes, set[Outcome]]:
        """Return the outcomes that hold for queries of these bytes, those that have any."""
        found: dict[bytes, set[Outcome]] = {}
        statement = select(DecisionRow.query_sha256, DecisionRow.outcome).where(_STANDING)
        for row in self._rows(statement, DecisionRow.query_sha256, {*query_sha256s}):
            found.setdefault(row.query_sha256, set()).add(Outcome(row.outcome))
        return found

    def _decisions_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Decision]:
        """Return the decisions that satisfy all conditions, oldest first."""
        statement = select(DecisionRow.__table__).where(*conditions).order_by(DecisionRow.id)
        return [_decision(row) for row in self._connection.execute(statement.limit(limit))]


class DecisionEdits(Decisions, Edits):
    """The decisions within a writing transaction."""

    def __init__(self, transaction: Transaction, reviews: ReviewItemEdits) -> None:
        super().__init__(transaction)
        self._reviews = reviews

    def add(self, new: NewDecision) -> Decision:
        """Remember a decision; it takes the place of the earlier one on the same query and target.

        Nobody needs to review the match any more, unless it is escalated.
        One that says nothing new leaves the earlier one as it is, and returns it.

        Raises
        ------
        InputError
            Not exactly one of entry and image is given.
        NotFoundError
            There is no such entry, or no such image in the index.
        """
        self.check(new)
        of_match = (
            DecisionRow.query_sha256 == new.query_sha256,
            DecisionRow.entry_id.is_not_distinct_from(new.entry_id),
            DecisionRow.image_id.is_not_distinct_from(new.image_id),
            DecisionRow.superseded_at.is_(None),
        )
        standing = next(iter(self._decisions_where(*of_match)), None)
        if standing and _says_the_same(standing, new):
            self._dismiss_review(new, standing.id)
            return standing
        if standing:
            self.supersede([standing.id])
        decision_id = self._insert_one(DecisionRow, _columns(new) | {"created_at": self._now})
        self._dismiss_review(new, decision_id)
        [decision] = self._decisions_where(DecisionRow.id == decision_id)
        self._audit.record(
            "decision.add",
            "decision",
            decision_id,
            outcome=decision.outcome.value,
            query_sha256=decision.query_sha256,
            entry=decision.entry_id,
            image=decision.image_id,
            supersedes=None if standing is None else standing.id,
        )
        return decision

    def check(self, new: NewDecision) -> None:
        """Make sure that a decision is on one match that is there.

        Raises
        ------
        InputError
            Not exactly one of entry and image is given.
        NotFoundError
            There is no such entry, or no such image in the index.
        """
        if (new.entry_id is None) == (new.image_id is None):
            raise InputError(
                "A decision is on one match: name its entry, or its image if the match is "
                "not in a bank."
            )
        if new.entry_id is not None:
            Entries(self._connection).get(new.entry_id)  # raises when there is none
        if new.image_id is not None:
            self._require_images([new.image_id], ImageRow.removed_at.is_(None))

    def decide_listed(
        self, image_ids: Iterable[int], outcome: Outcome, reasons: Mapping[str, Any]
    ) -> ListedDecisions:
        """Decide about all that retro-scans listed for images.

        A decision that stands and says the same is left as it is.

        Parameters
        ----------
        image_ids : iterable of int
        outcome : Outcome
        reasons : mapping of str to Any
            The columns `analyst` and `note` of the decisions.
        """
        decided = ListedDecisions([], [], 0)
        for chunk in chunks(image_ids):
            listed = self._listed(chunk)
            standing = self._standing_by_match([match["query_sha256"] for match in listed])
            new = []
            for match in listed:
                before = standing.get((match["query_sha256"], match["entry_id"]))
                if before and before[1] == outcome.value:
                    decided.unchanged += 1
                    continue
                if before:
                    decided.superseded.append(before[0])
                new.append({**match, **reasons, "outcome": outcome.value, "created_at": self._now})
            self.supersede(decided.superseded)
            for row in new:
                decision_id = self._insert_one(DecisionRow, row)
                decided.made.append(decision_id)
                if outcome is not Outcome.ESCALATED:
                    decided_on = MatchKey(row["query_sha256"], row["entry_id"], None)
                    self._reviews.dismiss_match(decided_on, decision_id)
        return decided

    def banks_listed(self, image_ids: Iterable[int]) -> dict[str, Severity | None]:
        """Return the block banks that retro-scans listed matches of images with, and how grave."""
        found: dict[str, Severity | None] = {}
        statement = _of_block_banks(select(BankRow.name, BankRow.severity)).distinct()
        for name, severity in self._rows(statement, RetroMatchRow.image_id, image_ids):
            found[name] = None if severity is None else Severity(severity)
        return found

    def _dismiss_review(self, new: NewDecision, decision_id: int) -> None:
        """Let nobody review a match any more, unless it is escalated."""
        if new.outcome is not Outcome.ESCALATED:
            match = MatchKey(new.query_sha256, new.entry_id, new.image_id)
            self._reviews.dismiss_match(match, decision_id)

    def _listed(self, images: list[int]) -> list[dict[str, Any]]:
        """Return the newest match of each image with each entry of a block bank, as listed."""
        table = RetroMatchRow
        newest = (
            _of_block_banks(select(func.max(table.id)))
            .where(table.image_id.in_(images))
            .group_by(table.image_id, table.entry_id)
        )
        statement = (
            select(
                ImageRow.sha256.label("query_sha256"),
                table.entry_id,
                table.tier,
                table.decided_by,
            )
            .join(ImageRow, ImageRow.id == table.image_id)
            .where(table.id.in_(newest))
            .order_by(table.id)
        )
        return [dict(row) for row in self._connection.execute(statement).mappings()]

    def _standing_by_match(
        self, digests: list[bytes]
    ) -> dict[tuple[bytes, int | None], tuple[int, str]]:
        """Return the decisions that hold for queries: id and outcome by query and entry."""
        table = DecisionRow
        statement = select(table.query_sha256, table.entry_id, table.id, table.outcome).where(
            table.query_sha256.in_(set(digests)),
            table.entry_id.is_not(None),
            table.superseded_at.is_(None),
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in self._connection.execute(statement)}

    def take_back(self, decision_id: int) -> Decision:
        """Let a decision hold no longer, and the one that it superseded hold again.

        Raises
        ------
        NotFoundError
            There is no such decision, or it does not hold any more.
        """
        decision = require(
            self._decisions_where(DecisionRow.id == min(decision_id, MAX_ID), _STANDING),
            f"There is no decision {decision_id} that still holds, so nothing was taken back.",
        )
        match = (
            DecisionRow.query_sha256 == bytes.fromhex(decision.query_sha256),
            DecisionRow.entry_id.is_not_distinct_from(decision.entry_id),
            DecisionRow.image_id.is_not_distinct_from(decision.image_id),
            DecisionRow.superseded_at == decision.created_at,
        )
        before = [each.id for each in self._decisions_where(*match)]
        self._audit.record("decision.undo", "decision", decision_id, reinstated=before)
        self.undo([decision_id], before)
        return decision

    def undo(self, made: Iterable[int], superseded: Iterable[int]) -> None:
        """Let decisions hold no longer, and those again whose place they took.

        The review items that they had settled are open again.
        """
        ids = [*made]
        self.supersede(ids)
        self.reinstate(superseded)
        self._reviews.reopen_after(ids)

    def supersede(self, ids: Iterable[int]) -> None:
        """Let decisions hold no longer."""
        self._set(DecisionRow, ids, superseded_at=self._now)

    def reinstate(self, ids: Iterable[int]) -> None:
        """Let superseded decisions hold again."""
        self._set(DecisionRow, ids, superseded_at=None)


def _of_block_banks(columns: Select[*_ColumnsT]) -> Select[*_ColumnsT]:
    """Make a statement one on the listed matches with entries of block banks."""
    return (
        columns.select_from(RetroMatchRow)
        .join(EntryRow, EntryRow.id == RetroMatchRow.entry_id)
        .join(BankRow, BankRow.id == EntryRow.bank_id)
        .where(ACTIVE, BankRow.kind == BankKind.BLOCK.value)
    )


def _columns(new: NewDecision) -> dict[str, Any]:
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in asdict(new).items()
    }


def _says_the_same(standing: Decision, new: NewDecision) -> bool:
    return all(
        getattr(standing, name) == (value.hex() if isinstance(value, bytes) else value)
        for name, value in asdict(new).items()
    )


def _decision(row: Row[Any]) -> Decision:
    return from_row(
        Decision,
        row,
        query_sha256=row.query_sha256.hex(),
        query_pdq=None if row.query_pdq is None else row.query_pdq.hex(),
        outcome=Outcome(row.outcome),
        tier=None if row.tier is None else Tier(row.tier),
        decided_by=None if row.decided_by is None else Signal(row.decided_by),
    )
