"""Errors of artefacts that must agree and do not."""

from indexer.errors.base import LookalikeError


class MismatchError(LookalikeError):
    """Two artefacts that must agree do not."""

    code = "mismatch"
    exit_code = 3


class DimensionMismatch(MismatchError):
    """A vector is not as long as the index expects."""

    code = "dimension_mismatch"

    def __init__(self, *, expected: int, got: int) -> None:
        super().__init__(
            f"The index holds vectors of length {expected}, got one of length {got}. "
            "Load the model that the index was built with: `lookalike status` names it."
        )


class ModelMismatch(MismatchError):
    """The index was built with another model than the one loaded."""

    code = "model_mismatch"

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(
            f"The index is bound to embedding space {expected[:12]}, the model has {got[:12]}. Use "
            "the model that `lookalike status` names, or start a new index: set LOOKALIKE_HOME to "
            "an empty folder and run `lookalike init --model ...`."
        )


class BankMismatch(MismatchError):
    """The bank exists with another kind."""

    code = "bank_mismatch"


class BankExists(MismatchError):
    """A bank of this name exists."""

    code = "bank_exists"


class SchemaMismatch(MismatchError):
    """The database's schema is not the one that this version of the program needs."""

    code = "schema_mismatch"


class SnapshotMismatch(MismatchError):
    """A snapshot does not fit its manifest or its log."""

    code = "snapshot_mismatch"


class CardMismatch(MismatchError):
    """A threshold card was calibrated for another embedding space."""

    code = "card_mismatch"

    def __init__(self, *, card_id: int, expected: int | None, got: int) -> None:
        super().__init__(
            f"Threshold card {card_id} was calibrated for embedding space {got}, similarities are "
            f"measured in space {expected}. Run `lookalike threshold calibrate` in this space."
        )
        self.card_id = card_id


class UndoRefused(MismatchError):
    """What an action did has changed since."""

    code = "undo_refused"


class AuditBroken(MismatchError):
    """A row of the audit log is not the one that was written."""

    code = "audit_broken"

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"The audit log is broken at row {number}: {reason}. Compare with an earlier export "
            "or backup; `lookalike audit list` shows the rows as they are now."
        )
        self.number = number


class AuditUnguarded(MismatchError):
    """The database would let somebody change the audit log."""

    code = "audit_unguarded"

    def __init__(self, flaws: list[str]) -> None:
        super().__init__(
            f"The database would let somebody change the audit log: {'; '.join(flaws)}. Compare "
            "with an earlier export or backup, and restore the triggers as docs/audit.md says."
        )
