"""SQLite and Postgres answer every public method of every repository alike.

The same catalog is made in both by every method that writes, in the order of `EDITS`; then every
method that reads is called on it. Clock, random ids and the log's identity are the same in both, so
answers are compared whole.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import copy
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import delete, update

from indexer.errors import LookalikeError
from indexer.runtime.actor import Actor
from indexer.store import (
    Answer,
    AuditQuery,
    BankDetails,
    Catalog,
    ClusterPart,
    FoundCluster,
    FoundLineage,
    FoundMembers,
    Landmarks,
    MatchKey,
    NewRetroMatch,
    RemovalQuery,
    RemovedBy,
    RequestKey,
    Store,
    Writer,
    open_store,
)
from indexer.store.banks.conditions import ACTIVE
from indexer.store.images.rows import NumberedPart
from indexer.store.models import CatalogInfo, EmbeddingRow, EntryRow, ImageRow
from indexer.types import (
    Action,
    ActionKind,
    AuditEvent,
    BankKind,
    ClaimedDelivery,
    ClusterAlgorithm,
    ClusterScope,
    Completeness,
    ContentMetadata,
    DisabledReason,
    EngineState,
    Fingerprint,
    FingerprintKind,
    FloodState,
    FoundTemplate,
    Histogram,
    IngestJob,
    IngestJobOptions,
    IngestPartState,
    LeaseRequest,
    LineageEvent,
    ListedFingerprint,
    MatchEvidence,
    NewCard,
    NewDecision,
    NewIngestPart,
    NewKey,
    NewPart,
    NewReveal,
    NewReviewItem,
    NewVerdict,
    Outcome,
    Part,
    PartKind,
    PartProgress,
    Person,
    PolicyCitation,
    QueueKind,
    RateUnit,
    Reason,
    ReviewAct,
    ReviewEvidence,
    ReviewFilter,
    ReviewState,
    Ruling,
    RunState,
    Scope,
    SecretHash,
    SemanticEmbeddings,
    Settlement,
    Severity,
    Signal,
    SignalReading,
    SkippedSource,
    SourceDetails,
    TemplateState,
    Tier,
    VerdictEvidence,
    WebhookEvent,
    WithdrawnFingerprint,
)
from support.catalog import (
    DIMENSION,
    FINGERPRINT,
    LABELS,
    arrival,
    bare_pdq,
    bind,
    item,
    new_image,
)
from support.postgres import postgres_database

pytestmark = pytest.mark.postgres

LANDMARKS = Landmarks(
    np.array([7, 8]),
    np.array([[0.5, 1], [-1, 2]], np.float32),
    4,
    datetime(2026, 11, 30, tzinfo=UTC),
)
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATER: Final = BEGIN + timedelta(days=9)
FAR: Final = datetime(2030, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
TOKEN: Final = bytes(range(32))
KEY: Final = RequestKey("caller", "key")
PART: Final = ClusterPart(2, 1, 0.0)
SECRET: Final = SecretHash(TOKEN, TOKEN[:16], 2, 1, 1)
MOST_METHODS: Final = 25
EVIDENCE: Final = ReviewEvidence(
    message="a", tier=Tier.LOOKALIKE, signals=(SignalReading(Signal.PDQ, "bits", 6.0, 31.0),)
)
SEMANTIC: Final = SemanticEmbeddings("7e" * 32, new_image(1).embedding)
SHOWN: Final = replace(new_image(4), semantic=SEMANTIC)
COPY: Final = new_image(30)
VARIANT: Final = NewPart(
    Part(PartKind.VARIANT, 1, None, "style:mist@1"), COPY.pdq, COPY.embedding, COPY.probabilities
)


def md5_of(seed: int) -> Fingerprint:
    return Fingerprint(FingerprintKind.MD5, new_image(seed).md5)


def sha256s(*seeds: int) -> list[bytes]:
    return [new_image(seed).sha256 for seed in seeds]


def card(bank: str | None, space_id: int | None) -> NewCard:
    return NewCard(
        signal=Signal.EMBEDDING if space_id else Signal.PDQ,
        tier=Tier.LOOKALIKE,
        bank=bank,
        space_id=space_id,
        value=0.5,
        unit=RateUnit.UPLOAD,
        target_rate=1e-3,
        false_positives=1,
        comparisons=1000,
        rate_low=1e-5,
        rate_high=1e-2,
        source_count=12,
        prediction_low=1e-6,
        prediction_high=0.1,
        background="gallery",
        background_images=100,
        reference_count=10,
        histogram=Histogram(0.0, 0.1, (1, 2, 3), (3, 2, 1)),
    )


def given(seed: int, age: timedelta = -HOUR) -> NewVerdict:
    """Make a verdict on a picture, given an hour after the beginning or so long before it."""
    match = MatchEvidence(Tier.EXACT, "unsafe", Severity.HIGH, 31.25)
    bare = MatchEvidence(Tier.LOOKALIKE, None, None, None)
    evidence = VerdictEvidence({"a": 1 / 3, "b": 1e-9}, (match, bare), frozenset({Reason.FLAT}))
    citation = PolicyCitation("third", 3, "rule", two_person=False, applied=())
    ruling = Ruling(Action.REVIEW, citation) if seed % 2 else None
    return NewVerdict(BEGIN - age, sha256s(seed)[0], Tier.EXACT, evidence, ruling)


def found(cluster_id: int | None, medoid: int, size: int) -> FoundCluster:
    return FoundCluster(
        cluster_id=cluster_id,
        size=size,
        medoid_id=medoid,
        medoid=new_image(medoid).embedding,
        exemplars=(medoid,),
        radius=0.25,
        max_pair_distance=0.5,
        first_seen=BEGIN,
        last_seen=LATER,
        growth_per_day=1.5,
    )


def members(images: list[int], labels: list[int]) -> FoundMembers:
    strength = np.linspace(0.5, 1.0, len(images))
    return FoundMembers(np.array(images), np.array(labels), strength, 1 - strength)


PARTS: Final = [NewIngestPart(f"/pictures/{n}.jpg", n or None, b"packed") for n in range(3)]


def uploads(catalog: Catalog) -> IngestJob:
    return catalog.ingest_jobs.get("uploads")


def newest_part(catalog: Catalog, place: int = -1) -> int:
    """Return the id of one of the newest ingest parts."""
    return catalog.ingest_jobs.parts("uploads")[place].id


def listed(number: int) -> ListedFingerprint:
    return ListedFingerprint(bare_pdq(number), f"list-{number}", labels=("a", "b"), notes="note")


Edit = Callable[[Writer], object]
Read = Callable[[Catalog], object]

DETAILS: Final = SourceDetails(label="spam", uploader="u", created_at=BEGIN, metadata={"a": [1]})
SPACE: Final[dict[str, Any]] = {
    "fingerprint": "cd" * 32,
    "model": "other",
    "architecture": "lcnet",
    "dimension": 8,
    "labels": LABELS,
}
ENGINE: Final = "qdrant://engine:6333"

EDITS: Final[list[tuple[str, Edit]]] = [
    (
        "spaces.register",
        lambda w: w.spaces.register(
            fingerprint=FINGERPRINT,
            model="another/folder",
            architecture="vit_tiny",
            dimension=8,
            labels=LABELS,
        ),
    ),
    ("banks.create", lambda w: w.banks.create("unsafe", BankKind.BLOCK, BankDetails(notes="n"))),
    ("banks.create", lambda w: w.banks.create("fine", BankKind.ALLOW)),
    ("banks.create", lambda w: w.banks.create("doomed", BankKind.BLOCK)),
    ("banks.require_free", lambda w: w.banks.require_free("free")),
    (
        "banks.edit",
        lambda w: w.banks.edit("fine", details=BankDetails(owner="me", severity=Severity.LOW)),
    ),
    ("banks.rename", lambda w: w.banks.rename("doomed", "renamed")),
    ("banks.remove", lambda w: w.banks.remove("renamed")),
    ("ratios.create_bank", lambda w: w.ratios.create_bank("sampled", 0.5)),
    ("ratios.set_bank", lambda w: w.ratios.set_bank("sampled", 0.25)),
    ("ratios.set_signal_type", lambda w: w.ratios.set_signal_type("pdq", 0.75)),
    ("images.add", lambda w: w.images.add([item(n, frames=n % 2) for n in range(1, 11)], 1)),
    ("images.add", lambda w: w.images.add([item(11, bank_id=1), item(1)], 1)),
    (
        "images.add",
        lambda w: w.images.add(
            [
                (
                    replace(new_image(12), thumbnail=b"jpeg", features=b"packed"),
                    arrival("12.jpg", details=DETAILS),
                )
            ],
            1,
        ),
    ),
    ("images.add_sources", lambda w: w.images.add_sources([(2, arrival("copy.jpg", bank_id=2))])),
    (
        "sources.mark_walked",
        lambda w: w.sources.mark_walked(w.sources.begin_walk(), ["/pictures/1.jpg"]),
    ),
    ("sources.close", lambda w: w.sources.close([3], remove_orphans=True)),
    ("sources.close_at", lambda w: w.sources.close_at(["/pictures/4.jpg"])),
    ("images.remove", lambda w: w.images.remove([5, 99])),
    ("images.purge", lambda w: w.images.purge([6])),
    ("images.add", lambda w: w.images.add([item(5), item(6)], 1)),
    ("images.purge", lambda w: w.images.purge([6])),
    (
        "quarantine.add",
        lambda w: w.quarantine.add(SkippedSource(f"/bad/{n}", "cde"[n], "why") for n in range(3)),
    ),
    ("quarantine.release", lambda w: w.quarantine.release(["/bad/2"])),
    ("quarantine.clear", lambda w: w.quarantine.clear(code="d")),
    ("entries.add", lambda w: w.entries.add(1, [1, 2])),
    ("entries.join", lambda w: w.entries.join(4, [7])),
    ("entries.add_fingerprint", lambda w: w.entries.add_fingerprint(1, bare_pdq(1), labels=["x"])),
    ("entries.add_fingerprint", lambda w: w.entries.add_fingerprint(1, md5_of(8))),
    ("entries.disable", lambda w: w.entries.disable([2], LATER, DisabledReason.FLOOD)),
    ("entries.disable", lambda w: w.entries.disable([1])),
    ("entries.enable", lambda w: w.entries.enable([1])),
    ("entries.add_fingerprint", lambda w: w.entries.add_fingerprint(1, bare_pdq(2))),
    ("entries.remove", lambda w: w.entries.remove([1])),
    ("entries.restore", lambda w: w.entries.restore(1)),
    ("entries.remove", lambda w: w.entries.remove([w.entries.last_id()])),
    ("entries.add_fingerprint", lambda w: w.entries.add_fingerprint(1, bare_pdq(3))),
    ("entries.withdraw", lambda w: w.entries.withdraw([w.entries.last_id()], RemovedBy.SOURCE)),
    ("lists.upsert", lambda w: w.lists.upsert(1, [listed(20), listed(21), listed(22)], "list")),
    (
        "lists.upsert",
        lambda w: w.lists.upsert(
            1, [replace(listed(20), notes=None), WithdrawnFingerprint("list-21", None)], "list"
        ),
    ),
    ("contents.add", lambda w: w.contents.add(1, [bare_pdq(30), md5_of(30)])),
    (
        "contents.describe",
        lambda w: w.contents.describe(
            w.entries.last_id() - 1, ContentMetadata("id", "https://a.example", {"b": 1}), "note"
        ),
    ),
    ("contents.disable", lambda w: w.contents.disable(w.entries.last_id() - 1, LATER)),
    ("contents.add", lambda w: w.contents.add(1, [bare_pdq(31), md5_of(31)])),
    ("contents.remove", lambda w: w.contents.remove("unsafe", w.entries.last_id() - 1)),
    ("hits.add", lambda w: w.hits.add({(1, BEGIN): 3, (1, BEGIN + HOUR): 4, (2, BEGIN): 1})),
    ("hits.add", lambda w: w.hits.add({(1, BEGIN + HOUR): 2})),
    ("hits.forget", lambda w: w.hits.forget(BEGIN + HOUR)),
    (
        "webhooks.create",
        lambda w: w.webhooks.create("https://a.example/hook", WebhookEvent, "secret", "ours"),
    ),
    ("webhooks.create", lambda w: w.webhooks.create("https://b.example/", WebhookEvent, "s", None)),
    ("webhooks.edit", lambda w: w.webhooks.edit(2, enabled=False, description="theirs")),
    ("webhooks.set_secret", lambda w: w.webhooks.set_secret(2, "other")),
    ("webhooks.remove", lambda w: w.webhooks.remove(2)),
    ("webhooks.ping", lambda w: w.webhooks.ping(1)),
    ("floods.flag", lambda w: w.floods.flag(1, BEGIN, 9, 0.5)),
    ("floods.flag", lambda w: w.floods.flag(2, BEGIN, 8, 0.5)),
    ("floods.resolve", lambda w: w.floods.resolve(2, FloodState.QUARANTINED)),
    ("templates.add", lambda w: w.templates.add(FoundTemplate(TOKEN, (7, 9)))),
    ("templates.add", lambda w: w.templates.add(FoundTemplate(TOKEN[::-1], (8,)))),
    ("templates.join", lambda w: w.templates.join(1, [9, 10, 10])),
    ("templates.move_watermark", lambda w: w.templates.move_watermark(5)),
    ("templates.move_watermark", lambda w: w.templates.move_watermark(7)),
    ("templates.decide", lambda w: w.templates.decide(2, TemplateState.REJECTED)),
    ("policies.put_in_force", lambda w: w.policies.put_in_force("first", "format = 1\n")),
    ("policies.put_in_force", lambda w: w.policies.put_in_force("second", "# \u00e4\0\n")),
    ("policies.retire", lambda w: w.policies.retire()),
    ("policies.put_in_force", lambda w: w.policies.put_in_force("third", "format = 1\n")),
    ("verdicts.add", lambda w: w.verdicts.add([given(n) for n in range(4, 9)])),
    ("verdicts.add", lambda w: w.verdicts.add([given(9, age=HOUR)])),
    ("verdicts.trim", lambda w: w.verdicts.trim(4, BEGIN)),
    ("maps.keep", lambda w: w.maps.keep(1, LANDMARKS)),
    ("maps.keep", lambda w: w.maps.keep(1, replace(LANDMARKS, images=9))),
    ("ingest_jobs.begin", lambda w: w.ingest_jobs.begin("uploads", IngestJobOptions("unsafe"))),
    ("ingest_jobs.add_parts", lambda w: w.ingest_jobs.add_parts(uploads(w), PARTS)),
    ("ingest_jobs.finish_listing", lambda w: w.ingest_jobs.finish_listing(uploads(w))),
    ("ingest_leases.take", lambda w: w.ingest_leases.take("a", HOUR, "uploads")),
    (
        "ingest_leases.advance",
        lambda w: w.ingest_leases.advance(
            newest_part(w, -3), "a", HOUR, PartProgress(2, 1, 1, is_new=True)
        ),
    ),
    (
        "ingest_leases.advance",
        lambda w: w.ingest_leases.advance(
            newest_part(w, -3), "a", HOUR, PartProgress(1), is_last=True
        ),
    ),
    ("ingest_leases.take", lambda w: w.ingest_leases.take("b", -HOUR)),
    ("ingest_leases.take", lambda w: w.ingest_leases.take("c", -HOUR)),
    ("ingest_leases.fail", lambda w: w.ingest_leases.fail(newest_part(w, -2), "b", "why")),
    ("ingest_leases.fail", lambda w: w.ingest_leases.fail(newest_part(w, -2), "c", "why")),
    ("ingest_leases.take", lambda w: w.ingest_leases.take("d", -HOUR)),
    ("ingest_leases.take", lambda w: w.ingest_leases.take("e", HOUR)),
    ("ingest_leases.give_back", lambda w: w.ingest_leases.give_back(newest_part(w), "e")),
    ("ingest_leases.give_back", lambda w: w.ingest_leases.give_back(newest_part(w), "e")),
    ("ingest_jobs.begin", lambda w: w.ingest_jobs.begin(None, IngestJobOptions())),
    ("ingest_jobs.begin", lambda w: w.ingest_jobs.begin("doomed", IngestJobOptions())),
    ("ingest_jobs.remove", lambda w: w.ingest_jobs.remove("doomed")),
    (
        "ingest_jobs.add_parts",
        lambda w: w.ingest_jobs.add_parts(w.ingest_jobs.page()[-1], PARTS),
    ),
    ("ingest_jobs.begin", lambda w: w.ingest_jobs.begin("job-2", IngestJobOptions(frames=2))),
    ("ingest_jobs.retry", lambda w: w.ingest_jobs.retry("uploads")),
    ("retro_scans.begin", lambda w: w.retro_scans.begin(None, 1, 1, w.log.head())),
    (
        "retro_scans.advance",
        lambda w: w.retro_scans.advance(
            w.retro_scans.get(1),
            w.log.head(),
            3,
            [
                NewRetroMatch(1, 9, Tier.LOOKALIKE, Signal.EMBEDDING, 0.9, None, 0.8),
                NewRetroMatch(1, 10, Tier.NEAR_DUPLICATE, Signal.PDQ, None, 12, 31.0),
            ],
        ),
    ),
    ("retro_scans.begin", lambda w: w.retro_scans.begin(1, 1, 1, w.log.head())),
    ("deliveries.claim", lambda w: w.deliveries.claim(9, timedelta(minutes=1), of_each=9)),
    ("deliveries.settle", lambda w: settle(w, 1, None)),
    ("deliveries.settle", lambda w: settle(w, 2, "refused")),
    ("deliveries.settle", lambda w: settle(w, 3, "late", LATER)),
    ("deliveries.retry", lambda w: w.deliveries.retry(2)),
    ("deliveries.forget", lambda w: w.deliveries.forget(FAR)),
    ("cards.add", lambda w: w.cards.add(card(None, 1))),
    ("cards.add", lambda w: w.cards.add(card("unsafe", 1))),
    ("cards.add", lambda w: w.cards.add(card(None, None))),
    ("cards.add", lambda w: w.cards.add(replace(card(None, 1), value=0.25))),
    (
        "decisions.add",
        lambda w: w.decisions.add(NewDecision(sha256s(9)[0], Outcome.CONFIRMED, entry_id=1)),
    ),
    (
        "decisions.add",
        lambda w: w.decisions.add(NewDecision(sha256s(9)[0], Outcome.REJECTED, image_id=7)),
    ),
    (
        "decisions.decide_listed",
        lambda w: w.decisions.decide_listed(
            [9, 10], Outcome.CONFIRMED, {"analyst": "a", "note": None}
        ),
    ),
    ("decisions.take_back", lambda w: w.decisions.take_back(3)),
    ("decisions.supersede", lambda w: w.decisions.supersede([2])),
    ("decisions.reinstate", lambda w: w.decisions.reinstate([2])),
    ("decisions.banks_listed", lambda w: w.decisions.banks_listed([1, 7, 9])),
    ("decisions.undo", lambda w: w.decisions.undo([2], [2])),
    (
        "decisions.check",
        lambda w: w.decisions.check(NewDecision(sha256s(9)[0], Outcome.CONFIRMED, entry_id=1)),
    ),
    (
        "cluster_runs.begin",
        lambda w: w.cluster_runs.begin(ClusterAlgorithm.HDBSCAN, {"k": 5}, ClusterScope(), 1),
    ),
    (
        "cluster_runs.finish",
        lambda w: w.cluster_runs.finish(
            1,
            [found(None, 1, 3), found(None, 9, 2)],
            members([1, 2, 7, 9, 10, 12], [0, 0, 0, 1, 1, -1]),
            [
                FoundLineage(LineageEvent.NEW, 0, None, None, None, 0, 0, 3),
                FoundLineage(LineageEvent.SPLIT, 1, None, 0, None, 1, 3, 2),
            ],
        ),
    ),
    (
        "cluster_runs.begin",
        lambda w: w.cluster_runs.begin(
            ClusterAlgorithm.KMEANS, {}, ClusterScope(banks=("unsafe",), since=BEGIN), 1
        ),
    ),
    ("cluster_runs.end", lambda w: w.cluster_runs.end(2, RunState.CANCELLED)),
    ("cluster_runs.assign", lambda w: w.cluster_runs.assign(1, members([1, 8], [1, 2]))),
    (
        "cluster_runs.found",
        lambda w: w.cluster_runs.found(1, [found(None, 3, 2)], members([3, 4], [0, 0])),
    ),
    ("cluster_actions.label", lambda w: w.cluster_actions.label(1, "a name")),
    ("cluster_actions.note", lambda w: w.cluster_actions.note(2, "a note")),
    (
        "cluster_actions.bank",
        lambda w: w.cluster_actions.bank(ClusterPart(2, 1, 0.0), w.banks.get("unsafe")),
    ),
    (
        "cluster_actions.decide",
        lambda w: w.cluster_actions.decide(
            ClusterPart(2, 1, 0.0), Outcome.REJECTED, w.banks.get("fine"), analyst="a"
        ),
    ),
    ("cluster_actions.banks_listed", lambda w: w.cluster_actions.banks_listed(PART)),
    (
        "cluster_actions.hold",
        lambda w: w.cluster_actions.hold(ActionKind.DECISION, PART, {"members": 2}),
    ),
    ("cluster_actions.name_review", lambda w: w.cluster_actions.name_review(5, 1)),
    (
        "cluster_actions.fulfil",
        lambda w: w.cluster_actions.fulfil(
            ReviewAct(action_id=5), Outcome.CONFIRMED, analyst="a", bank=w.banks.get("unsafe")
        ),
    ),
    ("cluster_actions.hold_again", lambda w: w.cluster_actions.hold_again(5)),
    ("cluster_actions.give_up", lambda w: w.cluster_actions.give_up(5)),
    ("cluster_actions.undo", lambda w: w.cluster_actions.undo(4)),
    ("cluster_actions.undo", lambda w: w.cluster_actions.undo(1)),
    ("cluster_actions.label", lambda w: w.cluster_actions.label(2, "another name")),
    (
        "keys.add",
        lambda w: w.keys.add(NewKey("public", "name", (Scope.CHECK,), SECRET, 5.0, FAR)),
    ),
    (
        "keys.add",
        lambda w: w.keys.add(NewKey("other", "x", (Scope.ADMIN,), SECRET)),
    ),
    ("keys.note_use", lambda w: w.keys.note_use({1: LATER})),
    ("sessions.open", lambda w: w.sessions.open(w.keys.get(1), TOKEN, FAR)),
    ("sessions.open", lambda w: w.sessions.open(w.keys.get(2), TOKEN[::-1], FAR)),
    ("sessions.note_use", lambda w: w.sessions.note_use(1, LATER)),
    ("sessions.end", lambda w: w.sessions.end(2)),
    ("keys.revoke", lambda w: w.keys.revoke(2)),
    ("reveals.add", lambda w: w.reveals.add(NewReveal(Person("key 1", "jo"), 12, "why", LATER))),
    ("reveals.add", lambda w: w.reveals.add(NewReveal(Person("key 2", "mo"), 9, "why", LATER))),
    ("reveals.add", lambda w: w.reveals.add(NewReveal(Person("key 1", "jo"), 7, "more", FAR))),
    ("reveals.end", lambda w: w.reveals.end(1, 4.5)),
    (
        "reviews.add",
        lambda w: w.reviews.add(
            [
                NewReviewItem(QueueKind.UNCERTAIN, EVIDENCE, TOKEN, entry_id=1, picture=b"jpeg"),
                NewReviewItem(QueueKind.DISAGREEMENT, EVIDENCE, TOKEN[::-1], match_image_id=7),
                NewReviewItem(QueueKind.CLUSTER_ALERT, EVIDENCE, cluster_id=1, bank="unsafe"),
                NewReviewItem(QueueKind.RETRO_MATCH, EVIDENCE, image_id=7, entry_id=1),
            ]
        ),
    ),
    ("reviews.keep_picture", lambda w: w.reviews.keep_picture(2, b"jpeg")),
    ("reviews.lock", lambda w: w.reviews.lock([2, 1])),
    ("reviews.find", lambda w: w.reviews.find(TOKEN)),
    (
        "review_leases.take",
        lambda w: w.review_leases.take("key 1", LeaseRequest(QueueKind.RETRO_MATCH, 9), HOUR),
    ),
    (
        "review_leases.take",
        lambda w: w.review_leases.take(
            "key 1", LeaseRequest(QueueKind.RETRO_MATCH, 9, "unsafe", family=True), -HOUR
        ),
    ),
    ("review_leases.renew", lambda w: w.review_leases.renew("key 1", range(9), HOUR)),
    ("review_leases.release", lambda w: w.review_leases.release("key 1", [1, 2, 3])),
    ("review_leases.skip", lambda w: w.review_leases.skip("key 1", newest_review(w))),
    (
        "reviews.settle",
        lambda w: w.reviews.settle(
            newest_review(w), Person("key 1", "jo"), Settlement(Outcome.CONFIRMED, "r", "n", 1)
        ),
    ),
    ("reviews.sign", lambda w: w.reviews.sign(newest_review(w), 1, awaits=True)),
    ("reviews.effects", lambda w: w.reviews.effects(newest_review(w))),
    ("reviews.followers", lambda w: w.reviews.followers(1)),
    ("reviews.reopen", lambda w: w.reviews.reopen(newest_review(w), Person("key 1", "jo"), FAR)),
    ("reviews.dismiss", lambda w: w.reviews.dismiss([1])),
    (
        "reviews.dismiss_match",
        lambda w: w.reviews.dismiss_match(MatchKey(TOKEN[::-1], None, 7), 2),
    ),
    ("reviews.reopen_after", lambda w: w.reviews.reopen_after([2])),
    ("reviews.withdraw", lambda w: w.reviews.withdraw(2)),
    ("reviews.dismiss_entries", lambda w: w.reviews.dismiss_entries([2])),
    ("reviews.dismiss_bank", lambda w: w.reviews.dismiss_bank(2)),
    ("reviews.dismiss_flood", lambda w: w.reviews.dismiss_flood(1)),
    ("reviews.forget_pictures", lambda w: w.reviews.forget_pictures(BEGIN)),
    ("people.set_settings", lambda w: w.people.set_settings("key 1", {"theme": "dark"})),
    ("people.save_view", lambda w: w.people.save_view("key 1", "a", "review", "b=1")),
    ("people.save_view", lambda w: w.people.save_view("key 1", "b", "review", "")),
    ("people.save_view", lambda w: w.people.save_view("key 1", "a", "review", "b=2")),
    ("people.delete_view", lambda w: w.people.delete_view("key 1", 2)),
    ("answers.remember", lambda w: w.answers.remember(KEY, TOKEN, Answer(201, b"{}"))),
    ("spaces.add", lambda w: w.spaces.add(**SPACE)),
    (
        "embeddings.embed",
        lambda w: w.embeddings.embed({1: new_image(1, frames=1), 3: new_image(3)}, 2),
    ),
    (
        "embeddings.embed",
        lambda w: w.embeddings.embed({2: new_image(2)}, 2, approximate=True),
    ),
    (
        "embeddings.write",
        lambda w: w.embeddings.write([NumberedPart(4, 0, new_image(4))], [4], w.spaces.get(2)),
    ),
    (
        "spaces.add_semantic",
        lambda w: w.spaces.add_semantic(w.spaces.get(2), "5e" * 32, DIMENSION),
    ),
    (
        "embeddings.write_semantics",
        lambda w: w.embeddings.write_semantics({4: SHOWN, 5: new_image(5)}, [4], w.spaces.get(1)),
    ),
    (
        "spaces.replace_semantic",
        lambda w: w.spaces.replace_semantic(w.spaces.get(2), SEMANTIC.space, DIMENSION),
    ),
    ("embeddings.drop_spoiled_semantics", lambda w: w.embeddings.drop_spoiled_semantics()),
    (
        "spaces.use_classifier",
        lambda w: w.spaces.use_classifier(2, model="probe", labels=["a", "b"], classifier="p 1"),
    ),
    (
        "embeddings.classify",
        lambda w: w.embeddings.classify(
            [(4, 0)], np.array([[0.25, 0.75]], np.float32), w.spaces.get(2)
        ),
    ),
    (
        "spaces.use_classifier",
        lambda w: w.spaces.use_classifier(
            2, model=SPACE["model"], labels=SPACE["labels"], classifier=None
        ),
    ),
    ("engines.join", lambda w: w.engines.join("local", "images", EngineState.ACTIVE)),
    ("engines.join", lambda w: w.engines.join(ENGINE, "images", EngineState.JOINING)),
    ("engines.join", lambda w: w.engines.join(ENGINE, "doomed", EngineState.JOINING)),
    ("engines.note", lambda w: w.engines.note(ENGINE, "images", 7, 5)),
    (
        "engines.note_recall",
        lambda w: w.engines.note_recall(ENGINE, "images", Completeness.measured(0.99, 500)),
    ),
    ("engines.activate", lambda w: w.engines.activate(ENGINE)),
    ("engines.forget", lambda w: w.engines.forget(ENGINE, "doomed")),
    ("spaces.activate", lambda w: w.spaces.activate(2, missing=7)),
    ("spaces.activate", lambda w: w.spaces.activate(1)),
    ("spaces.retire", lambda w: w.spaces.retire([2, 3])),
    ("embeddings.drop", lambda w: w.embeddings.drop([2, 3], limit=1)),
    ("embeddings.empty", lambda w: w.embeddings.empty([1, 99])),
    ("variants.replace", lambda w: w.variants.replace(1, {1: [VARIANT], 99: [VARIANT]}, 1, None)),
    ("variants.remove", lambda w: w.variants.remove(1, [1, 99])),
    ("variants.replace", lambda w: w.variants.replace(1, {1: [VARIANT]}, 1, None)),
    ("log.append", lambda w: w.log.append("image", "changed", [1])),
    (
        "log.append_entries_where",
        lambda w: w.log.append_entries_where("changed", EntryRow.bank_id == 1, ACTIVE),
    ),
    ("log.relog_images", lambda w: w.log.relog_images([1, 3])),
    ("log.relog_entries", lambda w: w.log.relog_entries([1, 2])),
    ("audit.record", lambda w: w.audit.record("test.record", "test", 1, number=0.5, text="\0")),
    (
        "audit.append",
        lambda w: w.audit.append([AuditEvent(BEGIN, Actor("user", "me"), "r", "test.append", "x")]),
    ),
]
READS: Final[list[tuple[str, Read]]] = [
    ("log.head", lambda c: c.log.head()),
    ("log.mark", lambda c: c.log.mark(3)),
    ("log.made_at", lambda c: c.log.made_at(3)),
    ("log.lag", lambda c: c.log.lag(3)),
    ("log.images_after", lambda c: c.log.images_after(2, 40)),
    ("log.last_of_banks", lambda c: c.log.last_of_banks()),
    ("audit.head", lambda c: c.audit.head()),
    ("audit.guard_flaws", lambda c: c.audit.guard_flaws() == []),
    ("audit.last", lambda c: c.audit.last()),
    ("audit.page", lambda c: c.audit.page(AuditQuery(action="bank.", since=BEGIN, subject="bank"))),
    ("audit.page", lambda c: c.audit.page(AuditQuery(newest_first=True, cursor=9), limit=3)),
    ("audit.all", lambda c: list(c.audit.all())),
    ("gauges.counts", lambda c: c.gauges.counts()),
    ("gauges.sizes", lambda c: c.gauges.sizes()),
    ("gauges.spaces", lambda c: c.gauges.spaces()),
    ("engines.all", lambda c: c.engines.all()),
    ("engines.get", lambda c: (c.engines.get(ENGINE, "images"), c.engines.get(ENGINE, "doomed"))),
    ("spaces.active", lambda c: c.spaces.active()),
    ("spaces.find", lambda c: c.spaces.find(FINGERPRINT)),
    ("spaces.get", lambda c: c.spaces.get(1)),
    ("spaces.get", lambda c: c.spaces.get(9)),
    ("spaces.semantic", lambda c: (c.spaces.semantic(1), c.spaces.semantic(9))),
    ("spaces.starting_with", lambda c: c.spaces.starting_with(FINGERPRINT[:12])),
    ("spaces.is_usable", lambda c: (c.spaces.is_usable(1), c.spaces.is_usable(2))),
    ("spaces.require_usable", lambda c: c.spaces.require_usable(c.spaces.get(2))),
    ("spaces.require_active", lambda c: c.spaces.require_active(c.spaces.get(2))),
    ("embeddings.lacking", lambda c: (c.embeddings.lacking(1), c.embeddings.lacking(2))),
    ("embeddings.lacking_semantics", lambda c: c.embeddings.lacking_semantics(4)),
    ("embeddings.semantic", lambda c: (c.embeddings.semantic(4, 4), c.embeddings.semantic(4, 9))),
    ("embeddings.unclassified", lambda c: c.embeddings.unclassified(2).parts),
    ("embeddings.pictures", lambda c: c.embeddings.pictures([1, 3, 12, 99])),
    ("embeddings.part_numbers", lambda c: c.embeddings.part_numbers([1, 2])),
    ("images.get", lambda c: c.images.get(1)),
    ("images.get", lambda c: c.images.get(3)),
    ("images.get_many", lambda c: c.images.get_many([1, 12, 3, 99], with_embedding=True, at=BEGIN)),
    ("images.page", lambda c: c.images.page(bank="unsafe", created_after=BEGIN, limit=3)),
    ("images.find", lambda c: c.images.find(RemovalQuery(source_prefix="/pictures/1"))),
    (
        "images.find",
        lambda c: c.images.find(
            RemovalQuery(
                ids=(1, 3), uris=("/pictures/copy.jpg",), sha256=(sha256s(5)[0],), removed=True
            )
        ),
    ),
    ("images.find", lambda c: c.images.find(RemovalQuery(label="spam", before=FAR))),
    ("images.ids", lambda c: c.images.ids()),
    ("images.ids_by_sha256", lambda c: c.images.ids_by_sha256(sha256s(1, 2, 3))),
    ("images.ids_by_md5", lambda c: sorted(c.images.ids_by_md5([md5_of(9).value]))),
    ("images.ids_with_md5", lambda c: c.images.ids_with_md5([md5_of(9).value])),
    ("images.fingerprints", lambda c: c.images.fingerprints([2, 1, 6])),
    ("images.sha256_of", lambda c: c.images.sha256_of([2, 1, 3])),
    ("images.part_kinds", lambda c: c.images.part_kinds([1, 2, 7])),
    ("images.tombstones", lambda c: c.images.tombstones()),
    ("images.purged_among", lambda c: c.images.purged_among(range(20))),
    ("sources.known", lambda c: c.sources.known(["/pictures/1.jpg", "/pictures/4.jpg"])),
    ("sources.begin_walk", lambda c: c.sources.begin_walk()),
    ("sources.page", lambda c: c.sources.page("/pictures/", not_met_by=c.sources.begin_walk())),
    ("sources.labels", lambda c: c.sources.labels(range(20))),
    ("sources.uploaders", lambda c: c.sources.uploaders(range(20))),
    ("variants.hardened", lambda c: c.variants.hardened([1, 3, 99], 1)),
    ("variants.recipes", lambda c: c.variants.recipes([1, 3, 99])),
    ("thumbnails.get_many", lambda c: c.thumbnails.get_many([11, 12])),
    ("thumbnails.ids", lambda c: c.thumbnails.ids([11, 12])),
    ("local_features.get_many", lambda c: c.local_features.get_many([11, 12])),
    ("local_features.ids", lambda c: c.local_features.ids([11, 12])),
    ("local_features.count_lacking", lambda c: c.local_features.count_lacking()),
    ("quarantine.page", lambda c: c.quarantine.page()),
    ("quarantine.counts_by_code", lambda c: c.quarantine.counts_by_code()),
    ("repair.problems", lambda c: c.repair.problems()),
    ("repair.spoiled_semantics", lambda c: c.repair.spoiled_semantics() == []),
    ("repair.incomplete_images", lambda c: c.repair.incomplete_images(among=[1, 7])),
    ("repair.unlogged_images", lambda c: c.repair.unlogged_images()),
    ("repair.unlogged_entries", lambda c: c.repair.unlogged_entries()),
    ("banks.all", lambda c: c.banks.all()),
    ("banks.page", lambda c: c.banks.page(after_id=1, limit=2)),
    ("banks.get", lambda c: c.banks.get("unsafe")),
    ("banks.get", lambda c: c.banks.get("unsave")),
    ("banks.id_of", lambda c: c.banks.id_of("fine")),
    ("banks.has", lambda c: c.banks.has("fine")),
    ("banks.require_block", lambda c: c.banks.require_block("unsafe")),
    ("banks.require_block", lambda c: c.banks.require_block("fine")),
    ("ratios.of_banks", lambda c: c.ratios.of_banks()),
    ("ratios.of_signal_types", lambda c: c.ratios.of_signal_types()),
    ("entries.page", lambda c: c.entries.page("unsafe")),
    ("entries.get", lambda c: c.entries.get(1)),
    ("entries.get", lambda c: c.entries.get(999)),
    ("entries.severity_of", lambda c: (c.entries.severity_of(1), c.entries.severity_of(999))),
    ("entries.of_image", lambda c: c.entries.of_image("unsafe", 1)),
    ("entries.of_bank", lambda c: c.entries.of_bank("unsafe", [1])),
    ("entries.in_force", lambda c: c.entries.in_force(range(1, 20), BEGIN)),
    (
        "entries.in_force_by_fingerprint",
        lambda c: c.entries.in_force_by_fingerprint([bare_pdq(1), bare_pdq(20), md5_of(8)], BEGIN),
    ),
    ("entries.image_ids", lambda c: c.entries.image_ids(["unsafe", "fine"], BEGIN)),
    ("entries.fingerprint_ids", lambda c: c.entries.fingerprint_ids(None, BEGIN)),
    ("entries.all_fingerprints_in_force", lambda c: c.entries.all_fingerprints_in_force(FAR)),
    ("entries.next_moment", lambda c: c.entries.next_moment(BEGIN)),
    ("entries.created_at", lambda c: c.entries.created_at([1, 2])),
    ("entries.banks_of_images", lambda c: c.entries.banks_of_images([1, 2])),
    ("entries.last_id", lambda c: c.entries.last_id()),
    ("entries.block_counts", lambda c: c.entries.block_counts()),
    ("entries.block_counts", lambda c: c.entries.block_counts(20)),
    ("recency.image_ids", lambda c: c.recency.image_ids(BEGIN)),
    ("recency.entry_image_ids", lambda c: c.recency.entry_image_ids(["unsafe"], BEGIN, BEGIN)),
    (
        "recency.entry_fingerprint_ids",
        lambda c: c.recency.entry_fingerprint_ids(None, BEGIN, BEGIN),
    ),
    ("recency.entries", lambda c: c.recency.entries([1, 2], BEGIN)),
    ("lists.plan", lambda c: c.lists.plan(1, [listed(20), listed(21), listed(23)], "list")),
    ("lists.entry_ids", lambda c: c.lists.entry_ids(1, ["list"])),
    ("contents.get", lambda c: c.contents.get("unsafe", 1)),
    ("contents.get", lambda c: c.contents.get("unsafe", described(c))),
    ("contents.entries", lambda c: c.contents.entries([1], [2, 5])),
    ("contents.entries_by_digest", lambda c: c.contents.entries_by_digest(md5_of(8))),
    (
        "hits.of_entries",
        lambda c: c.hits.of_entries([1, 2], since=BEGIN, before=BEGIN + 9 * HOUR),
    ),
    ("hits.first_hour", lambda c: c.hits.first_hour()),
    ("policies.version_in_force", lambda c: c.policies.version_in_force()),
    ("policies.in_force", lambda c: c.policies.in_force()),
    ("policies.get", lambda c: (c.policies.get(1), c.policies.get(2))),
    ("policies.get", lambda c: c.policies.get(9)),
    ("policies.page", lambda c: c.policies.page(before=3, limit=5)),
    ("verdicts.page", lambda c: c.verdicts.page(before_id=6, since=BEGIN, limit=5)),
    ("verdicts.count", lambda c: c.verdicts.count()),
    ("banks.severities", lambda c: c.banks.severities()),
    ("decisions.outcomes", lambda c: c.decisions.outcomes(sha256s(1, 9, 10))),
    ("maps.get", lambda c: [c.maps.get(space_id) for space_id in (1, 99)]),
    (
        "maps.state",
        lambda c: c.maps.state(c.cluster_runs.get(1), c.spaces.get(1), 1),
    ),
    ("maps.points", lambda c: c.maps.points(1, c.spaces.get(1))),
    ("maps.banked", lambda c: c.maps.banked(1)),
    ("templates.get", lambda c: c.templates.get(1)),
    ("templates.page", lambda c: c.templates.page(state=TemplateState.REJECTED, limit=5)),
    ("templates.watermark", lambda c: c.templates.watermark()),
    ("templates.of_images", lambda c: c.templates.of_images([7, 8, 10, 99])),
    ("templates.images", lambda c: c.templates.images(1, after_id=7, limit=2)),
    ("floods.get", lambda c: c.floods.get(1)),
    ("floods.page", lambda c: c.floods.page(state=FloodState.QUARANTINED)),
    ("floods.flagged_since", lambda c: c.floods.flagged_since([1, 2, 3], BEGIN)),
    ("cards.bounds", lambda c: c.cards.bounds(1)),
    ("cards.page", lambda c: c.cards.page(retired=True, limit=9)),
    ("cards.get", lambda c: c.cards.get(1)),
    ("samples.innocent_ids", lambda c: c.samples.innocent_ids()),
    ("samples.picture_vectors", lambda c: c.samples.picture_vectors([1, 2, 3], c.spaces.get(1))),
    ("samples.source_names", lambda c: c.samples.source_names([1, 2, 3])),
    ("samples.confirmed_pairs", lambda c: c.samples.confirmed_pairs()),
    ("decisions.for_query", lambda c: c.decisions.for_query(sha256s(9)[0])),
    ("decisions.page", lambda c: c.decisions.page(superseded=True)),
    ("decisions.standing", lambda c: c.decisions.standing([1, 2, 3, 4])),
    ("retro_scans.get", lambda c: c.retro_scans.get(1)),
    ("retro_scans.page", lambda c: c.retro_scans.page()),
    ("retro_scans.newest", lambda c: c.retro_scans.newest()),
    ("retro_scans.unfinished", lambda c: c.retro_scans.unfinished(1, 1)),
    ("retro_scans.last_finished", lambda c: c.retro_scans.last_finished(1, 1)),
    ("retro_scans.next_entries", lambda c: c.retro_scans.next_entries(c.retro_scans.get(2), 9)),
    ("retro_scans.matches", lambda c: c.retro_scans.matches(1)),
    ("cluster_runs.get", lambda c: c.cluster_runs.get(1)),
    ("cluster_runs.page", lambda c: c.cluster_runs.page()),
    ("cluster_runs.latest", lambda c: c.cluster_runs.latest(state=RunState.DONE, limit=1)),
    (
        "cluster_runs.semantic_space",
        lambda c: c.cluster_runs.semantic_space(
            replace(c.cluster_runs.get(1), parameters={"semantic": SEMANTIC.space[:12]})
        ),
    ),
    (
        "cluster_runs.newest",
        lambda c: c.cluster_runs.newest(1, ClusterAlgorithm.HDBSCAN, ClusterScope()),
    ),
    (
        "cluster_scopes.vectors",
        lambda c: c.cluster_scopes.vectors(
            ClusterScope(banks=("unsafe",), since=BEGIN, until=FAR), c.spaces.get(1)
        ),
    ),
    (
        "cluster_scopes.pieces",
        lambda c: c.cluster_scopes.pieces(ClusterScope(since=BEGIN, until=FAR), c.spaces.get(1)),
    ),
    (
        "cluster_scopes.ids",
        lambda c: c.cluster_scopes.ids(ClusterScope(min_probability=0.6), c.spaces.get(1)),
    ),
    (
        "cluster_scopes.ids",
        lambda c: c.cluster_scopes.ids(ClusterScope(uploader="u"), c.spaces.get(1)),
    ),
    (
        "cluster_scopes.ids",
        lambda c: c.cluster_scopes.ids(ClusterScope(), c.spaces.get(1), after_id=2),
    ),
    (
        "cluster_scopes.pieces_of",
        lambda c: c.cluster_scopes.pieces_of(
            np.array([3, 1, 2, 99]), ClusterScope(since=BEGIN), c.spaces.get(1)
        ),
    ),
    (
        "cluster_scopes.unknown",
        lambda c: c.cluster_scopes.unknown(1, ClusterScope(until=FAR), c.spaces.get(1)),
    ),
    (
        "cluster_scopes.count",
        lambda c: c.cluster_scopes.count(ClusterScope(uploader="u"), c.spaces.get(1)),
    ),
    (
        "cluster_scopes.vectors_of",
        lambda c: list(c.cluster_scopes.vectors_of(np.array([1, 2, 3]), c.spaces.get(1))),
    ),
    ("clusters.get", lambda c: c.clusters.get(1)),
    ("clusters.page", lambda c: c.clusters.page(1)),
    ("clusters.get_many", lambda c: c.clusters.get_many([1, 2, 99], 1)),
    ("clusters.largest", lambda c: c.clusters.largest(1, 9, (3, 1))),
    ("clusters.name", lambda c: c.clusters.name(1)),
    ("clusters.events", lambda c: c.clusters.events(1, [1, 2])),
    ("clusters.label", lambda c: c.clusters.label(2)),
    ("clusters.names", lambda c: c.clusters.names(1)),
    ("clusters.note", lambda c: c.clusters.note(2)),
    ("clusters.sizes", lambda c: c.clusters.sizes(1)),
    ("clusters.founded", lambda c: c.clusters.founded(1)),
    ("clusters.reach", lambda c: c.clusters.reach(1)),
    ("clusters.medoids", lambda c: c.clusters.medoids(1)),
    ("clusters.of_images", lambda c: c.clusters.of_images(1, [1, 9, 12])),
    ("clusters.lineage", lambda c: c.clusters.lineage(1)),
    ("clusters.lineage_of", lambda c: c.clusters.lineage_of(1)),
    ("clusters.lineage_names", lambda c: c.clusters.lineage_names(1)),
    ("cluster_members.membership", lambda c: c.cluster_members.membership(1)),
    (
        "cluster_members.membership_of",
        lambda c: c.cluster_members.membership_of(1, np.array([2, 1, 99])),
    ),
    ("cluster_members.count", lambda c: c.cluster_members.count(1)),
    ("cluster_members.page", lambda c: c.cluster_members.page(1, None)),
    ("cluster_members.joined", lambda c: c.cluster_members.joined(1)),
    ("cluster_members.additions", lambda c: c.cluster_members.additions(1, BEGIN)),
    ("cluster_members.bank_hits", lambda c: c.cluster_members.bank_hits(1, FAR)),
    ("cluster_members.bank_hits", lambda c: c.cluster_members.bank_hits(1, FAR, assigned=False)),
    ("cluster_members.bank_hits", lambda c: c.cluster_members.bank_hits(1, FAR, cluster_id=1)),
    ("cluster_members.classes", lambda c: c.cluster_members.classes(1, 1)),
    ("cluster_members.classes", lambda c: c.cluster_members.classes(1, 1, 1)),
    ("cluster_actions.get", lambda c: c.cluster_actions.get(3)),
    (
        "cluster_actions.counts",
        lambda c: c.cluster_actions.counts(ClusterPart(2, 1, 0.5), BEGIN),
    ),
    ("cluster_actions.page", lambda c: c.cluster_actions.page(2)),
    (
        "cluster_reports.members",
        lambda c: list(c.cluster_reports.members(1, c.spaces.get(1))),
    ),
    ("cluster_reports.dimension", lambda c: c.cluster_reports.dimension(1, c.spaces.get(1))),
    ("cluster_reports.sources", lambda c: c.cluster_reports.sources(1)),
    ("cluster_reports.bank_shares", lambda c: c.cluster_reports.bank_shares(1)),
    ("cluster_reports.bank_shares", lambda c: c.cluster_reports.bank_shares(1, 1)),
    (
        "cluster_reports.block_entries",
        lambda c: list(c.cluster_reports.block_entries(c.spaces.get(1), BEGIN)),
    ),
    ("keys.page", lambda c: c.keys.page()),
    ("keys.get", lambda c: c.keys.get(1)),
    ("keys.get_many", lambda c: c.keys.get_many([1, 2, 9])),
    ("keys.with_secret", lambda c: c.keys.with_secret("public")),
    ("keys.count_working", lambda c: c.keys.count_working(BEGIN)),
    ("sessions.get", lambda c: c.sessions.get(TOKEN)),
    ("sessions.count_open", lambda c: c.sessions.count_open(BEGIN)),
    ("reveals.get", lambda c: (c.reveals.get(1), c.reveals.get(2))),
    ("reveals.page", lambda c: c.reveals.page(person="key 1", image_id=7, before_id=9)),
    ("reveals.exposure", lambda c: c.reveals.exposure("key 1", BEGIN)),
    ("reviews.get", lambda c: c.reviews.get(newest_review(c))),
    ("reviews.get", lambda c: c.reviews.get(99)),
    ("reviews.about", lambda c: c.reviews.about(MatchKey(TOKEN, 1, None))),
    ("reviews.get_many", lambda c: c.reviews.get_many([newest_review(c), 1, 99])),
    (
        "reviews.page",
        lambda c: c.reviews.page(
            ReviewFilter(bank="unsafe", state=ReviewState.OPEN, queue=QueueKind.RETRO_MATCH)
        ),
    ),
    ("reviews.queues", lambda c: c.reviews.queues(LATER)),
    ("reviews.picture", lambda c: (c.reviews.picture(1), c.reviews.picture(99), "none")),
    ("reviews.holds_pictures", lambda c: c.reviews.holds_pictures()),
    ("reviews.decided_by", lambda c: (c.reviews.decided_by("key 1", BEGIN), "count")),
    ("people.settings", lambda c: c.people.settings("key 1")),
    ("people.views", lambda c: c.people.views("key 1")),
    ("answers.get", lambda c: c.answers.get(KEY, TOKEN, BEGIN)),
    ("answers.get", lambda c: c.answers.get(KEY, TOKEN[::-1], BEGIN)),
    ("ingest_jobs.get", lambda c: (c.ingest_jobs.get("uploads"), c.ingest_jobs.get("none"))),
    ("ingest_jobs.page", lambda c: c.ingest_jobs.page(limit=9)),
    ("ingest_jobs.parts", lambda c: c.ingest_jobs.parts("uploads")),
    ("ingest_jobs.parts", lambda c: c.ingest_jobs.parts(state=IngestPartState.DONE, limit=1)),
    ("ingest_jobs.count_open", lambda c: (c.ingest_jobs.count_open("uploads"), "open")),
    ("webhooks.get", lambda c: c.webhooks.get(1)),
    ("webhooks.page", lambda c: c.webhooks.page()),
    ("webhooks.wanting", lambda c: c.webhooks.wanting(WebhookEvent.FLOOD_FLAG)),
    ("deliveries.get", lambda c: c.deliveries.get(2)),
    ("deliveries.page", lambda c: c.deliveries.page(1)),
    ("deliveries.newest", lambda c: c.deliveries.newest(1)),
    ("deliveries.has_due", lambda c: c.deliveries.has_due(FAR)),
]


def newest_review(catalog: Catalog) -> int:
    """Return the id of the newest review item."""
    return max(item.id for item in catalog.reviews.page(ReviewFilter()))


def settle(
    writer: Writer, delivery_id: int, error: str | None, next_attempt_at: datetime | None = None
) -> None:
    """Settle a delivery that was claimed before."""
    row = writer.deliveries.get(delivery_id)
    claimed = ClaimedDelivery(row.id, row.webhook_id, row.message_id, "", "", "", row.attempts)
    status = 500 if error else 200
    writer.deliveries.settle(claimed, status=status, error=error, next_attempt_at=next_attempt_at)


def described(catalog: Catalog) -> int:
    """Return the id of the content that has a note."""
    return next(
        record.id
        for record in catalog.entries.page("unsafe")
        if record.notes == "note" and record.source is None
    )


class Clock(datetime):
    """Time that goes on by a second whenever it is asked."""

    seconds = count()

    @classmethod
    def now(cls, tz: Any = None) -> "Clock":
        return cls.fromtimestamp(BEGIN.timestamp() + 60 + next(cls.seconds), tz)


@contextmanager
def deterministic() -> Iterator[None]:
    """Give the store a clock and ids that are the same for each catalog."""
    Clock.seconds, numbers = count(), count(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("indexer.store.") and getattr(module, "datetime", None) is datetime:
                patch.setattr(module, "datetime", Clock)
        patch.setattr("indexer.store.webhooks.outbox.uuid4", lambda: UUID(int=next(numbers)))
        patch.setattr("indexer.store.images.sources.time_ns", lambda: next(numbers))
        yield


def plain(value: Any) -> Any:
    """Return an answer in types that compare exactly: a list in its order, a mapping in any."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tolist()
    if isinstance(value, Mapping):
        return "mapping", sorted(([plain(key), plain(value[key])] for key in value), key=repr)
    if isinstance(value, set | frozenset):
        return "set", sorted(map(plain, value), key=repr)
    if isinstance(value, list | tuple | range):
        return type(value).__name__, [plain(each) for each in value]
    return type(value).__name__, value


