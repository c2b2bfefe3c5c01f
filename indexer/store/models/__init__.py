"""The tables of the metadata database, the only source of truth.

Everything but the change log can be read from the log's point of view: a row that a view or a
running server must notice is written in the same transaction as its row of `changes`.
"""

from indexer.store.models.access import ApiKeyRow, SessionRow
from indexer.store.models.answers import AnswerRow
from indexer.store.models.audit import AuditRow
from indexer.store.models.banks import BankRow, EntryHitsRow, EntryRow, FloodFlagRow
from indexer.store.models.base import Base
from indexer.store.models.clusters import (
    ClusterActionRow,
    ClusterMemberRow,
    ClusterRow,
    ClusterRunRow,
    LineageRow,
    MapRow,
    RunClusterRow,
)
from indexer.store.models.contents import BankRatioRow, ContentRow, SignalTypeRow
from indexer.store.models.gallery import (
    ClassificationRow,
    EmbeddingRow,
    ImageRow,
    LocalFeaturesRow,
    PartRow,
    QuarantineRow,
    SemanticRow,
    SourceRow,
    SpaceRow,
    ThumbnailRow,
)
from indexer.store.models.ingest_jobs import IngestJobRow, IngestPartRow
from indexer.store.models.log import OF_BANKS, CatalogInfo, ChangeRow
from indexer.store.models.people import PersonalSettingsRow, SavedViewRow
from indexer.store.models.policies import PolicyRow, VerdictRow
from indexer.store.models.reviews import RevealRow, ReviewItemRow, ReviewPictureRow
from indexer.store.models.templates import TemplateLearningRow, TemplateMemberRow, TemplateRow
from indexer.store.models.vector_engines import EngineRow
from indexer.store.models.verdicts import (
    DecisionRow,
    RetroMatchRow,
    RetroScanRow,
    ThresholdCardRow,
)
from indexer.store.models.webhooks import WebhookDeliveryRow, WebhookRow

REVISION = "202611302320"
"""Revision of the newest migration: the schema that these models describe."""

__all__ = [
    "OF_BANKS",
    "REVISION",
    "AnswerRow",
    "ApiKeyRow",
    "AuditRow",
    "BankRatioRow",
    "BankRow",
    "Base",
    "CatalogInfo",
    "ChangeRow",
    "ClassificationRow",
    "ClusterActionRow",
    "ClusterMemberRow",
    "ClusterRow",
    "ClusterRunRow",
    "ContentRow",
    "DecisionRow",
    "EmbeddingRow",
    "EngineRow",
    "EntryHitsRow",
    "EntryRow",
    "FloodFlagRow",
    "ImageRow",
    "IngestJobRow",
    "IngestPartRow",
    "LineageRow",
    "LocalFeaturesRow",
    "MapRow",
    "PartRow",
    "PersonalSettingsRow",
    "PolicyRow",
    "QuarantineRow",
    "RetroMatchRow",
    "RetroScanRow",
    "RevealRow",
    "ReviewItemRow",
    "ReviewPictureRow",
    "RunClusterRow",
    "SavedViewRow",
    "SemanticRow",
    "SessionRow",
    "SignalTypeRow",
    "SourceRow",
    "SpaceRow",
    "TemplateLearningRow",
    "TemplateMemberRow",
    "TemplateRow",
    "ThresholdCardRow",
    "ThumbnailRow",
    "VerdictRow",
    "WebhookDeliveryRow",
    "WebhookRow",
]
