"""No statement that runs often reads a growing table from end to end, on either database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy
from typing import Any, Final

import numpy as np
import pytest
from sqlalchemy import text

from indexer.runtime.actor import Actor
from indexer.store import (
    Answer,
    Arrival,
    AuditQuery,
    Catalog,
    ClusterPart,
    EmbeddingFeed,
    EntryPdqFeed,
    MatchKey,
    PdqFeed,
    RemovalQuery,
    RequestKey,
    Store,
    Writer,
    open_store,
)
from indexer.types import (
    AuditEvent,
    BankKind,
    ClusterAlgorithm,
    ClusterScope,
    Fingerprint,
    FingerprintKind,
    IngestJobOptions,
    LeaseRequest,
    NewKey,
    NewVerdict,
    QueueKind,
    ReviewFilter,
    Scope,
    SecretHash,
    SourceStamp,
    Tier,
    VerdictEvidence,
    WebhookEvent,
)
from support.catalog import DIMENSION, LABELS, bare_pdq, bind, item, new_image
from support.postgres import postgres_database
from support.query_plans import analyse, explaining, fill

pytestmark = pytest.mark.postgres

ROWS: Final = 4_000
IDS: Final = [7, 400, 2_001]
LATE: Final = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=ROWS - 20)
HOUR: Final = timedelta(hours=1)
DIGESTS: Final = [new_image(seed).sha256 for seed in (1, 2)]
QUERY: Final = DIGESTS[0]

Read = Callable[[Catalog], object]
Edit = Callable[[Writer], object]

READS: Final[dict[str, Read]] = {
    "the candidates of a query": lambda c: c.images.get_many(IDS, with_embedding=True),
    "images by SHA-256": lambda c: c.images.ids_by_sha256(DIGESTS),
    "images by MD5": lambda c: c.images.ids_by_md5([new_image(1).md5]),
    "the fingerprints of images": lambda c: c.images.fingerprints(IDS),
    "the SHA-256 of images": lambda c: c.images.sha256_of(IDS),
    "kinds of parts": lambda c: c.images.part_kinds(IDS),
    "a page of images": lambda c: c.images.page(after_id=2_000, limit=9),
    "a page of purged images": lambda c: c.images.tombstones(),
    "images by URI": lambda c: c.images.find(RemovalQuery(uris=("/pictures/7",))),
    "removed images by URI": lambda c: c.images.find(
        RemovalQuery(uris=("/pictures/50",), removed=True)
    ),
    "what to embed again": lambda c: c.embeddings.pictures(IDS),
    "a semantic embedding": lambda c: c.embeddings.semantic(7, 3),
    "sources by URI": lambda c: c.sources.known(["/pictures/7"]),
    "labels of images": lambda c: c.sources.labels(IDS),
    "thumbnails": lambda c: c.thumbnails.get_many(IDS),
    "local features": lambda c: c.local_features.get_many(IDS),
    "templates of images": lambda c: c.templates.of_images(IDS),
    "entries in force": lambda c: c.entries.in_force(IDS, LATE),
    "entries by fingerprint": lambda c: c.entries.in_force_by_fingerprint([bare_pdq(1)], LATE),
    "a page of entries": lambda c: c.entries.page("small"),
    "the images of a bank": lambda c: c.entries.image_ids(["small"], LATE),
    "banks of images": lambda c: c.entries.banks_of_images(IDS),
    "an image in a bank": lambda c: c.entries.of_image("large", 7),
    "the next time that entries count": lambda c: c.entries.next_moment(LATE),
    "contents by digest": lambda c: c.contents.entries_by_digest(
        Fingerprint(FingerprintKind.MD5, bytes(16))
    ),
    "recent images": lambda c: c.recency.image_ids(LATE),
    "recent entries of a bank": lambda c: c.recency.entry_image_ids(["small"], LATE, LATE),
    "recent fingerprints": lambda c: c.recency.entry_fingerprint_ids(["large"], LATE, LATE),
    "the head of the log": lambda c: c.log.head(),
    "the lag of a view": lambda c: c.log.lag(2_000),
    "images of the log": lambda c: c.log.images_after(2_000, 9),
    "the last change of a bank": lambda c: c.log.last_of_banks(),
    "decisions on a query": lambda c: c.decisions.for_query(QUERY),
    "decisions on queries": lambda c: c.decisions.outcomes(DIGESTS),
    "hits of entries": lambda c: c.hits.of_entries(IDS, since=LATE, before=LATE + HOUR),
    "the first hit": lambda c: c.hits.first_hour(),
    "flags of entries": lambda c: c.floods.flagged_since(IDS, LATE),
    "deliveries that are due": lambda c: c.deliveries.has_due(LATE),
    "deliveries of a webhook": lambda c: c.deliveries.page(1),
    "a review": lambda c: c.reviews.get(7),
    "reviews of a queue": lambda c: c.reviews.page(ReviewFilter(queue=QueueKind.RETRO_MATCH)),
    "reviews of a match": lambda c: c.reviews.about(MatchKey(QUERY, 7, None)),
    "decided by a person": lambda c: c.reviews.decided_by("key 2", LATE),
    "what a person saw": lambda c: c.reveals.exposure("key 3", LATE),
    "a session": lambda c: c.sessions.get(QUERY),
    "a key": lambda c: c.keys.with_secret("public"),
    "an answer": lambda c: c.answers.get(RequestKey("caller", "other"), QUERY, LATE),
    "the last row of the audit log": lambda c: c.audit.last(),
    "the audit log of an image": lambda c: c.audit.page(AuditQuery(subject="image:7")),
    "clusters of images": lambda c: c.clusters.of_images(1, IDS),
    "largest clusters": lambda c: c.clusters.largest(1, 9),
    "members among images": lambda c: c.cluster_members.membership_of(1, np.array(IDS)),
    "members of a cluster": lambda c: c.cluster_members.page(1, 7),
    "hits of a cluster": lambda c: c.cluster_members.bank_hits(1, LATE, cluster_id=7),
    "actions on a cluster": lambda c: c.cluster_actions.page(7),
    "matches of a retro-scan": lambda c: c.retro_scans.matches(1, after_id=ROWS - 20),
    "parts that are left": lambda c: c.ingest_jobs.count_open("photos"),
    "new entries for a retro-scan": lambda c: c.retro_scans.next_entries(c.retro_scans.get(1), 9),
}
EDITS: Final[dict[str, Edit]] = {
    "adding images": lambda w: w.images.add([item(n, frames=1) for n in (1, 2)], 1),
    "adding sources": lambda w: w.images.add_sources([(7, _arrival("copy"))]),
    "embedding again": lambda w: w.embeddings.embed({7: new_image(7)}, 2),
    "what a walk met": lambda w: w.sources.mark_walked(w.sources.begin_walk(), ["/pictures/7"]),
    "closing sources": lambda w: w.sources.close([7], remove_orphans=True),
    "closing sources by URI": lambda w: w.sources.close_at(["/pictures/400"]),
    "removing images": lambda w: w.images.remove([8]),
    "erasing images": lambda w: w.images.purge([9]),
    "adding entries": lambda w: w.entries.add(2, [10, 11]),
    "adding a fingerprint": lambda w: w.entries.add_fingerprint(2, bare_pdq(1)),
    "disabling entries": lambda w: w.entries.disable([20]),
    "removing entries": lambda w: w.entries.remove([21]),
    "counting hits": lambda w: w.hits.add({(7, LATE): 1}),
    "forgetting hits": lambda w: w.hits.forget(datetime(2026, 1, 1, 0, 9, tzinfo=UTC)),
    "claiming deliveries": lambda w: w.deliveries.claim(4, HOUR, of_each=4),
    "forgetting deliveries": lambda w: w.deliveries.forget(datetime(2026, 1, 1, 0, 9, tzinfo=UTC)),
    "claiming parts of ingest jobs": lambda w: w.ingest_leases.take("worker", HOUR),
    "claiming parts of a job": lambda w: w.ingest_leases.take("worker", HOUR, "photos"),
    "leasing reviews": lambda w: w.review_leases.take(
        "key 2", LeaseRequest(QueueKind.RETRO_MATCH, 9), HOUR
    ),
    "leasing the reviews of a bank": lambda w: w.review_leases.take(
        "key 2", LeaseRequest(QueueKind.RETRO_MATCH, 9, "large"), HOUR
    ),
    "renewing leases": lambda w: w.review_leases.renew("key 2", IDS, HOUR),
    "releasing leases": lambda w: w.review_leases.release("key 2", IDS),
    "finding a review": lambda w: w.reviews.find(QUERY),
    "withdrawing a review": lambda w: w.reviews.withdraw(8),
    "severities of images": lambda w: w.decisions.banks_listed(IDS),
    "members' severities": lambda w: w.cluster_actions.banks_listed(ClusterPart(7, 1, 0.0)),
    "opening a session": lambda w: w.sessions.open(w.keys.get(1), bytes(32), LATE),
    "storing a verdict": lambda w: w.verdicts.add(
        [NewVerdict(LATE, QUERY, Tier.NONE, VerdictEvidence({}, (), frozenset()), None)]
    ),
    "trimming verdicts": lambda w: w.verdicts.trim(
        ROWS - 9, datetime(2026, 1, 1, 0, 9, tzinfo=UTC)
    ),
    "remembering an answer": lambda w: w.answers.remember(
        RequestKey("caller", "new"), QUERY, Answer(201, b"{}")
    ),
    "appending to the audit log": lambda w: w.audit.append(
        [AuditEvent(LATE, Actor("user", "me"), None, "test.append", "image")]
    ),
}


def _arrival(name: str) -> Arrival:
    return Arrival(SourceStamp(f"/pictures/{name}", 100, "1"))


def _prepare(store: Store) -> None:
    """Make what `fill` needs, then fill every table that grows."""
    bind(store)
    space: dict[str, Any] = {"model": "m", "architecture": "a", "labels": LABELS}
    with store.writer() as writer:
        for fingerprint in ("cd" * 32, "ef" * 32):
            writer.spaces.add(fingerprint=fingerprint, dimension=DIMENSION, **space)
        writer.banks.create("large", BankKind.BLOCK)
        writer.banks.create("small", BankKind.BLOCK)
        secret = SecretHash(bytes(32), bytes(16), 2, 1, 1)
        writer.keys.add(NewKey("public", "name", (Scope.CHECK,), secret))
        writer.webhooks.create("https://a.example/hook", WebhookEvent, "secret", None)
        writer.ingest_jobs.begin("photos", IngestJobOptions())
        writer.retro_scans.begin(1, 1, 3_900, ROWS)
        writer.cluster_runs.begin(ClusterAlgorithm.FAMILIES, {}, ClusterScope(), 1)
    with store.writer() as writer:
        fill(writer, ROWS, DIMENSION)
    analyse(store)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    if request.param == "sqlite":
        empty: Path = request.getfixturevalue("migrated_sqlite")
        file = copy(empty, tmp_path_factory.mktemp("plans"))
        with open_store(f"sqlite:///{file}") as store:
            _prepare(store)
            yield store
        return
    template = request.getfixturevalue("migrated_postgres")
    server = request.getfixturevalue("postgres_url")
    with postgres_database(server, template) as url, open_store(url) as store:
        _prepare(store)
        yield store


def test_no_hot_read_scans_a_growing_table(filled: Store) -> None:
    found = {}
    with filled.reader() as catalog:
        for name, read in READS.items():
            with explaining() as plans:
                read(catalog)
            assert plans.explained, name
            if plans.scans:
                found[name] = plans.scans
    assert found == {}, "\n".join(map(str, found.items()))


def test_no_feed_scans_a_growing_table(filled: Store) -> None:
    feeds = (EmbeddingFeed(filled, 1), PdqFeed(filled, 50), EntryPdqFeed(filled))
    with explaining() as plans:
        for feed in feeds:
            feed.head()
            feed.read(2_000, 9)
            feed.look_up(np.array(IDS))
    assert plans.explained
    assert plans.scans == {}, "\n".join(plans.scans)


def test_no_hot_edit_scans_a_growing_table(filled: Store) -> None:
    found = {}
    for name, edit in EDITS.items():
        with filled.writer() as writer, explaining() as plans:
            writer.rehearse(edit)
        assert plans.explained, name
        if plans.scans:
            found[name] = plans.scans
    assert found == {}, "\n".join(map(str, found.items()))


def test_a_scan_of_a_growing_table_is_noticed_and_one_of_a_small_table_is_not(
    filled: Store,
) -> None:
    with filled.reader() as catalog, explaining() as plans:
        catalog.connection.execute(text("SELECT q.id FROM quarantine AS q WHERE q.code = 'a'"))
        catalog.connection.execute(text("SELECT id FROM banks WHERE notes = 'a'"))
    assert [*plans.scans.values()] == [{"quarantine"}]
    assert plans.explained == 2