class Refusal(NamedTuple):
    error: str
    message: str


def ask(read: Read, catalog: Catalog) -> object:
    try:
        return read(catalog)
    except LookalikeError as error:
        return Refusal(type(error).__name__, str(error))


def damage(writer: Writer) -> None:
    """Make what `repair` is about: an image without its vector, rows that the log contradicts."""
    lost = delete(EmbeddingRow).where(EmbeddingRow.image_id == 7)
    image = update(ImageRow).where(ImageRow.id == 8).values(removed_at=BEGIN)
    gone = {"removed_at": BEGIN, "removed_by": "source"}
    entry = update(EntryRow).where(EntryRow.external_id == "list-22").values(gone)
    for statement in (lost, image, entry):
        writer.connection.execute(statement)


def answers(url: str) -> dict[str, list[object]]:
    """Make the catalog and ask everything; return the answers by method."""
    found: dict[str, list[object]] = {}
    with open_store(url) as store, store.writer() as writer:
        writer.connection.execute(update(CatalogInfo).values(log_id="one log"))
    with deterministic(), open_store(url) as store:
        bind(store)
        for name, edit in EDITS:
            with store.writer() as writer:
                found.setdefault(name, []).append(edit(writer))
        with store.writer() as writer:
            damage(writer)
        with store.reader() as catalog:
            for name, read in READS:
                found.setdefault(name, []).append(ask(read, catalog))
    return found


