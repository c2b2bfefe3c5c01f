"""Ingest jobs: sources listed into parts, which any number of workers add to the index."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

MOST_ATTEMPTS: Final = 3
"""Workers in a row that may end without a new image while they have a part."""


class IngestPartState(StrEnum):
    """What has become of a part."""

    WAITING = "waiting"
    RUNNING = "running"  # a worker has it, as long as its lease lasts
    DONE = "done"
    QUARANTINED = "quarantined"  # too many attempts failed


@dataclass(frozen=True, slots=True)
class IngestJobOptions:
    """What every worker of a job does with its images."""

    bank: str | None = None
    """Bank of the images whose source names none."""
    frames: int | None = None
    """Maximum number of further frames of an animation; None leaves it to the worker's settings."""
    tiles: bool = False
    """Cut large pictures into tiles that are matched on their own."""
    thumbnails: bool = False
    """Make the thumbnails of known images that have none."""
    features: bool = False
    """Find the local features of known images that have none."""


@dataclass(frozen=True, slots=True)
class IngestJob:
    """A job, and how far it is."""

    id: int
    name: str
    options: IngestJobOptions
    created_at: datetime
    listed_at: datetime | None
    """When all of its sources were listed; None while they are, or where listing broke off."""
    waiting: int
    """Parts that no worker has begun, or that were given back."""
    running: int
    done: int
    quarantined: int
    images: int
    """Images listed, archives not counted: what they hold is known once they are read."""
    added: int
    """Images that the index did not hold before."""
    skipped: int
    """Files that could not be indexed, in the last attempt at each part."""

    @property
    def parts(self) -> int:
        """Parts in all."""
        return self.waiting + self.running + self.done + self.quarantined


@dataclass(frozen=True, slots=True)
class NewIngestPart:
    """A part, ready to be written."""

    label: str
    """Its first source, for people."""
    images: int | None
    """None for an archive."""
    content: bytes = field(repr=False)
    """Which images they are, packed."""


@dataclass(frozen=True, slots=True)
class IngestPart:
    """A part of a job, and how far it is."""

    id: int
    job: str
    number: int
    """1, 2, 3 within the job."""
    label: str
    """Its first source."""
    images: int | None
    """Images listed; None for an archive."""
    state: IngestPartState
    attempts: int
    """Workers that took it since a new image of it was last committed."""
    worker: str | None
    """Who has it, or had it last: host and process."""
    lease_expires_at: datetime | None
    """Until when it is that worker's, unless the lease is renewed."""
    processed: int
    """Sources dealt with in the current or last attempt."""
    added: int
    """Images that the index did not hold before, in all attempts."""
    skipped: int
    """Files that could not be indexed, in the current or last attempt."""
    reason: str | None
    """Why the last attempt failed."""
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedPart:
    """A part that a worker has taken."""

    id: int
    job: str
    number: int
    label: str
    images: int | None
    options: IngestJobOptions
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartProgress:
    """What one transaction adds to the counts of a part."""

    processed: int = 0
    added: int = 0
    skipped: int = 0
    is_new: bool = False
    """Whether it stores what no attempt stored before: the part is not what kills workers."""
