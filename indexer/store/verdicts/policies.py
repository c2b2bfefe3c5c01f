"""Policies: the versions that were in force, and the one that is."""

from sqlalchemy import ColumnElement, select, update

from indexer.store.edits import Edits
from indexer.store.models import PolicyRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import Policy

_IN_FORCE = PolicyRow.retired_at.is_(None)
_VERSION = select(PolicyRow.version).where(_IN_FORCE)


class Policies(Queries):
    """The versions of the policy within one transaction; at most one is in force."""

    def version_in_force(self) -> int | None:
        """Return the version in force; None for none."""
        return self._connection.scalar(_VERSION)

    def in_force(self) -> Policy | None:
        """Return the policy in force; None for none."""
        return next(iter(self._policies_where(_IN_FORCE)), None)

    def get(self, version: int) -> Policy:
        """Return a version, in force or not.

        Raises
        ------
        NotFoundError
            There is no such version.
        """
        return require(
            self._policies_where(PolicyRow.version == min(version, MAX_ID)),
            f"There is no policy version {version}. `lookalike policy list` shows them.",
        )

    def page(self, *, before: int | None = None, limit: int | None = None) -> list[Policy]:
        """Return a page of the versions, newest first.

        Parameters
        ----------
        before : int, optional
            Last version of the page before.
        limit : int, optional
            Most versions of a page; all by default.
        """
        earlier = [] if before is None else [PolicyRow.version < min(before, MAX_ID)]
        return self._policies_where(*earlier, limit=limit)

    def _policies_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Policy]:
        """Return the versions that satisfy all conditions, newest first."""
        statement = select(PolicyRow.__table__).where(*conditions)
        newest_first = statement.order_by(PolicyRow.version.desc()).limit(limit)
        return [from_row(Policy, row) for row in self._connection.execute(newest_first)]


class PolicyEdits(Policies, Edits):
    """The versions of the policy within a writing transaction."""

    def put_in_force(self, name: str, document: str) -> Policy:
        """Put a document in force as a new version; the same document again changes nothing."""
        earlier = self.in_force()
        if earlier and earlier.document == document:
            return earlier
        self._retire()
        row = {"name": name, "document": document, "created_at": self._now}
        self._insert(PolicyRow, [row])
        [policy] = self._policies_where(_IN_FORCE)
        replaced = earlier.version if earlier else None
        self._audit.record("policy.use", "policy", policy.version, name=name, replaces=replaced)
        return policy

    def retire(self) -> Policy | None:
        """Take the policy out of force, so that none is; return it, or None if none was."""
        earlier = self.in_force()
        if earlier is None:
            return None
        self._retire()
        self._audit.record("policy.retire", "policy", earlier.version, name=earlier.name)
        return self.get(earlier.version)

    def _retire(self) -> None:
        self._connection.execute(update(PolicyRow).where(_IN_FORCE).values(retired_at=self._now))
