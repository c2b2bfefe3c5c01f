"""Values that travel between the layers; all frozen, none with behaviour beyond making itself."""

from indexer.types.access import (
    ApiKey,
    NewKey,
    Scope,
    SecretHash,
    Session,
    allows,
)
from indexer.types.arrays import (
    Embeddings,
    Keys,
    PdqBits,
    Probabilities,
    Rgb,
    Vectors,
)
from indexer.types.audit import (
    AuditEvent,
    AuditHead,
    AuditRecord,
    SealMethod,
)
from indexer.types.banks import (
    Bank,
    BankKind,
    DisabledReason,
    Entry,
    EntryRecord,
    Fingerprint,
    FingerprintKind,
    Severity,
)
from indexer.types.cards import (
    CardBound,
    Histogram,
    NewCard,
    RateUnit,
    ThresholdCard,
)
from indexer.types.decisions import (
    Decision,
    NewDecision,
    Outcome,
)
from indexer.types.feeds import (
    ChangeFeed,
    VectorCensus,
    VectorChanges,
)
from indexer.types.floods import (
    Flood,
    FloodState,
)
from indexer.types.images import (
    ImageRecord,
    ImageSummary,
)
from indexer.types.lists import (
    EXTERNAL_ID_BYTES,
    ListedFingerprint,
    ListFormat,
    WithdrawnFingerprint,
)
from indexer.types.pictures import (
    DecodedImage,
    Encoding,
    NewImage,
    NewPart,
    Part,
    PartKind,
    Pdq,
    Space,
    StoredPart,
)
from indexer.types.retroscans import (
    RetroMatch,
    RetroScan,
    ScanState,
)
from indexer.types.sources import (
    KnownSource,
    SourceDetails,
    SourceStamp,
)
from indexer.types.traits import COMMON_BOUNDS, Bounds, SpaceTraits
from indexer.types.verdicts import (
    Classification,
    Evidence,
    Judgement,
    Match,
    Signal,
    Suppression,
    SuppressionKind,
    Tier,
    Verdict,
)

__all__ = [
    "COMMON_BOUNDS",
    "EXTERNAL_ID_BYTES",
    "ApiKey",
    "AuditEvent",
    "AuditHead",
    "AuditRecord",
    "Bank",
    "BankKind",
    "Bounds",
    "CardBound",
    "ChangeFeed",
    "Classification",
    "Decision",
    "DecodedImage",
    "DisabledReason",
    "Embeddings",
    "Encoding",
    "Entry",
    "EntryRecord",
    "Evidence",
    "Fingerprint",
    "FingerprintKind",
    "Flood",
    "FloodState",
    "Histogram",
    "ImageRecord",
    "ImageSummary",
    "Judgement",
    "Keys",
    "KnownSource",
    "ListFormat",
    "ListedFingerprint",
    "Match",
    "NewCard",
    "NewDecision",
    "NewImage",
    "NewKey",
    "NewPart",
    "Outcome",
    "Part",
    "PartKind",
    "Pdq",
    "PdqBits",
    "Probabilities",
    "RateUnit",
    "RetroMatch",
    "RetroScan",
    "Rgb",
    "ScanState",
    "Scope",
    "SealMethod",
    "SecretHash",
    "Session",
    "Severity",
    "Signal",
    "SourceDetails",
    "SourceStamp",
    "Space",
    "SpaceTraits",
    "StoredPart",
    "Suppression",
    "SuppressionKind",
    "ThresholdCard",
    "Tier",
    "VectorCensus",
    "VectorChanges",
    "Vectors",
    "Verdict",
    "WithdrawnFingerprint",
    "allows",
]
