"""Every error this project raises on purpose.

* LookalikeError
  x InputError              the caller sent something we cannot use
    - SettingsError         a setting has a value we cannot use, or a name we do not know
    - UnreadableSource      a file or folder could not be opened or read
    - EmptyImage            there are no bytes
    - UnreadableImage       the bytes are not an image that we can decode
    - ImageTooLarge         more bytes, pixels or frames than the settings allow
      * CostlyImage         decoding it would keep a core busy for seconds
    - InvalidName           a bank's name is not one we accept
    - InvalidFingerprint    the text is no fingerprint of the kind it should be
      * EmptyFingerprint    a fingerprint of no content at all, which matches by accident
    - InvalidModel          a model reference or directory that cannot be used
    - UnexportableModel     a model that ONNX Runtime cannot run as torch does
    - RequestKeyReused      another request had the same idempotency key
    - UnusableOutput        the model gave no finite probabilities or embedding for an image
    - UnusableVectors       stored embeddings that cannot be clustered
    - FetchDisabled         pictures are not fetched by URL here
    - FetchRefused          a URL, or an address behind it, that we do not send requests to
    - FetchFailed           another server did not give what was asked of it
  x AccessError             the caller may not do that
    - Unauthenticated       no key was given, or one that does not work
    - Forbidden             the key has not the scope that this takes
    - RateLimited           the key made more requests than it may
    - LockedOut             too many wrong keys came from there
  x MismatchError           two artefacts that must agree do not
    - DimensionMismatch     a vector is not as long as the index expects
    - ModelMismatch         the index was built with another model
    - BankMismatch          the bank exists with another kind
    - BankExists            a bank of this name exists
    - SchemaMismatch        the database's schema is not this version's
    - SnapshotMismatch      a snapshot does not fit its manifest or its log
    - CardMismatch          a threshold card was calibrated for another embedding space
    - UndoRefused           what an action did has changed since
    - AuditBroken           a row of the audit log is not the one that was written
    - AuditUnguarded        the database would let somebody change the audit log
  x NotFoundError           no such image, bank or model
    - IndexNotInitialised   the database holds no tables yet
  x UnavailableError        nothing is wrong with the request; try again later
    - DatabaseUnavailable   the database cannot be reached or is locked
    - DatabaseReplaced      the database is another one than when it was opened
    - ViewNotReady          the vector view has not caught up yet
    - SnapshotNotWritten    a view could not be written to disk
    - ExportNotWritten      an exported model could not be written to disk
    - ListNotWritten        a list of fingerprints could not be written to disk
    - AuditNotWritten       an export of the audit log could not be written to disk
    - AuditUnavailable      lookups cannot be written down, so none is answered
    - RunUnderWay           the index is being clustered already
"""

import math


class LookalikeError(Exception):
    """Base class: catching it catches everything we raise on purpose."""

    code = "lookalike_error"
    exit_code = 1


class InputError(LookalikeError):
    """The caller sent something we cannot use."""

    code = "invalid_input"
    exit_code = 2


class SettingsError(InputError):
    """A setting has a value we cannot use, or a name we do not know."""

    code = "invalid_setting"


class UnreadableSource(InputError):
    """A file or folder could not be opened or read."""

    code = "unreadable_source"


class EmptyImage(InputError):
    """There are no bytes."""

    code = "empty_image"


class UnreadableImage(InputError):
    """The bytes are not an image that we can decode."""

    code = "unreadable_image"


class ImageTooLarge(InputError):
    """The image has more bytes, pixels or frames than the settings allow."""

    code = "image_too_large"


class CostlyImage(ImageTooLarge):
    """Decoding the image would keep a core busy for seconds."""

    code = "costly_image"


class InvalidName(InputError):
    """A bank's name is not one we accept."""

    code = "invalid_name"


class InvalidFingerprint(InputError):
    """The text is no fingerprint of the kind it should be."""

    code = "invalid_fingerprint"


class EmptyFingerprint(InvalidFingerprint):
    """A fingerprint of no content at all, which matches by accident."""

    code = "empty_fingerprint"


class InvalidModel(InputError):
    """A model reference or directory that cannot be used."""

    code = "invalid_model"


class UnexportableModel(InputError):
    """A model that ONNX Runtime cannot run as torch does."""

    code = "unexportable_model"


