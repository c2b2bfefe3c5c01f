"""Analysts' decisions about matches."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described
from indexer.types.verdicts import Signal, Tier


class Outcome(StrEnum):
    """What an analyst says of a match."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to be remembered, about an entry or about an image of the gallery."""

    query_sha256: bytes
    outcome: Outcome
    entry_id: int | None = None
    image_id: int | None = None
    query_pdq: bytes | None = None  # 32 bytes; None when unknown, or too flat to be compared
    tier: Tier | None = None
    decided_by: Signal | None = None
    analyst: str | None = None
    note: str | None = None


@described
@dataclass(frozen=True, slots=True)
class Decision:
    """An analyst's word on one query and what it matched; a later one supersedes it."""

    id: int
    """Rises with time."""
    query_sha256: str
    """SHA-256 of the query's bytes, hexadecimal: the decision holds for these bytes alone."""
    query_pdq: str | None
    """PDQ of the query, hexadecimal; null when unknown or when the picture is too flat."""
    entry_id: int | None
    """The bank entry that was matched; null for an image of the gallery."""
    image_id: int | None
    """The image of the gallery that was matched; null for a bank entry."""
    outcome: Outcome
    """confirmed, rejected or escalated."""
    tier: Tier | None
    """The tier that the match had, if the analyst's tool told."""
    decided_by: Signal | None
    """The signal that had decided the match, likewise."""
    analyst: str | None
    """Who decided."""
    note: str | None
    """Why."""
    created_at: datetime
    """When it was decided."""
    superseded_at: datetime | None
    """When a later decision took its place; null while it holds."""


@described
@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it is remembered, and what joined a bank with it."""

    decision: Decision | None
    """The decision; null while a second person must sign it."""
    bank: str | None
    """The bank that the query joined; null when none was named, or while a signature is awaited."""
    new_entries: int
    """Entries that the bank did not have before."""
    awaits_signature: bool = False
    """Whether nothing has taken effect yet: a second person must sign."""
    review_id: int | None = None
    """The review item of the first signature, or the escalation where two persons disagreed."""
    message: str | None = None
    """What is to happen next, in words; null when it took effect."""
