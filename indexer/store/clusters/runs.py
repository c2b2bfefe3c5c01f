"""Cluster runs."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Text, cast, select

from indexer.store.images.spaces import Spaces
from indexer.store.models import (
    ClusterRunRow,
    SpaceRow,
)
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    RunState,
    Space,
)

SEMANTIC: Final = "semantic"
"""Parameter of a run: the start of the fingerprint of the semantic space that it clustered."""


class ClusterRuns(Queries):
    """The cluster runs within one transaction."""

    def get(self, run_id: int) -> ClusterRun:
        """Return a run.

        Raises
        ------
        NotFoundError
            There is no such run.
        """
        return require(
            self._runs_where(ClusterRunRow.id == min(run_id, MAX_ID)),
            f"There is no cluster run {run_id}. `lookalike cluster list` shows them.",
        )

    def page(self, *, after_id: int = 0, limit: int = 100) -> list[ClusterRun]:
        """Return a page of the runs, oldest first."""
        return self._runs_where(ClusterRunRow.id > min(after_id, MAX_ID), limit=limit)

    def latest(self, *, state: RunState | None = None, limit: int = 100) -> list[ClusterRun]:
        """Return the latest runs of all spaces, newest first."""
        wanted = [] if state is None else [ClusterRunRow.state == state.value]
        return self._runs_where(*wanted, newest_first=True, limit=limit)

    def newest(
        self,
        space_id: int,
        algorithm: ClusterAlgorithm | None = None,
        scope: ClusterScope | None = None,
        before: int | None = None,
    ) -> ClusterRun | None:
        """Return the newest finished run of a space, of a series where that is named.

        Parameters
        ----------
        space_id : int
        algorithm : ClusterAlgorithm, optional
        scope : ClusterScope, optional
        before : int, optional
            Only runs before this one.
        """
        conditions = [
            ClusterRunRow.space_id == space_id,
            ClusterRunRow.state == RunState.DONE.value,
        ]
        if algorithm is not None:
            conditions.append(ClusterRunRow.algorithm == algorithm.value)
        if before is not None:
            conditions.append(ClusterRunRow.id < before)
        if scope is not None:
            said = json.dumps(scope_columns(scope))  # as it was written, field by field
            conditions.append(cast(ClusterRunRow.scope, Text) == said)
        return next(iter(self._runs_where(*conditions, newest_first=True, limit=1)), None)

    def semantic_space(self, run: ClusterRun) -> Space | None:
        """Return the space of the semantic embeddings that a run clustered.

        None for a run of the index's own embeddings: families, and patterns of a model without
        semantic embeddings or from before there were any.
        """
        fingerprint = run.parameters.get(SEMANTIC)
        if fingerprint is None:
            return None
        return Spaces(self._connection).starting_with(fingerprint)

    def _runs_where(
        self, *conditions: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> list[ClusterRun]:
        order = ClusterRunRow.id.desc() if newest_first else ClusterRunRow.id
        statement = (
            select(ClusterRunRow.__table__, SpaceRow.fingerprint.label("model"))
            .join(SpaceRow, SpaceRow.id == ClusterRunRow.space_id)
            .where(*conditions)
            .order_by(order)
            .limit(limit)
        )
        return [_run(row) for row in self._connection.execute(statement)]


def scope_columns(scope: ClusterScope) -> dict[str, Any]:
    """Return a scope as the database keeps it: what narrows it, moments as text."""
    said = {name: value for name, value in asdict(scope).items() if value not in (None, ())}
    return {
        name: value.isoformat() if name in {"since", "until"} else value
        for name, value in said.items()
    }


def _run(row: Row[Any]) -> ClusterRun:
    return from_row(
        ClusterRun,
        row,
        algorithm=ClusterAlgorithm(row.algorithm),
        scope=_scope(row.scope),
        previous_run=row.previous_run_id,
        state=RunState(row.state),
    )


def _scope(columns: dict[str, Any]) -> ClusterScope:
    said = dict(columns)
    for name in {"since", "until"} & said.keys():
        said[name] = datetime.fromisoformat(said[name])
    if "banks" in said:
        said["banks"] = tuple(said["banks"])
    return ClusterScope(**said)
