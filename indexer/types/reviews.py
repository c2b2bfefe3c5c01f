"""Review items: what people are to decide, with the evidence as it was when the item was made."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from indexer.types.banks import Severity
from indexer.types.decisions import Outcome
from indexer.types.described import described
from indexer.types.fusion import Contribution
from indexer.types.rulings import Action
from indexer.types.verdicts import Opinion, Signal, Tier


class QueueKind(StrEnum):
    """What a queue is of."""

    RETRO_MATCH = "retro_match"
    FLOOD = "flood"
    CLUSTER_ALERT = "cluster_alert"
    DISAGREEMENT = "disagreement"
    UNCERTAIN = "uncertain"
    SECOND_SIGNATURE = "second_signature"
    ESCALATION = "escalation"


class ReviewState(StrEnum):
    """What became of an item."""

    OPEN = "open"
    DECIDED = "decided"
    DISMISSED = "dismissed"  # nobody needs to decide it any more


@described
@dataclass(frozen=True, slots=True)
class SignalReading:
    """A signal on its scale: what it measured, and the bound."""

    signal: Signal
    """pdq, embedding or fused."""
    unit: str
    """bits (lower is closer), cosine or nats (higher is closer)."""
    value: float | None
    """What it measured; null if it did not."""
    threshold: float | None = None
    """The bound of the tier; null where none was applied."""
    threshold_low: float | None = None
    """Lower end of the bounds that the calibration cannot tell from this one; null without it."""
    threshold_high: float | None = None
    """Upper end of them."""
    threshold_source: str | None = None
    """Where the bound is from: request, card, settings or model."""
    threshold_card: int | None = None
    """The threshold card, if any."""


@described
@dataclass(frozen=True, slots=True)
class NearMiss:
    """Another stored image, or entry, beside the match."""

    tier: Tier
    """The tier that it reached; none for a miss."""
    bank: str | None
    """Its bank."""
    entry_id: int | None
    """The entry."""
    image_id: int | None
    """The stored image."""
    pdq_distance: int | None
    """Bits."""
    similarity: float | None
    """Cosine."""
    log_odds: float | None
    """Nats."""


@described
@dataclass(frozen=True, slots=True)
class ReviewEvidence:
    """The evidence of an item, as it was when the item was made."""

    message: str | None = None
    """What happened, in words: for floods and clusters."""
    tier: Tier | None = None
    """The tier of the match."""
    decided_by: Signal | None = None
    """The signal that decided it."""
    signals: tuple[SignalReading, ...] = ()
    """Each signal on its scale."""
    contributions: tuple[Contribution, ...] = ()
    """What each signal adds to the log-odds."""
    nearest: tuple[NearMiss, ...] = ()
    """What else was near, nearest first."""
    probabilities: dict[str, float] = field(default_factory=dict)
    """Class probabilities of an upload, by label."""
    opinions: tuple[Opinion, ...] = ()
    """What further classifiers said of an upload."""
    action: Action | None = None
    """What the policy said; null without one."""
    rule: str | None = None
    """The rule of the policy that decided."""
    two_person: bool = False
    """Whether the policy asks for a second person's signature."""
    count: int | None = None
    """Hits of a flood, or images of a cluster."""
    expected: float | None = None
    """Hits that were expected, or images before."""


@dataclass(frozen=True, slots=True)
class NewReviewItem:
    """An item to be made: about an upload, a stored image, a flood flag or a cluster."""

    queue: QueueKind
    evidence: ReviewEvidence
    query_sha256: bytes | None = None  # of an upload; that of a stored image is looked up
    image_id: int | None = None
    flood_id: int | None = None
    cluster_id: int | None = None
    entry_id: int | None = None  # what it matched
    match_image_id: int | None = None  # the same, of no bank
    bank: str | None = None  # where no entry says it
    picture: bytes | None = None  # a JPEG of an upload
    parent_id: int | None = None  # the item that this one follows
    not_for: str | None = None  # person who must not decide it
    is_signed: bool = False  # made by a decision, also where one stands


