"""Review queues, and cards with the evidence of their items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from indexer.policy import DecisionReason
from indexer.reviews.decisions import seen_by
from indexer.reviews.rules import ReviewRules, reasons_in_force
from indexer.store import Catalog
from indexer.types import (
    Bank,
    Cluster,
    Exposure,
    Person,
    QueueKind,
    ReviewItem,
    ReviewQueue,
    Severity,
)
from search_api.console.ruler import Ruler, rulers_of_evidence
from search_api.console.today import midnight

_GRAVITY: Final = {severity: rank for rank, severity in enumerate(Severity)}
_EXEMPLARS: Final = 8


@dataclass(frozen=True, slots=True)
class QueueWords:
    """How people speak of a queue, and of what they decide in it."""

    name: str
    sentence: str
    """What it is of."""
    icon: str
    """In icons.svg."""
    confirm: str = "Confirm"
    reject: str = "Reject"


WORDS: Final = {
    QueueKind.SECOND_SIGNATURE: QueueWords(
        "Second signatures",
        "Matches that another person has decided. You see the evidence, not what they said.",
        "key-round",
    ),
    QueueKind.ESCALATION: QueueWords(
        "Escalations", "What reviewers handed on, or disagreed about.", "flag"
    ),
    QueueKind.FLOOD: QueueWords(
        "Floods",
        "Entries that match far more than before.",
        "triangle-alert",
        "Isolate the entry",
        "False alarm",
    ),
    QueueKind.RETRO_MATCH: QueueWords(
        "Retro-matches", "Past images that match an entry which is new.", "history"
    ),
    QueueKind.DISAGREEMENT: QueueWords(
        "Disagreements", "Uploads on which the classifiers disagree.", "sliders-horizontal"
    ),
    QueueKind.UNCERTAIN: QueueWords(
        "Uncertain uploads", "Uploads that the policy or the platform sends to a person.", "upload"
    ),
    QueueKind.CLUSTER_ALERT: QueueWords(
        "Cluster alerts",
        "Clusters that are new, grow or touch a bank.",
        "shapes",
        "Take up",
        "Harmless",
    ),
}
"""The queues in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that waits for people."""

    queues: list[ReviewQueue]
    """In the order of `WORDS`, gravest first."""

    @property
    def open(self) -> int:
        """Open items."""
        return sum(each.open for each in self.queues)

    def narrowed(self, queue: QueueKind, bank: str, severity: str) -> "Waiting":
        """Return what waits in a queue; an empty bank or severity narrows nothing."""
        return Waiting(
            [
                each
                for each in self.queues
                if each.queue is queue
                and (not bank or each.bank == bank)
                and (not severity or each.severity == severity)
            ]
        )

    @property
    def leased(self) -> int:
        """Of the open items, those that somebody has now."""
        return sum(each.leased for each in self.queues)

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest of them was made."""
        return min((each.oldest_at for each in self.queues), default=None)

    @property
    def empty(self) -> list[QueueWords]:
        """Queues without open items."""
        busy = {each.queue for each in self.queues}
        return [words for queue, words in WORDS.items() if queue not in busy]

    @property
    def next(self) -> ReviewQueue | None:
        """The queue to work on first: of the gravest bank, then the one that waits longest."""
        free = [each for each in self.queues if each.open > each.leased] or self.queues
        return min(free, key=lambda each: (-_rank(each.severity), each.oldest_at), default=None)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person needs beside the items: reasons, banks, and what they did today."""

    reasons: tuple[DecisionReason, ...]
    banks: list[Bank]
    exposure: Exposure
    """What they saw without a veil since midnight, UTC."""
    decided: int
    """Items that they decided since then."""


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """One item with what a person needs to decide on it."""

    item: ReviewItem
    rulers: list[Ruler]
    has_picture: bool
    """Whether there is a picture of what is asked about."""
    has_match_picture: bool
    parent: ReviewItem | None
    """The item that an escalation follows."""
    cluster: Cluster | None
    pictures: frozenset[int]
    """Stored images of the card whose thumbnail is kept."""
    needs_two: bool
    """Whether a second person will be asked to sign."""

    @property
    def words(self) -> QueueWords:
        """The words of its queue."""
        return WORDS[self.item.queue]

    @property
    def exemplars(self) -> list[int]:
        """Some images of the cluster."""
        return list(self.cluster.exemplars[:_EXEMPLARS]) if self.cluster else []


def read_waiting(catalog: Catalog, now: datetime) -> Waiting:
    """Read the queues that have open items."""
    order = list(WORDS)
    queues = catalog.reviews.queues(now)
    return Waiting(sorted(queues, key=lambda q: (order.index(q.queue), -_rank(q.severity))))


def read_desk(catalog: Catalog, person: Person) -> Desk:
    """Read what a person needs beside the items."""
    since = midnight()
    return Desk(
        reasons=reasons_in_force(catalog),
        banks=catalog.banks.all(),
        exposure=catalog.reveals.exposure(person.id, since),
        decided=catalog.reviews.decided_by(person.id, since),
    )


def read_cards(
    catalog: Catalog, person: Person, items: Sequence[ReviewItem], rules: ReviewRules
) -> list[ReviewCard]:
    """Gather what belongs to some items."""
    clusters = {
        item.cluster_id: catalog.clusters.get(item.cluster_id)
        for item in items
        if item.cluster_id is not None
    }
    kept = catalog.thumbnails.ids(_images(items, clusters.values()))
    return [
        _card(catalog, seen_by(person, item), rules, clusters, frozenset(kept)) for item in items
    ]


def _card(
    catalog: Catalog,
    item: ReviewItem,
    rules: ReviewRules,
    clusters: dict[int, Cluster],
    kept: frozenset[int],
) -> ReviewCard:
    parent = None if item.parent_id is None else catalog.reviews.get(item.parent_id)
    return ReviewCard(
        item=item,
        rulers=rulers_of_evidence(item.evidence),
        has_picture=item.has_picture or item.image_id in kept,
        has_match_picture=item.match_image_id in kept,
        parent=parent if item.queue is QueueKind.ESCALATION else None,
        cluster=clusters.get(item.cluster_id or 0),
        pictures=kept,
        needs_two=rules.needs_second(item, parent) and item.queue is not QueueKind.SECOND_SIGNATURE,
    )


def _images(items: Iterable[ReviewItem], clusters: Iterable[Cluster]) -> list[int]:
    found = [each for item in items for each in (item.image_id, item.match_image_id)]
    found += [each for item in items for each in [near.image_id for near in item.evidence.nearest]]
    found += [each for cluster in clusters for each in cluster.exemplars[:_EXEMPLARS]]
    return [each for each in found if each is not None]


def _rank(severity: Severity | None) -> int:
    return -1 if severity is None else _GRAVITY[severity]
