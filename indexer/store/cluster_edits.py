"""Writing down what analysts do about clusters, with all that undoing it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from indexer.store.entry_conditions import ACTIVE
from indexer.store.entry_edits import EntryEdits
from indexer.store.models import (
    BankRow,
    ClusterActionRow,
    ClusterMemberRow,
    ClusterRow,
    DecisionRow,
    EntryRow,
    ImageRow,
    RetroMatchRow,
)
from indexer.store.parameters import chunks
from indexer.types import ActionKind, Bank, BankKind, ClusterAction, Outcome


@dataclass(frozen=True, slots=True)
class ClusterPart:
    """The members of a cluster, as a run found it, that belong to it at least so strongly."""

    cluster_id: int
    run_id: int
    min_probability: float


class ClusterEdits(EntryEdits):
    """What edits clusters; `Writer` has the rest."""

    def label_cluster(self, cluster_id: int, name: str) -> ClusterAction:
        """Give a cluster another name.

        Raises
        ------
        NotFoundError
            There is no such cluster.
        """
        before = self.cluster_name(cluster_id)
        self._set_cluster(cluster_id, name=name)
        said = {"name": name, "before": before}
        return self._act(ActionKind.LABEL, cluster_id, None, said, {"before": before})

    def note_cluster(self, cluster_id: int, note: str | None) -> ClusterAction:
        """Give a cluster another note, or none.

        Raises
        ------
        NotFoundError
            There is no such cluster.
        """
        self.cluster_name(cluster_id)  # raises when there is none
        before = self.cluster_note(cluster_id)
        self._set_cluster(cluster_id, note=note)
        said = {"note": note, "before": before}
        return self._act(ActionKind.NOTE, cluster_id, None, said, {"before": before})

    def bank_cluster(self, part: ClusterPart, bank: Bank) -> ClusterAction:
        """Make the active images of a part of a cluster entries of a bank."""
        images = self._images_of(part)
        entries = self._join(bank, images)
        said = {
            "bank": bank.name,
            "min_probability": part.min_probability,
            "members": len(images),
            "new_entries": len(entries),
        }
        undo = {"entries": entries}
        return self._act(ActionKind.BANK, part.cluster_id, part.run_id, said, undo)

    def decide_cluster(
        self,
        part: ClusterPart,
        outcome: Outcome,
        bank: Bank | None = None,
        *,
        analyst: str | None = None,
        note: str | None = None,
    ) -> ClusterAction:
        """Decide about all that retro-scans listed for a part of a cluster; let it join a bank.

        A decision that stands and says the same is left as it is.
        """
        images = self._images_of(part)
        reasons = {"analyst": analyst, "note": note}
        found = self._decide_listed(images, outcome, reasons)
        entries = self._join(bank, images) if bank else []
        said = {
            "outcome": outcome.value,
            "bank": bank.name if bank else None,
            "min_probability": part.min_probability,
            "members": len(images),
            "decisions": len(found.made),
            "unchanged": found.unchanged,
            "new_entries": len(entries),
            **reasons,
        }
        undo = {"entries": entries, "made": found.made, "superseded": found.superseded}
        return self._act(ActionKind.DECISION, part.cluster_id, part.run_id, said, undo)

    def _act(
        self,
        kind: ActionKind,
        cluster_id: int,
        run_id: int | None,
        said: Mapping[str, Any],
        undo: Mapping[str, Any],
    ) -> ClusterAction:
        row = {
            "cluster_id": cluster_id,
            "run_id": run_id,
            "kind": kind.value,
            "detail": {"said": said, "undo": undo},
            "created_at": self._now,
            "undone_at": None,
        }
        action_id = self._insert_one(ClusterActionRow, row)
        told = said if kind is not ActionKind.NOTE else {}  # no notes in the audit log
        shown = {key: value for key, value in told.items() if key not in {"note", "analyst"}}
        self._audit(
            f"cluster.{kind}", "cluster", cluster_id, action_id=action_id, run=run_id, **shown
        )
        return self.cluster_action(action_id)

    def _set_cluster(self, cluster_id: int, **values: Any) -> None:
        self._connection.execute(
            update(ClusterRow).where(ClusterRow.id == cluster_id).values(values)
        )

    def _images_of(self, part: ClusterPart) -> list[int]:
        """Return the active images of a part of a cluster, ascending."""
        table = ClusterMemberRow
        statement = (
            select(table.image_id)
            .join(ImageRow, ImageRow.id == table.image_id)
            .where(
                table.run_id == part.run_id,
                table.cluster_id == part.cluster_id,
                table.probability >= part.min_probability,
                ImageRow.removed_at.is_(None),
            )
            .order_by(table.image_id)
        )
        return list(self._connection.scalars(statement))

    def _join(self, bank: Bank, images: list[int]) -> list[int]:
        """Make images entries of a bank; return the new entries."""
        before = self._entries_of(bank, images)
        self.add_entries(bank.id, images)
        return sorted(self._entries_of(bank, images) - before)

    def _entries_of(self, bank: Bank, images: list[int]) -> set[int]:
        return {
            entry_id
            for chunk in chunks(images)
            for entry_id in self._ids_where(
                EntryRow, EntryRow.bank_id == bank.id, EntryRow.image_id.in_(chunk), ACTIVE
            )
        }

    def _decide_listed(
        self, images: list[int], outcome: Outcome, reasons: Mapping[str, Any]
    ) -> "_Decided":
        decided = _Decided([], [], 0)
        for chunk in chunks(images):
            listed = self._listed(chunk)
            standing = self._standing([match["query_sha256"] for match in listed])
            new = []
            for match in listed:
                before = standing.get((match["query_sha256"], match["entry_id"]))
                if before and before[1] == outcome.value:
                    decided.unchanged += 1
                    continue
                if before:
                    decided.superseded.append(before[0])
                new.append({**match, **reasons, "outcome": outcome.value, "created_at": self._now})
            self._supersede(decided.superseded)
            for row in new:
                decided.made.append(self._insert_one(DecisionRow, row))
        return decided

    def _listed(self, images: list[int]) -> list[dict[str, Any]]:
        """Return the newest match of each image with each entry of a block bank, as listed."""
        table = RetroMatchRow
        newest = (
            select(func.max(table.id))
            .join(EntryRow, EntryRow.id == table.entry_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(table.image_id.in_(images), ACTIVE, BankRow.kind == BankKind.BLOCK.value)
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

    def _standing(self, digests: list[bytes]) -> dict[tuple[bytes, int | None], tuple[int, str]]:
        """Return the decisions that hold for queries: id and outcome by query and entry."""
        table = DecisionRow
        statement = select(table.query_sha256, table.entry_id, table.id, table.outcome).where(
            table.query_sha256.in_(set(digests)),
            table.entry_id.is_not(None),
            table.superseded_at.is_(None),
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in self._connection.execute(statement)}

    def _supersede(self, decision_ids: list[int]) -> None:
        for chunk in chunks(decision_ids):
            of_chunk = (DecisionRow.id.in_(chunk), DecisionRow.superseded_at.is_(None))
            self._connection.execute(
                update(DecisionRow).where(*of_chunk).values(superseded_at=self._now)
            )


@dataclass(slots=True)
class _Decided:
    made: list[int]
    superseded: list[int]
    unchanged: int
