"""The catalog: every repository of one transaction, by noun."""

from sqlalchemy import Connection

from indexer.store.access.idempotency import Answers
from indexer.store.access.keys import Keys
from indexer.store.access.people import People
from indexer.store.access.sessions import Sessions
from indexer.store.banks.banks import Banks
from indexer.store.banks.contents import Contents
from indexer.store.banks.entries import Entries
from indexer.store.banks.floods import Floods
from indexer.store.banks.hits import Hits
from indexer.store.banks.lists import Lists
from indexer.store.banks.ratios import Ratios
from indexer.store.banks.recency import Recency
from indexer.store.clusters.actions import ClusterActions
from indexer.store.clusters.clusters import Clusters
from indexer.store.clusters.maps import Maps
from indexer.store.clusters.members import ClusterMembers
from indexer.store.clusters.report import ClusterReports
from indexer.store.clusters.runs import ClusterRuns
from indexer.store.clusters.scope import ClusterScopes
from indexer.store.gauges import Gauges
from indexer.store.images.embeddings import Embeddings
from indexer.store.images.images import Images
from indexer.store.images.local_features import LocalFeatures
from indexer.store.images.quarantine import Quarantine
from indexer.store.images.repair import Repair
from indexer.store.images.sources import Sources
from indexer.store.images.spaces import Spaces
from indexer.store.images.templates import Templates
from indexer.store.images.thumbnails import Thumbnails
from indexer.store.images.variants import Variants
from indexer.store.log.audit import AuditRecords
from indexer.store.log.changes import Changes
from indexer.store.log.engine_positions import Engines
from indexer.store.reviews.reveals import Reveals
from indexer.store.reviews.review_items import ReviewItems
from indexer.store.verdicts.calibration_samples import CalibrationSamples
from indexer.store.verdicts.cards import Cards
from indexer.store.verdicts.decisions import Decisions
from indexer.store.verdicts.given_verdicts import GivenVerdicts
from indexer.store.verdicts.policies import Policies
from indexer.store.verdicts.retro_scans import RetroScans
from indexer.store.webhooks.deliveries import Deliveries
from indexer.store.webhooks.webhooks import Webhooks
from indexer.store.workers.ingest_jobs import IngestJobs


class Catalog:
    """The repositories of one transaction; `Store.reader` gives it.

    Parameters
    ----------
    connection : Connection
        The transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        """The transaction itself, for other modules of this package."""
        self.log = Changes(connection)
        self.audit = AuditRecords(connection)
        self.engines = Engines(connection)
        self.gauges = Gauges(connection)
        # images
        self.spaces = Spaces(connection)
        self.embeddings = Embeddings(connection)
        self.images = Images(connection)
        self.sources = Sources(connection)
        self.thumbnails = Thumbnails(connection)
        self.local_features = LocalFeatures(connection)
        self.templates = Templates(connection)
        self.variants = Variants(connection)
        self.quarantine = Quarantine(connection)
        self.repair = Repair(connection)
        # banks
        self.banks = Banks(connection)
        self.ratios = Ratios(connection)
        self.entries = Entries(connection)
        self.recency = Recency(connection)
        self.lists = Lists(connection)
        self.contents = Contents(connection)
        self.hits = Hits(connection)
        self.floods = Floods(connection)
        # verdicts
        self.cards = Cards(connection)
        self.samples = CalibrationSamples(connection)
        self.decisions = Decisions(connection)
        self.retro_scans = RetroScans(connection)
        self.policies = Policies(connection)
        self.verdicts = GivenVerdicts(connection)
        # reviews
        self.reveals = Reveals(connection)
        self.reviews = ReviewItems(connection)
        # clusters
        self.maps = Maps(connection)
        self.cluster_runs = ClusterRuns(connection)
        self.cluster_scopes = ClusterScopes(connection)
        self.clusters = Clusters(connection)
        self.cluster_members = ClusterMembers(connection)
        self.cluster_actions = ClusterActions(connection)
        self.cluster_reports = ClusterReports(connection)
        # workers
        self.ingest_jobs = IngestJobs(connection)
        # access
        self.keys = Keys(connection)
        self.sessions = Sessions(connection)
        self.answers = Answers(connection)
        self.people = People(connection)
        # webhooks
        self.webhooks = Webhooks(connection)
        self.deliveries = Deliveries(connection)
