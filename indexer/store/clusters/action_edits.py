"""Cluster actions: carrying them out, and undoing them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from indexer.errors import UndoRefused
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.cluster_values import ClusterPart
from indexer.store.clusters.actions import ClusterActions
from indexer.store.clusters.clusters import Clusters
from indexer.store.edits import Edits, Transaction
from indexer.store.models import ClusterActionRow, ClusterMemberRow, ClusterRow, EntryRow, ImageRow
from indexer.store.verdicts.decisions import DecisionEdits
from indexer.types import ActionKind, Bank, ClusterAction, Outcome

_NAMED = 10  # ids that an error names at most


class ClusterActionEdits(ClusterActions, Edits):
    """What analysts do about clusters, within a writing transaction."""

    def __init__(
        self, transaction: Transaction, entries: EntryEdits, decisions: DecisionEdits
    ) -> None:
        super().__init__(transaction)
        self._clusters = Clusters(transaction.connection)
        self._entries = entries
        self._decisions = decisions

    def label(self, cluster_id: int, name: str) -> ClusterAction:
        """Give a cluster another name.

        Raises
        ------
        NotFoundError
            There is no such cluster.
        """
        before = self._clusters.name(cluster_id)
        self._set_cluster(cluster_id, name=name)
        said = {"name": name, "before": before}
        return self._act(ActionKind.LABEL, cluster_id, None, said, {"before": before})

    def note(self, cluster_id: int, note: str | None) -> ClusterAction:
        """Give a cluster another note, or none.

        Raises
        ------
        NotFoundError
            There is no such cluster.
        """
        self._clusters.name(cluster_id)  # raises when there is none
        before = self._clusters.note(cluster_id)
        self._set_cluster(cluster_id, note=note)
        said = {"note": note, "before": before}
        return self._act(ActionKind.NOTE, cluster_id, None, said, {"before": before})

    def bank(self, part: ClusterPart, bank: Bank) -> ClusterAction:
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

    def decide(
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
        found = self._decisions.decide_listed(images, outcome, reasons)
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

    def undo(self, action_id: int) -> ClusterAction:
        """Take back all that an action did.

        Raises
        ------
        NotFoundError
            There is no such action.
        UndoRefused
            It is undone already, or something that it did has changed since.
        """
        row = self._action_row(action_id)
        if row.undone_at is not None:
            raise UndoRefused(
                f"Action {action_id} was undone on {row.undone_at:%Y-%m-%d %H:%M} UTC. There "
                "is nothing left to undo."
            )
        said, undo = row.detail["said"], row.detail["undo"]
        if row.kind == ActionKind.LABEL:
            self._require_same("name", said["name"], self._clusters.name(row.cluster_id), action_id)
            self._set_cluster(row.cluster_id, name=undo["before"])
        elif row.kind == ActionKind.NOTE:
            self._require_same("note", said["note"], self._clusters.note(row.cluster_id), action_id)
            self._set_cluster(row.cluster_id, note=undo["before"])
        else:
            self._take_back(undo, action_id)
        of_action = ClusterActionRow.id == action_id
        self._connection.execute(
            update(ClusterActionRow).where(of_action).values(undone_at=self._now)
        )
        self._audit.record(
            "cluster.undo", "cluster", row.cluster_id, action_id=action_id, kind=row.kind
        )
        return self.get(action_id)

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
        self._audit.record(
            f"cluster.{kind}", "cluster", cluster_id, action_id=action_id, run=run_id, **shown
        )
        return self.get(action_id)

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
        self._entries.add(bank.id, images)
        return sorted(self._entries_of(bank, images) - before)

    def _entries_of(self, bank: Bank, images: list[int]) -> set[int]:
        statement = select(EntryRow.id).where(EntryRow.bank_id == bank.id, ACTIVE)
        return {row.id for row in self._rows(statement, EntryRow.image_id, images)}

    def _require_same(
        self, what: str, expected: str | None, now: str | None, action_id: int
    ) -> None:
        if now != expected:
            raise UndoRefused(
                f"Action {action_id} set the {what} to {expected!r}, which is {now!r} now. "
                "Undo the later change first, or set it again."
            )

    def _take_back(self, undo: dict[str, list[Any]], action_id: int) -> None:
        entries, made = undo["entries"], undo.get("made", [])
        self._require_all("entries", entries, self._untouched_entries(entries), action_id)
        self._require_all("decisions", made, self._decisions.standing(made), action_id)
        self._entries.remove(entries)
        self._decisions.supersede(made)
        self._decisions.reinstate(undo.get("superseded", []))

    def _untouched_entries(self, ids: list[int]) -> set[int]:
        enabled = EntryRow.disabled_until.is_(None)
        return {*self._ids_among(EntryRow, ids, ACTIVE, enabled)}

    def _require_all(self, what: str, ids: list[int], there: set[int], action_id: int) -> None:
        if changed := sorted(set(ids) - there):
            named = ", ".join(map(str, changed[:_NAMED])) + (", ..." if changed[_NAMED:] else "")
            raise UndoRefused(
                f"Of the {len(ids)} {what} that action {action_id} made, {len(changed)} were "
                f"changed since ({named}). Undo those changes first, or make the remaining "
                "ones by hand."
            )
