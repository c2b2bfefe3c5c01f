"""The writer: the catalog of a writing transaction, with the repositories that write."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection

from indexer.store.access.idempotency import AnswerEdits
from indexer.store.access.keys import KeyEdits
from indexer.store.access.people import PeopleEdits
from indexer.store.access.sessions import SessionEdits
from indexer.store.banks.banks import BankEdits
from indexer.store.banks.contents import ContentEdits
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.banks.floods import FloodEdits
from indexer.store.banks.hits import HitEdits
from indexer.store.banks.lists import ListEdits
from indexer.store.banks.ratios import RatioEdits
from indexer.store.catalog import Catalog
from indexer.store.clusters.action_edits import ClusterActionEdits
from indexer.store.clusters.maps import MapEdits
from indexer.store.clusters.run_edits import ClusterRunEdits
from indexer.store.edits import Transaction
from indexer.store.images.embeddings import EmbeddingEdits
from indexer.store.images.image_edits import ImageEdits
from indexer.store.images.quarantine import QuarantineEdits
from indexer.store.images.sources import SourceEdits
from indexer.store.images.spaces import SpaceEdits
from indexer.store.images.templates import TemplateEdits
from indexer.store.images.variants import VariantEdits
from indexer.store.log.audit import Audit
from indexer.store.log.changes import Log
from indexer.store.log.engine_positions import EngineEdits
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.reviews.leases import ReviewLeases
from indexer.store.reviews.reveals import RevealEdits
from indexer.store.verdicts.cards import CardEdits
from indexer.store.verdicts.decisions import DecisionEdits
from indexer.store.verdicts.given_verdicts import GivenVerdictEdits
from indexer.store.verdicts.policies import PolicyEdits
from indexer.store.verdicts.retro_scan_edits import RetroScanEdits
from indexer.store.webhooks.deliveries import DeliveryEdits
from indexer.store.webhooks.outbox import Outbox
from indexer.store.webhooks.webhook_edits import WebhookEdits
from indexer.store.workers.ingest_job_edits import IngestJobEdits
from indexer.store.workers.part_leases import IngestPartLeases

ResultT = TypeVar("ResultT")


class Writer(Catalog):
    """The repositories of one transaction that holds the log's lock; `Store.writer` gives it.

    No other writer commits meanwhile, so what it has read stays true until it commits. A repository
    that writes is given the transaction's log, audit log and moment, and the few others that it
    works through; it cannot read or write everything.

    Parameters
    ----------
    connection : Connection
        The transaction.
    audit_key : bytes, optional
        Seals the audit log.
    """

    def __init__(self, connection: Connection, audit_key: bytes | None = None) -> None:
        super().__init__(connection)
        self._audit_key = audit_key
        now = datetime.now(UTC)
        self.log: Log = Log(connection, now)
        self.audit: Audit = Audit(connection, audit_key)
        self.engines: EngineEdits = EngineEdits(connection, self.audit, now)
        given = Transaction(connection, self.log, self.audit, now)
        outbox = Outbox(given)
        # reviews
        self.reveals: RevealEdits = RevealEdits(given)
        self.reviews: ReviewItemEdits = ReviewItemEdits(given)
        self.review_leases: ReviewLeases = ReviewLeases(connection, now)
        # banks
        self.banks: BankEdits = BankEdits(given, self.reviews)
        self.ratios: RatioEdits = RatioEdits(given, self.banks)
        self.entries: EntryEdits = EntryEdits(given, self.reviews)
        self.lists: ListEdits = ListEdits(given, self.entries)
        self.contents: ContentEdits = ContentEdits(given, self.entries)
        self.hits: HitEdits = HitEdits(given)
        self.floods: FloodEdits = FloodEdits(given, outbox, self.reviews)
        # images
        self.spaces: SpaceEdits = SpaceEdits(given)
        self.embeddings: EmbeddingEdits = EmbeddingEdits(given, self.spaces)
        self.images: ImageEdits = ImageEdits(given, self.entries, self.embeddings)
        self.sources: SourceEdits = SourceEdits(given, self.images)
        self.templates: TemplateEdits = TemplateEdits(given)
        self.variants: VariantEdits = VariantEdits(given, self.embeddings)
        self.quarantine: QuarantineEdits = QuarantineEdits(given)
        # verdicts
        self.cards: CardEdits = CardEdits(given)
        self.decisions: DecisionEdits = DecisionEdits(given, self.reviews)
        self.retro_scans: RetroScanEdits = RetroScanEdits(given, outbox, self.reviews)
        self.policies: PolicyEdits = PolicyEdits(given)
        self.verdicts: GivenVerdictEdits = GivenVerdictEdits(given)
        # clusters
        self.maps: MapEdits = MapEdits(given)
        self.cluster_runs: ClusterRunEdits = ClusterRunEdits(given)
        self.cluster_actions: ClusterActionEdits = ClusterActionEdits(
            given, self.entries, self.decisions, self.reviews
        )
        # workers
        self.ingest_jobs: IngestJobEdits = IngestJobEdits(given)
        self.ingest_leases: IngestPartLeases = IngestPartLeases(connection, now)
        # access
        self.keys: KeyEdits = KeyEdits(given)
        self.sessions: SessionEdits = SessionEdits(given)
        self.answers: AnswerEdits = AnswerEdits(given)
        self.people: PeopleEdits = PeopleEdits(given)
        # webhooks
        self.webhooks: WebhookEdits = WebhookEdits(given, outbox)
        self.deliveries: DeliveryEdits = DeliveryEdits(given)

    def rehearse(self, function: Callable[["Writer"], ResultT]) -> ResultT:
        """Return what a function would do with a writer; nothing of it is kept."""
        trial = self.connection.begin_nested()
        try:
            return function(Writer(self.connection, self._audit_key))
        finally:
            trial.rollback()
