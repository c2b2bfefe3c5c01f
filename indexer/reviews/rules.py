"""Review rules: who may decide, for how long, and whether a second person must sign."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, Self

from indexer.errors import InputError
from indexer.policy import DecisionReason, parse_policy
from indexer.settings import Settings
from indexer.store import Catalog
from indexer.types import Person, QueueKind, ReviewItem, Severity

_GRAVITY: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """The rules of one server."""

    lease: timedelta
    """How long a person has an item, unless the lease is renewed."""
    undo: timedelta
    """How long a decision can be taken back."""
    two_person: Severity | None
    """Severity of banks from which on a second person must sign; None for the policy alone."""

    @classmethod
    def of(cls, settings: Settings, lease_seconds: float) -> Self:
        """Read the rules from the settings."""
        severity = settings.two_person_severity
        return cls(
            timedelta(seconds=lease_seconds),
            timedelta(seconds=settings.review_undo_seconds),
            None if severity is None else Severity(severity),
        )

    def needs_second(self, item: ReviewItem, parent: ReviewItem | None) -> bool:
        """Return whether a decision on an item holds only once a second person has signed.

        Where two people differed, the word of a third is enough.
        """
        if parent is not None and parent.queue is QueueKind.SECOND_SIGNATURE:
            return False
        return self.is_grave(item.severity) or item.evidence.two_person

    def is_grave(self, severity: Severity | None) -> bool:
        """Return whether what matches a bank of a severity is decided by two persons."""
        return (
            self.two_person is not None
            and severity is not None
            and _GRAVITY[severity] >= _GRAVITY[self.two_person]
        )

    def undone_until(self, decided_at: datetime) -> datetime:
        """Return until when a decision can be taken back."""
        return decided_at + self.undo


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who decides, and the rules for it."""

    person: Person
    rules: ReviewRules

    @classmethod
    def of_command(cls, settings: Settings, analyst: str | None = None) -> Self:
        """Return who runs a command: somebody without a key, whatever they call themselves."""
        rules = ReviewRules.of(settings, lease_seconds=0)
        return cls(Person("command line", analyst or "command line"), rules)


def gravest(severities: Iterable[Severity | None]) -> Severity | None:
    """Return the gravest of some severities; None where none is given."""
    known = [each for each in severities if each is not None]
    return max(known, key=_GRAVITY.__getitem__, default=None)


def reasons_in_force(catalog: Catalog) -> tuple[DecisionReason, ...]:
    """Return the reasons of the policy in force; none where it lists none."""
    policy = catalog.policies.in_force()
    return () if policy is None else _reasons(policy.document)


def check_reason(catalog: Catalog, reason: str | None) -> None:
    """Make sure that a reason is one of the policy's, if it lists any.

    Raises
    ------
    InputError
        It is missing, or not of the list.
    """
    known = [each.id for each in reasons_in_force(catalog)]
    if known and reason not in known:
        given = "A decision needs a reason" if reason is None else f"{reason!r} is no reason"
        raise InputError(f"{given} of the policy in force. Give one of: {', '.join(known)}.")


@lru_cache(maxsize=4)
def _reasons(document: str) -> tuple[DecisionReason, ...]:
    return parse_policy(document).decision_reasons
