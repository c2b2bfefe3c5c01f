"""Policies: their versions, and the evidence of verdicts that they judge."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.banks import Severity
from indexer.types.described import described
from indexer.types.rulings import Action, Ruling
from indexer.types.verdicts import Tier


class Reason(StrEnum):
    """What a rule may refer to besides classes and matches."""

    ALLOWED = "allowed"  # the whole picture is a copy of an entry of an allow bank
    SUPPRESSED = "suppressed"  # an allow entry or a decision suppressed a match
    TEMPLATE = "template"  # a frame was taken off the evidence of a match
    FLAT = "flat"  # too flat to be compared by PDQ
    CLUSTERED = "clustered"  # it belongs to a cluster of the newest run
    DISPUTED = "disputed"  # some classifiers call it unsafe, and others do not


@dataclass(frozen=True, slots=True)
class MatchEvidence:
    """The strongest match of one tier and bank among those that decide a verdict."""

    tier: Tier  # not none
    bank: str | None  # None for images that are in no bank
    severity: Severity | None  # of the bank, when the verdict was made
    log_odds: float | None  # in nats; None where all are bare fingerprints of the same bytes


@dataclass(frozen=True, slots=True)
class VerdictEvidence:
    """All of a verdict that a policy may refer to."""

    probabilities: dict[str, float]  # by class; empty for a vector or a fingerprint
    matches: tuple[MatchEvidence, ...]  # one for each tier and bank
    reasons: frozenset[Reason]


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """The verdict on a picture, ready to be stored."""

    at: datetime
    query_sha256: bytes  # 32 bytes
    tier: Tier
    evidence: VerdictEvidence
    ruling: Ruling | None  # None while no policy is in force


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict as it was given, without matches, names or pixels."""

    id: int
    at: datetime
    query_sha256: bytes  # 32 bytes
    tier: Tier
    evidence: VerdictEvidence
    action: Action | None  # None if no policy was in force
    policy_version: int | None
    rule: str | None  # the rule that decided


@described
@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the policy."""

    version: int
    """1, 2, 3 in the order in which they came into force."""
    name: str
    """Its name, as the document states it."""
    document: str
    """The document, in TOML."""
    created_at: datetime
    """When it came into force."""
    retired_at: datetime | None
    """When another version, or none, took its place; null while it is in force."""
