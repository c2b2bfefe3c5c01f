"""Undoing what analysts did about clusters, where nothing of it has changed since."""

from typing import Any

from sqlalchemy import update

from indexer.errors import UndoRefused
from indexer.store.banks.conditions import ACTIVE
from indexer.store.clusters.action_edits import ClusterActionEdits
from indexer.store.models import ClusterActionRow, EntryRow
from indexer.store.sql_parameters import chunks
from indexer.types import ActionKind, ClusterAction

_NAMED = 10  # ids that an error names at most


class ClusterUndo(ClusterActionEdits):
    """What analysts do about clusters, and undo, within a writing transaction."""

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
                f"Action {action_id} was undone on {row.undone_at:%Y-%m-%d %H:%M} UTC. Nothing is "
                "left to undo."
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

    def _require_same(
        self, what: str, expected: str | None, now: str | None, action_id: int
    ) -> None:
        if now != expected:
            raise UndoRefused(
                f"Action {action_id} set the {what} to {expected!r}, which is {now!r} now. Undo "
                "the later change first, or set it anew."
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
        return {
            entry_id
            for chunk in chunks(ids)
            for entry_id in self._ids_where(EntryRow, EntryRow.id.in_(chunk), ACTIVE, enabled)
        }

    def _require_all(self, what: str, ids: list[int], there: set[int], action_id: int) -> None:
        if changed := sorted(set(ids) - there):
            named = ", ".join(map(str, changed[:_NAMED])) + (", ..." if changed[_NAMED:] else "")
            raise UndoRefused(
                f"Of the {len(ids)} {what} that action {action_id} made, {len(changed)} were "
                f"changed since ({named}). Undo or settle those first, or change what is left by "
                "hand."
            )
