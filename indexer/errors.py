"""Errors that this project raises on purpose.

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
import re


def named(ids: list[int], most: int = 10) -> str:
    """Return the first ids for a message, with an ellipsis where there are more."""
    return ", ".join(map(str, ids[:most])) + (", ..." if len(ids) > most else "")


class LookalikeError(Exception):
    """Base class: catching it catches everything we raise on purpose."""

    code = "lookalike_error"
    """Of a subclass: its name in snake case, where it sets none; `CostlyImage` has costly_image."""
    exit_code = 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class InputError(LookalikeError):
    """The caller sent something we cannot use."""

    code = "invalid_input"
    exit_code = 2


class SettingsError(InputError):
    """A setting has a value we cannot use, or a name we do not know."""

    code = "invalid_setting"


class UnreadableSource(InputError):
    """A file or folder could not be opened or read."""


class EmptyImage(InputError):
    """There are no bytes."""


class UnreadableImage(InputError):
    """The bytes are not an image that we can decode."""


class ImageTooLarge(InputError):
    """The image has more bytes, pixels or frames than the settings allow."""


class CostlyImage(ImageTooLarge):
    """Decoding the image would keep a core busy for seconds."""


class InvalidName(InputError):
    """A bank's name is not one we accept."""


class InvalidFingerprint(InputError):
    """The text is no fingerprint of the kind it should be."""


class EmptyFingerprint(InvalidFingerprint):
    """A fingerprint of no content at all, which matches by accident."""


class InvalidModel(InputError):
    """A model reference or directory that cannot be used."""


class UnexportableModel(InputError):
    """A model that ONNX Runtime cannot run as torch does."""


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

    def __init__(self, *, rows: tuple[int, ...], model: str) -> None:
        super().__init__(
            f"The model {model} gave no finite output, or an embedding of length 0, for row(s) "
            f"{', '.join(map(str, rows))} of the batch. Leave those images out; if it happens for "
            "every image, the weights are damaged: fetch the model again."
        )
        self.rows = rows


class UnusableVectors(InputError):
    """Stored embeddings that cannot be clustered."""

    def __init__(self, image_ids: list[int]) -> None:
        super().__init__(
            f"The embeddings of {len(image_ids)} images are not finite or not of length 1 "
            f"({named(image_ids)}). `lookalike verify` names other faults; restore the database "
            "from a backup, or remove those images and add them again."
        )


class FetchDisabled(InputError):
    """Pictures are not fetched by URL here."""


class FetchRefused(InputError):
    """A URL, or an address behind it, that we do not send requests to."""


class FetchFailed(InputError):
    """Another server did not give what was asked of it."""


class AccessError(LookalikeError):
    """The caller may not do that."""

    code = "access_denied"
    exit_code = 2


class Unauthenticated(AccessError):
    """No key was given, or one that does not work."""


class Forbidden(AccessError):
    """The key has not the scope that this takes."""


class RateLimited(AccessError):
    """The key made more requests than it may."""

    def __init__(self, *, name: str, rate: float, wait: float) -> None:
        super().__init__(
            f"Key {name!r} may make {rate:g} requests a second on average. Try again in "
            f"{max(1, math.ceil(wait))} s, or let an admin make a key with a higher rate."
        )
        self.retry_after = max(1, math.ceil(wait))  # seconds


class LockedOut(AccessError):
    """Too many wrong keys came from there."""

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

    def __init__(self, *, expected: int, got: int) -> None:
        super().__init__(
            f"The index holds vectors of length {expected}, got one of length {got}. "
            "Load the model that the index was built with: `lookalike status` names it."
        )


class ModelMismatch(MismatchError):
    """The index was built with another model than the one loaded."""

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(
            f"The index holds embeddings of space {expected[:12]}, the loaded model makes space "
            f"{got[:12]}. Use the model that the index was built with (`lookalike status` names "
            "it), or start a new index: set LOOKALIKE_HOME to an empty folder and run "
            "`lookalike init --model ...`."
        )


class BankMismatch(MismatchError):
    """The bank exists with another kind."""


class BankExists(MismatchError):
    """A bank of this name exists."""


class SchemaMismatch(MismatchError):
    """The database's schema is not the one that this version of the program needs."""


class SnapshotMismatch(MismatchError):
    """A snapshot does not fit its manifest or its log."""


class CardMismatch(MismatchError):
    """A threshold card was calibrated for another embedding space."""

    def __init__(self, *, card_id: int, expected: int | None, got: int) -> None:
        super().__init__(
            f"Threshold card {card_id} was calibrated for embedding space {got}, similarities are "
            f"measured in space {expected}. Run `lookalike threshold calibrate` in this space."
        )
        self.card_id = card_id


class UndoRefused(MismatchError):
    """What an action did has changed since."""


class AuditBroken(MismatchError):
    """A row of the audit log is not the one that was written."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"The audit log is broken at row {number}: {reason}. Compare with an earlier export "
            "or backup; `lookalike audit list` shows the rows as they are now."
        )
        self.number = number


class AuditUnguarded(MismatchError):
    """The database would let somebody change the audit log."""

    def __init__(self, flaws: list[str]) -> None:
        super().__init__(
            f"The database would let somebody change the audit log: {'; '.join(flaws)}. Compare "
            "with an earlier export or backup, and restore the triggers as docs/audit.md says."
        )


class NotFoundError(LookalikeError):
    """No such image, bank or model."""

    code = "not_found"
    exit_code = 4


class IndexNotInitialised(NotFoundError):
    """The database holds no tables yet."""


class UnavailableError(LookalikeError):
    """Nothing is wrong with the request; try again later."""

    code = "unavailable"
    exit_code = 5


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached or is locked."""


class DatabaseReplaced(UnavailableError):
    """The database is another one than when it was opened."""


class ViewNotReady(UnavailableError):
    """The vector view has not caught up yet."""


class SnapshotNotWritten(UnavailableError):
    """A view could not be written to disk; what is there already is untouched."""


class ExportNotWritten(UnavailableError):
    """An exported model could not be written to disk."""


class ListNotWritten(UnavailableError):
    """A list of fingerprints could not be written to disk; what is there already is untouched."""


class AuditNotWritten(UnavailableError):
    """An export of the audit log could not be written to disk."""


class AuditUnavailable(UnavailableError):
    """Lookups cannot be written to the audit log, so none is answered."""


class RunUnderWay(UnavailableError):
    """The index is being clustered already."""
