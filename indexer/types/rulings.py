"""Rulings: what a policy says is to be done about a query, and why."""

from dataclasses import dataclass
from enum import StrEnum

from indexer.types.described import described


class Action(StrEnum):
    """What is to be done, weakest first."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


@described
@dataclass(frozen=True, slots=True)
class AppliedRule:
    """A rule of a policy that applied to a query."""

    rule: str
    """Id of the rule."""
    action: Action
    """allow, review or block."""
    two_person: bool
    """Whether the rule asks for a second person's signature."""
    because: str
    """The evidence that met its conditions, in words."""


@described
@dataclass(frozen=True, slots=True)
class PolicyCitation:
    """The policy behind an action, with the rules that applied."""

    name: str
    """Name of the policy."""
    version: int
    """Its version; `GET /v1/policies/{version}` returns its text."""
    rule: str | None
    """Id of the rule that decided; null if none applied, and the policy's default holds."""
    two_person: bool
    """Whether the action needs a second person's signature."""
    applied: tuple[AppliedRule, ...]
    """All rules that applied, strongest action first, then in the order of the policy."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of one query."""

    action: Action
    policy: PolicyCitation