@pytest.fixture(scope="module")
def on_sqlite(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[object]]:
    file = copy(migrated_sqlite, tmp_path_factory.mktemp("contract"))
    return answers(f"sqlite:///{file}")


@pytest.fixture(scope="module")
def on_postgres(postgres_url: str, migrated_postgres: str) -> dict[str, list[object]]:
    with postgres_database(postgres_url, migrated_postgres) as url:
        return answers(url)


def repositories(writer: Writer) -> dict[str, type[Any]]:
    named = {name: type(value) for name, value in vars(writer).items() if name[0] != "_"}
    del named["connection"]
    return named


def public_methods(kind: type[Any]) -> set[str]:
    members_of_kind = inspect.getmembers(kind, inspect.isfunction)
    return {name for name, _ in members_of_kind if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted({name for name, _ in [*EDITS, *READS]}))
def test_both_databases_answer_alike(
    name: str, on_sqlite: dict[str, list[object]], on_postgres: dict[str, list[object]]
) -> None:
    assert plain(on_sqlite[name]) == plain(on_postgres[name])


@pytest.mark.parametrize("name", sorted({name for name, _ in READS}))
def test_what_is_read_has_something_to_compare(
    name: str, on_sqlite: dict[str, list[object]]
) -> None:
    assert all(
        np.size(answer) if isinstance(answer, np.ndarray) else answer for answer in on_sqlite[name]
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_public_method_is_left_out(store: Store) -> None:
    with store.writer() as writer:
        kinds = repositories(writer)
    expected = {
        f"{name}.{method}" for name, kind in kinds.items() for method in public_methods(kind)
    }
    assert {name for name, _ in [*EDITS, *READS]} == expected


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_repository_has_more_than_25_public_methods(store: Store) -> None:
    with store.writer() as writer:
        kinds = repositories(writer)
    counted = {name: len(public_methods(kind)) for name, kind in kinds.items()}
    assert {name: number for name, number in counted.items() if number > MOST_METHODS} == {}
