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

from indexer.errors.access import AccessError, Forbidden, LockedOut, RateLimited, Unauthenticated
from indexer.errors.base import LookalikeError, named
from indexer.errors.input import (
    CostlyImage,
    EmptyFingerprint,
    EmptyImage,
    FetchDisabled,
    FetchFailed,
    FetchRefused,
    ImageTooLarge,
    InputError,
    InvalidFingerprint,
    InvalidModel,
    InvalidName,
    RequestKeyReused,
    SettingsError,
    UnexportableModel,
    UnreadableImage,
    UnreadableSource,
    UnusableOutput,
    UnusableVectors,
)
from indexer.errors.mismatch import (
    AuditBroken,
    AuditUnguarded,
    BankExists,
    BankMismatch,
    CardMismatch,
    DimensionMismatch,
    MismatchError,
    ModelMismatch,
    SchemaMismatch,
    SnapshotMismatch,
    UndoRefused,
)
from indexer.errors.not_found import IndexNotInitialised, NotFoundError
from indexer.errors.unavailable import (
    AuditNotWritten,
    AuditUnavailable,
    DatabaseReplaced,
    DatabaseUnavailable,
    ExportNotWritten,
    ListNotWritten,
    RunUnderWay,
    SnapshotNotWritten,
    UnavailableError,
    ViewNotReady,
)

__all__ = [
    "AccessError",
    "AuditBroken",
    "AuditNotWritten",
    "AuditUnavailable",
    "AuditUnguarded",
    "BankExists",
    "BankMismatch",
    "CardMismatch",
    "CostlyImage",
    "DatabaseReplaced",
    "DatabaseUnavailable",
    "DimensionMismatch",
    "EmptyFingerprint",
    "EmptyImage",
    "ExportNotWritten",
    "FetchDisabled",
    "FetchFailed",
    "FetchRefused",
    "Forbidden",
    "ImageTooLarge",
    "IndexNotInitialised",
    "InputError",
    "InvalidFingerprint",
    "InvalidModel",
    "InvalidName",
    "ListNotWritten",
    "LockedOut",
    "LookalikeError",
    "MismatchError",
    "ModelMismatch",
    "NotFoundError",
    "RateLimited",
    "RequestKeyReused",
    "RunUnderWay",
    "SchemaMismatch",
    "SettingsError",
    "SnapshotMismatch",
    "SnapshotNotWritten",
    "Unauthenticated",
    "UnavailableError",
    "UndoRefused",
    "UnexportableModel",
    "UnreadableImage",
    "UnreadableSource",
    "UnusableOutput",
    "UnusableVectors",
    "ViewNotReady",
    "named",
]