class RequestKeyReused(InputError):
    """Another request had the same idempotency key."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} came with another request in the last 24 hours, so this "
            "one was not carried out. Send it with a key of its own."
        )


class UnusableOutput(InputError):
    """The model gave no finite probabilities or embedding for an image."""

    code = "unusable_output"

    def __init__(self, *, rows: tuple[int, ...], model: str) -> None:
        super().__init__(
            f"The model {model} gave no usable answer (not finite, or an embedding of zero length) "
            f"for row(s) {', '.join(map(str, rows))} of the batch. Leave those images out; if it "
            "happens for every image the weights are damaged: fetch the model again."
        )
        self.rows = rows


class UnusableVectors(InputError):
    """Stored embeddings that cannot be clustered."""

    code = "unusable_vectors"

    def __init__(self, image_ids: list[int]) -> None:
        named = ", ".join(map(str, image_ids[:10])) + (", ..." if len(image_ids) > 10 else "")  # noqa: PLR2004 -- enough to see what is meant
        super().__init__(
            f"The embeddings of {len(image_ids)} images are not finite or not of length 1 "
            f"({named}). `lookalike verify` says what else is wrong; restore the database from a "
            "backup, or remove those images and add them again."
        )


class FetchDisabled(InputError):
    """Pictures are not fetched by URL here."""

    code = "fetch_disabled"


class FetchRefused(InputError):
    """A URL, or an address behind it, that we do not send requests to."""

    code = "fetch_refused"


class FetchFailed(InputError):
    """Another server did not give what was asked of it."""

    code = "fetch_failed"


class AccessError(LookalikeError):
    """The caller may not do that."""

    code = "access_denied"
    exit_code = 2


class Unauthenticated(AccessError):
    """No key was given, or one that does not work."""

    code = "unauthenticated"


class Forbidden(AccessError):
    """The key has not the scope that this takes."""

    code = "forbidden"


class RateLimited(AccessError):
    """The key made more requests than it may."""

    code = "rate_limited"

    def __init__(self, *, name: str, rate: float, wait: float) -> None:
        super().__init__(
            f"Key {name!r} may make {rate:g} requests a second on average. Try again in "
            f"{max(1, math.ceil(wait))} s, or let an admin make a key with a higher rate."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class LockedOut(AccessError):
    """Too many wrong keys came from there."""

    code = "locked_out"

    def __init__(self, *, address: str, wait: float) -> None:
        super().__init__(
            f"Too many wrong keys came from {address}. Keys that were not used from there lately "
            f"are looked at again in {max(1, math.ceil(wait))} s."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


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
        self.expected = expected
        self.got = got


class ModelMismatch(MismatchError):
    """The index was built with another model than the one loaded."""

    code = "model_mismatch"

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(
            f"The index holds embeddings of space {expected[:12]}, the loaded model makes space "
            f"{got[:12]}. Use the model that the index was built with (`lookalike status` names "
            "it), or start a new index: set LOOKALIKE_HOME to an empty folder and run "
            "`lookalike init --model ...`."
        )
        self.expected = expected
        self.got = got


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
        self.expected = expected
        self.got = got


class UndoRefused(MismatchError):
    """What an action did has changed since."""

    code = "undo_refused"


class AuditBroken(MismatchError):
    """A row of the audit log is not the one that was written."""

    code = "audit_broken"

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"The audit log is broken at row {number}: {reason}. Compare with an export or a "
            "backup from before; `lookalike audit list` shows what the rows say now."
        )
        self.number = number
        self.reason = reason


class AuditUnguarded(MismatchError):
    """The database would let somebody change the audit log."""

    code = "audit_unguarded"

    def __init__(self, flaws: list[str]) -> None:
        super().__init__(
            f"The database would let somebody change the audit log: {'; '.join(flaws)}. Find out "
            "who did that, compare with an export or a backup from before, and make the triggers "
            "anew as docs/audit.md says."
        )
        self.flaws = tuple(flaws)


class NotFoundError(LookalikeError):
    """No such image, bank or model."""

    code = "not_found"
    exit_code = 4


class IndexNotInitialised(NotFoundError):
    """The database holds no tables yet."""

    code = "index_not_initialised"


class UnavailableError(LookalikeError):
    """Nothing is wrong with the request; try again later."""

    code = "unavailable"
    exit_code = 5


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached or is locked."""

    code = "database_unavailable"


class DatabaseReplaced(UnavailableError):
    """The database is another one than when it was opened."""

    code = "database_replaced"


class ViewNotReady(UnavailableError):
    """The vector view has not caught up yet."""

    code = "view_not_ready"


class SnapshotNotWritten(UnavailableError):
    """A view could not be written to disk; what is there already is untouched."""

    code = "snapshot_not_written"


class ExportNotWritten(UnavailableError):
    """An exported model could not be written to disk."""

    code = "export_not_written"


class ListNotWritten(UnavailableError):
    """A list of fingerprints could not be written to disk; what is there already is untouched."""

    code = "list_not_written"


class AuditNotWritten(UnavailableError):
    """An export of the audit log could not be written to disk."""

    code = "audit_not_written"


class AuditUnavailable(UnavailableError):
    """Lookups cannot be written to the audit log, so none is answered."""

    code = "audit_unavailable"


class RunUnderWay(UnavailableError):
    """The index is being clustered already."""

    code = "run_under_way"
