"""Cluster actions: carrying them out, and undoing them."""

from collections.abc import Mapping
from datetime import datetime
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
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.verdicts.decisions import DecisionEdits
from indexer.types import ActionKind, Bank, ClusterAction, Outcome, ReviewAct, Severity

_NAMED = 10  # ids that an error names at most


class ClusterActionEdits(ClusterActions, Edits):
    """What analysts do about clusters, within a writing transaction."""

    def __init__(
        self,
        transaction: Transaction,
        entries: EntryEdits,
        decisions: DecisionEdits,
        reviews: ReviewItemEdits,
    ) -> None:
        super().__init__(transaction)
        self._clusters = Clusters(transaction.connection)
        self._entries = entries
        self._decisions = decisions
        self._reviews = reviews

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
        return self._act(ActionKind.BANK, part.cluster_id, part.run_id, *self._bank(part, bank))

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
        reasons = {"analyst": analyst, "note": note}
        did = self._decide(part, outcome, bank, reasons)
        return self._act(ActionKind.DECISION, part.cluster_id, part.run_id, *did)

    def banks_listed(self, part: ClusterPart) -> dict[str, Severity | None]:
        """Return the block banks that a decision on a part of a cluster is about, and how grave."""
        return self._decisions.banks_listed(self._images_of(part))

    def hold(self, kind: ActionKind, part: ClusterPart, counts: Mapping[str, Any]) -> ClusterAction:
        """Write down that an action waits for a second person's signature; it does nothing yet.

        Parameters
        ----------
        kind : ActionKind
        part : ClusterPart
        counts : mapping of str to Any
            What may be told of it meanwhile: no outcome.
        """
        said = {"min_probability": part.min_probability, **counts, "awaits_signature": True}
        return self._act(kind, part.cluster_id, part.run_id, said, {"entries": []})

    def name_review(self, action_id: int, review_id: int) -> ClusterAction:
        """Say at which review item an action waits."""
        row = self._action_row(action_id)
        self._rewrite(action_id, row.detail["said"] | {"review_id": review_id}, row.detail["undo"])
        return self.get(action_id)

    def fulfil(
        self,
        act: ReviewAct,
        outcome: Outcome,
        *,
        analyst: str | None = None,
        note: str | None = None,
        bank: Bank | None = None,
    ) -> ClusterAction:
        """Carry out an action that has been signed by a second person.

        One that only lets a cluster join a bank, and comes to no bank, is given up.
        """
        action_id = act.action_id or 0
        row = self._action_row(action_id)
        part = ClusterPart(row.cluster_id, row.run_id or 0, act.min_probability)
        if act.decides:
            reasons = {"analyst": analyst, "note": note}
            said, undo = self._decide(part, outcome, bank, reasons)
        elif bank:
            said, undo = self._bank(part, bank)
        else:
            self.give_up(action_id)
            return self.get(action_id)
        waiting = {"held": row.detail["said"]}
        told = {"review_id": row.detail["said"].get("review_id"), "awaits_signature": False}
        self._rewrite(action_id, said | told, undo | waiting)
        self._record(ActionKind(row.kind), part.cluster_id, part.run_id, action_id, said)
        return self.get(action_id)

    def hold_again(self, action_id: int) -> ClusterAction:
        """Take back what an action did with the second signature: it waits again.

        Raises
        ------
        UndoRefused
            Something that it did has changed since.
        """
        row = self._action_row(action_id)
        undo = row.detail["undo"]
        if row.undone_at is None:
            self._take_back(undo, action_id)
        self._rewrite(action_id, undo.get("held", row.detail["said"]), {"entries": []})
        self._set_undone(action_id, None)
        return self.get(action_id)

    def give_up(self, action_id: int) -> None:
        """Say that an action that waits for a signature is not carried out."""
        row = self._action_row(action_id)
        said = row.detail["said"] | {"awaits_signature": False}
        self._rewrite(action_id, said, row.detail["undo"])
        self._set_undone(action_id, self._now)
        self._audit.record(
            "cluster.undo", "cluster", row.cluster_id, action_id=action_id, kind=row.kind
        )

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
        elif said.get("awaits_signature"):
            self._reviews.withdraw(said["review_id"])
            self._rewrite(action_id, said | {"awaits_signature": False}, undo)
        else:
            self._take_back(undo, action_id)
        self._set_undone(action_id, self._now)
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
        self._record(kind, cluster_id, run_id, action_id, said)
        return self.get(action_id)

    def _record(
        self,
        kind: ActionKind,
        cluster_id: int,
        run_id: int | None,
        action_id: int,
        said: Mapping[str, Any],
    ) -> None:
        told = said if kind is not ActionKind.NOTE else {}  # no notes in the audit log
        shown = {key: value for key, value in told.items() if key not in {"note", "analyst"}}
        self._audit.record(
            f"cluster.{kind}", "cluster", cluster_id, action_id=action_id, run=run_id, **shown
        )

    def _rewrite(self, action_id: int, said: Mapping[str, Any], undo: Mapping[str, Any]) -> None:
        of_action = update(ClusterActionRow).where(ClusterActionRow.id == action_id)
        self._connection.execute(of_action.values(detail={"said": said, "undo": undo}))

    def _set_undone(self, action_id: int, at: datetime | None) -> None:
        of_action = update(ClusterActionRow).where(ClusterActionRow.id == action_id)
        self._connection.execute(of_action.values(undone_at=at))

    def _bank(self, part: ClusterPart, bank: Bank) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add a part of a cluster to a bank; return what is said of it, and what undoes it."""
        images = self._images_of(part)
        entries = self._join(bank, images)
        said = {
            "bank": bank.name,
            "min_probability": part.min_probability,
            "members": len(images),
            "new_entries": len(entries),
        }
        return said, {"entries": entries}

    def _decide(
        self, part: ClusterPart, outcome: Outcome, bank: Bank | None, reasons: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Decide on the listed matches; return what is said of it, and what undoes it."""
        images = self._images_of(part)
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
        return said, {"entries": entries, "made": found.made, "superseded": found.superseded}

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
        self._decisions.undo(made, undo.get("superseded", []))

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
