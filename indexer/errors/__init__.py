"""Typed errors, with codes and exit codes.

* LookalikeError
  x InputError              the input is invalid
    - SettingsError         a setting has an invalid value or an unknown name
    - UnreadableSource      a file or folder could not be opened or read
    - EmptyImage            the file is empty
    - UnreadableImage       the bytes are not a decodable image
    - ImageTooLarge         more bytes, pixels or frames than the settings allow
      * CostlyImage         decoding it would keep a core busy for seconds
    - InvalidName           a bank's name is invalid
    - InvalidFingerprint    the text is not a valid fingerprint of its kind
      * EmptyFingerprint    a fingerprint of empty content, which matches by accident
    - InvalidModel          a model reference or directory is invalid
    - InvalidPolicy         a policy document is invalid
    - InvalidCodes          a kind of vector codes is unknown, or its plug-in cannot be used
    - UnexportableModel     ONNX Runtime cannot run the model as torch does
    - RequestKeyReused      a different request had the same idempotency key
    - UnusableOutput        the model returned non-finite probabilities or embeddings
    - UnusableVectors       stored embeddings that cannot be clustered
    - FetchDisabled         fetching images by URL is disabled
    - FetchRefused          a URL, or an address behind it, is not allowed
    - FetchFailed           a request to another server failed
    - MissingExtra          packages of an optional extra are not installed
    - UnscreenedOutput      what was asked of a generator cannot be screened
    - PictureFlagged        screening flagged a generated picture
  x AccessError             access is denied
    - Unauthenticated       the key is missing or invalid
    - Forbidden             the key lacks the required scope
    - RateLimited           the key exceeded its rate limit
    - LockedOut             too many invalid keys came from the address
  x MismatchError           two artefacts that must agree do not
    - DimensionMismatch     a vector is not as long as the index expects
    - ModelMismatch         the index was built with another model
    - ClassifierMismatch    the index uses another classifier in this space
    - SpaceInUse            the embedding space is the index's own
    - BankMismatch          the bank exists with another kind
    - BankExists            a bank of this name exists
    - SchemaMismatch        the database's schema is not this version's
    - SnapshotMismatch      a snapshot does not fit its manifest or its log
    - RecallTooLow          an approximate search finds too few of the true nearest
    - EngineMismatch        the index uses another vector engine than the settings
    - CardMismatch          a threshold card was calibrated for another embedding space
    - UndoRefused           the results of an action have changed since
    - ReviewTaken           a review item is another person's to decide
    - ReviewSettled         a review item is not open any more
    - SecondPersonNeeded    two persons must sign, in the review queue
    - AuditBroken           a row of the audit log was changed or is missing
    - AuditUnguarded        the audit log is not protected against changes
  x NotFoundError           an image, bank or model does not exist
    - IndexNotInitialised   the database holds no tables yet
  x UnavailableError        a resource is unavailable; try again later
    - DatabaseUnavailable   the database cannot be reached or is locked
    - DatabaseReplaced      the database was replaced while open
    - SpaceReplaced         the index was brought over to another model while open
    - ClassifierReplaced    the index was changed to another classifier while open
    - ViewNotReady          the vector view has not caught up yet
    - EngineUnavailable     the vector engine cannot be reached or does not answer in time
    - SnapshotNotWritten    a view could not be written to disk
    - ExportNotWritten      an exported model could not be written to disk
    - ListNotWritten        a list of fingerprints could not be written to disk
    - AuditNotWritten       an export of the audit log could not be written to disk
    - AuditUnavailable      lookups cannot be logged, so none is answered
    - RunUnderWay           a cluster run is already under way
    - ScreeningFailed       generated pictures could not be screened
"""

from indexer.errors.access_errors import (
    Forbidden,
    LockedOut,
    RateLimited,
    RequestKeyReused,
    Unauthenticated,
)
from indexer.errors.audit_errors import (
    AuditBroken,
    AuditNotWritten,
    AuditUnavailable,
    AuditUnguarded,
)
from indexer.errors.error_families import (
    AccessError,
    InputError,
    LookalikeError,
    MismatchError,
    NotFoundError,
    UnavailableError,
)
from indexer.errors.generation_errors import (
    MissingExtra,
    PictureFlagged,
    ScreeningFailed,
    UnscreenedOutput,
)
from indexer.errors.image_errors import (
    CostlyImage,
    EmptyFingerprint,
    EmptyImage,
    FetchDisabled,
    FetchFailed,
    FetchRefused,
    ImageTooLarge,
    InvalidFingerprint,
    UnreadableImage,
    UnreadableSource,
)
from indexer.errors.index_errors import (
    BankExists,
    BankMismatch,
    DatabaseReplaced,
    DatabaseUnavailable,
    EngineMismatch,
    EngineUnavailable,
    IndexNotInitialised,
    InvalidCodes,
    InvalidName,
    InvalidPolicy,
    ListNotWritten,
    RecallTooLow,
    ReviewSettled,
    ReviewTaken,
    RunUnderWay,
    SchemaMismatch,
    SecondPersonNeeded,
    SettingsError,
    SnapshotMismatch,
    SnapshotNotWritten,
    UndoRefused,
    UnusableVectors,
    ViewNotReady,
    named,
)
from indexer.errors.model_errors import (
    CardMismatch,
    ClassifierMismatch,
    ClassifierReplaced,
    DimensionMismatch,
    ExportNotWritten,
    InvalidModel,
    ModelMismatch,
    SpaceInUse,
    SpaceReplaced,
    UnexportableModel,
    UnusableOutput,
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
    "ClassifierMismatch",
    "ClassifierReplaced",
    "CostlyImage",
    "DatabaseReplaced",
    "DatabaseUnavailable",
    "DimensionMismatch",
    "EmptyFingerprint",
    "EmptyImage",
    "EngineMismatch",
    "EngineUnavailable",
    "ExportNotWritten",
    "FetchDisabled",
    "FetchFailed",
    "FetchRefused",
    "Forbidden",
    "ImageTooLarge",
    "IndexNotInitialised",
    "InputError",
    "InvalidCodes",
    "InvalidFingerprint",
    "InvalidModel",
    "InvalidName",
    "InvalidPolicy",
    "ListNotWritten",
    "LockedOut",
    "LookalikeError",
    "MismatchError",
    "MissingExtra",
    "ModelMismatch",
    "NotFoundError",
    "PictureFlagged",
    "RateLimited",
    "RecallTooLow",
    "RequestKeyReused",
    "ReviewSettled",
    "ReviewTaken",
    "RunUnderWay",
    "SchemaMismatch",
    "ScreeningFailed",
    "SecondPersonNeeded",
    "SettingsError",
    "SnapshotMismatch",
    "SnapshotNotWritten",
    "SpaceInUse",
    "SpaceReplaced",
    "Unauthenticated",
    "UnavailableError",
    "UndoRefused",
    "UnexportableModel",
    "UnreadableImage",
    "UnreadableSource",
    "UnscreenedOutput",
    "UnusableOutput",
    "UnusableVectors",
    "ViewNotReady",
    "named",
]
