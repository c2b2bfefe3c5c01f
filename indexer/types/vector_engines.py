"""Vector engines: what each of them holds of the log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.completeness import Completeness, CompletenessKind


class EngineState(StrEnum):
    """What the index uses an engine for."""

    JOINING = "joining"  # it catches up beside the one that is searched
    ACTIVE = "active"  # the gallery is searched in it
    FORMER = "former"  # the gallery was, and programs that were started then still do it


@dataclass(frozen=True, slots=True)
class EnginePosition:
    """What one collection of an engine has acknowledged."""

    address: str  # without credentials; `local` for the view in each process
    collection: str
    state: EngineState
    watermark: int  # the last change of the log that it holds
    vectors: int
    recall: float | None  # of the true ten nearest; None until it is measured
    recall_queries: int | None
    updated_at: datetime

    @property
    def completeness(self) -> Completeness:
        """How complete a search of it is."""
        if self.recall is None or not self.recall_queries:
            return Completeness(CompletenessKind.UNMEASURED)
        return Completeness.measured(self.recall, self.recall_queries)
