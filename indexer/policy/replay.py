"""Replay: a policy on stored verdicts, beside the policy in force."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from indexer.policy.document import PolicyDocument, parse_policy
from indexer.policy.rule_evaluation import ACTION_RANK, rule_on
from indexer.store import Catalog
from indexer.types import Action, Outcome, Ruling, StoredVerdict, Tier

_AT_ONCE: Final = 1_000  # verdicts read
_EXAMPLES: Final = 5  # of each kind of change
_STRONGEST: Final = (Outcome.CONFIRMED, Outcome.ESCALATED, Outcome.REJECTED)
_UNSTORED: Final = 0  # the version of a policy that is only tested
UNDECIDED: Final = "undecided"
_DECISIONS: Final = (*(outcome.value for outcome in Outcome), UNDECIDED)


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """A stored verdict that would come to another action."""

    id: int
    query_sha256: str
    at: datetime
    tier: Tier
    decision: Outcome | None  # of an analyst, on these bytes
    rule_before: str | None  # that decides by the policy in force
    rule_after: str | None


@dataclass(slots=True)
class ActionChange:
    """The verdicts that would go from one action to another."""

    before: Action | None  # None while no policy is in force
    after: Action
    count: int = 0
    two_person: int = 0  # of them, those that would need a second signature
    decisions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_DECISIONS, 0))
    examples: list[ChangedVerdict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """What a policy would change of stored verdicts."""

    name: str
    against: str | None  # name of the policy in force
    against_version: int | None
    verdicts: int
    oldest: datetime | None  # of the verdicts
    before: dict[str, int]  # verdicts by action; empty while no policy is in force
    after: dict[str, int]
    rules: dict[str, int]  # verdicts that each rule of the tested policy decides
    changed: int
    changes: list[ActionChange]  # most verdicts first


def replay_policy(
    catalog: Catalog,
    document: PolicyDocument,
    *,
    since: datetime | None = None,
    limit: int | None = None,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> PolicyReplay:
    """Apply a policy to stored verdicts, and compare with what the policy in force says of them.

    The policy in force is applied to the same evidence, whatever was in force when a verdict was
    given: what differs is the policies' doing alone.

    Parameters
    ----------
    catalog : Catalog
    document : PolicyDocument
        The policy to test.
    since : datetime, optional
        Only verdicts given at this moment or later.
    limit : int, optional
        Most verdicts, the newest; all by default.
    on_progress : callable
        Called with the number of verdicts so far.
    """
    in_force = catalog.policies.in_force()
    current = parse_policy(in_force.document) if in_force else None
    before, after, rules = Counter[str](), Counter[str](), Counter[str]()
    changes: dict[tuple[Action | None, Action], ActionChange] = {}
    done, oldest = 0, None
    for verdicts in _pages(catalog, since, limit):
        outcomes = catalog.decisions.outcomes(verdict.query_sha256 for verdict in verdicts)
        for verdict in verdicts:
            old = rule_on(current, _UNSTORED, verdict.evidence) if current else None
            new = rule_on(document, _UNSTORED, verdict.evidence)
            before.update([old.action.value] if old else [])
            after[new.action.value] += 1
            rules.update([new.policy.rule] if new.policy.rule else [])
            was = old.action if old else None
            if was is not new.action:
                change = changes.setdefault((was, new.action), ActionChange(was, new.action))
                _count(change, verdict, outcomes.get(verdict.query_sha256, set()), old, new)
        done += len(verdicts)
        oldest = verdicts[-1].at
        on_progress(done)
    return PolicyReplay(
        name=document.name,
        against=in_force.name if in_force else None,
        against_version=in_force.version if in_force else None,
        verdicts=done,
        oldest=oldest,
        before=_by_action(before) if in_force else {},
        after=_by_action(after),
        rules={rule.id: rules[rule.id] for rule in document.rules},
        changed=sum(change.count for change in changes.values()),
        changes=sorted(changes.values(), key=_most_first),
    )


def _pages(
    catalog: Catalog, since: datetime | None, limit: int | None
) -> Iterator[list[StoredVerdict]]:
    """Yield the verdicts, newest first, up to a limit."""
    before_id, left = None, limit
    while left is None or left > 0:
        most = _AT_ONCE if left is None else min(_AT_ONCE, left)
        page = catalog.verdicts.page(before_id=before_id, since=since, limit=most)
        if not page:
            return
        yield page
        before_id = page[-1].id
        left = None if left is None else left - len(page)


def _count(
    change: ActionChange,
    verdict: StoredVerdict,
    outcomes: set[Outcome],
    old: Ruling | None,
    new: Ruling,
) -> None:
    decision = next((outcome for outcome in _STRONGEST if outcome in outcomes), None)
    change.count += 1
    change.two_person += new.policy.two_person
    change.decisions[decision.value if decision else UNDECIDED] += 1
    if len(change.examples) < _EXAMPLES:
        change.examples.append(
            ChangedVerdict(
                verdict.id,
                verdict.query_sha256.hex(),
                verdict.at,
                verdict.tier,
                decision,
                old.policy.rule if old else None,
                new.policy.rule,
            )
        )


def _by_action(counted: Counter[str]) -> dict[str, int]:
    return {action.value: counted[action.value] for action in Action}


def _most_first(change: ActionChange) -> tuple[int, int, int]:
    was = -1 if change.before is None else ACTION_RANK[change.before]
    return -change.count, was, ACTION_RANK[change.after]