@described
@dataclass(frozen=True, slots=True)
class ReviewItem:
    """Something for a person to decide."""

    id: int
    """Rises with time."""
    queue: QueueKind
    """The queue it is in."""
    state: ReviewState
    """open, decided or dismissed."""
    query_sha256: str | None
    """SHA-256 of the picture, hexadecimal; null for a flood or a cluster."""
    image_id: int | None
    """The stored image it is about; null for an upload, a flood or a cluster."""
    flood_id: int | None
    """The flood flag it is about."""
    cluster_id: int | None
    """The cluster it is about."""
    entry_id: int | None
    """The entry that was matched."""
    match_image_id: int | None
    """The stored image that was matched, that of the entry or of no bank; null for bare ones."""
    bank: str | None
    """The bank."""
    severity: Severity | None
    """How grave it is to match the bank."""
    evidence: ReviewEvidence
    """As it was when the item was made."""
    has_picture: bool
    """Whether a picture of the upload is kept; a stored image has its thumbnail."""
    parent_id: int | None
    """The item that this one follows: a second signature, an escalation."""
    created_at: datetime
    """When it was made."""
    leased_by: str | None
    """The person who has it now; null if nobody has."""
    lease_expires_at: datetime | None
    """Until when."""
    outcome: Outcome | None
    """What was decided; null while it is open, or hidden until a second person has signed."""
    reason: str | None
    """Id of the reason."""
    note: str | None
    """What else was said of it."""
    decided_by: str | None
    """Who decided."""
    decided_at: datetime | None
    """When."""
    decision_id: int | None
    """The decision on the match that came of it."""
    awaits_signature: bool
    """Whether a second person is still to sign."""


@described
@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The open items of a queue, for one bank and severity."""

    queue: QueueKind
    """The queue."""
    bank: str | None
    """The bank; null for items of none."""
    severity: Severity | None
    """The severity."""
    open: int
    """Open items."""
    leased: int
    """Of them, those that somebody has now."""
    oldest_at: datetime
    """When the oldest of them was made."""


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which items are wanted; None narrows nothing."""

    queue: QueueKind | None = None
    bank: str | None = None
    severity: Severity | None = None
    state: ReviewState | None = None
    leased_by: str | None = None  # a person
    decided_by: str | None = None  # a person
    image_id: int | None = None
    cluster_id: int | None = None
    flood_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewAct:
    """What a decision from outside the queues asks for beside its outcome, and what came of it.

    It waits at the item of the first person, and is carried out with the second signature.
    """

    bank: str | None = None  # that the query, or the members of the cluster, join
    query_pdq: str | None = None  # of the query, hexadecimal
    run_id: int | None = None  # the cluster's members are as of this run
    min_probability: float = 0.0  # of membership
    action_id: int | None = None  # of the cluster, that waits
    decides: bool = True  # also on the matches, not only on the bank
    is_own: bool = False  # whether the item was made for it
    entries: tuple[int, ...] = ()  # that joined the bank


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a person said of an item."""

    outcome: Outcome
    reason: str | None
    note: str | None
    decision_id: int | None = None
    superseded_id: int | None = None  # decision that gave way
    flood_state: str | None = None  # of the flag, before
    awaits_signature: bool = False
    act: ReviewAct | None = None


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """Which items a person wants to have."""

    queue: QueueKind
    limit: int = 1
    bank: str | None = None
    family: bool = False  # the items after the first are of its family
    resume: bool = False  # those that the person has already come first
    severity: Severity | None = None
    item_id: int | None = None  # the first, even if the person has it already


@described
@dataclass(frozen=True, slots=True)
class LeftOut:
    """An item that was not decided."""

    id: int
    """The item."""
    code: str
    """Code of the problem, such as review_taken."""
    detail: str
    """The problem, and what to do next."""
    brief: str
    """The problem alone, to be shown to a person."""


@dataclass(frozen=True, slots=True)
class ReviewEffects:
    """What a decision on an item changed, as far as taking it back needs it."""

    superseded_id: int | None
    flood_state: str | None
    act: ReviewAct | None
