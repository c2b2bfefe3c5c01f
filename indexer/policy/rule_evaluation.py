"""Rule evaluation: the rules of a policy, applied to the evidence of a verdict."""

from typing import Final

from indexer.policy.document import PolicyDocument, PolicyRule
from indexer.types import (
    Action,
    AppliedRule,
    MatchEvidence,
    PolicyCitation,
    Ruling,
    VerdictEvidence,
)

ACTION_RANK: Final = {action: rank for rank, action in enumerate(Action)}
"""Strength of each action, weakest first."""


def rule_on(document: PolicyDocument, version: int, evidence: VerdictEvidence) -> Ruling:
    """Return the strongest action of the rules that apply, with all of them.

    Among rules of that action, the first of the document decides; if any of them needs two persons,
    the action does.

    Parameters
    ----------
    document : PolicyDocument
    version : int
        Cited in the ruling.
    evidence : VerdictEvidence
    """
    return _ruling(document, version, document.rules, evidence)


def rule_on_classes(
    document: PolicyDocument, version: int, probabilities: dict[str, float]
) -> Ruling | None:
    """Return what the rules on classes alone come to; None if there are none.

    Without a search nothing is known to be allowed: `unless` exempts nothing.

    Parameters
    ----------
    document : PolicyDocument
    version : int
        Cited in the ruling.
    probabilities : dict
        By class.
    """
    rules = tuple(rule for rule in document.rules if rule.is_on_class_alone)
    if not rules:
        return None
    return _ruling(document, version, rules, VerdictEvidence(probabilities, (), frozenset()))


def _ruling(
    document: PolicyDocument,
    version: int,
    rules: tuple[PolicyRule, ...],
    evidence: VerdictEvidence,
) -> Ruling:
    applied = [
        AppliedRule(rule.id, rule.action, rule.two_person, because)
        for rule in rules
        if (because := _because(rule, evidence)) is not None
    ]
    applied.sort(key=lambda each: -ACTION_RANK[each.action])  # stable: first of the document first
    first = applied[0] if applied else None
    action = first.action if first else document.default
    return Ruling(
        action,
        PolicyCitation(
            name=document.name,
            version=version,
            rule=first.rule if first else None,
            two_person=any(each.two_person for each in applied if each.action is action),
            applied=tuple(applied),
        ),
    )


def _because(rule: PolicyRule, evidence: VerdictEvidence) -> str | None:
    """Return the evidence that meets all conditions of a rule; None where one does not hold."""
    if rule.unless and evidence.reasons.intersection(rule.unless):
        return None
    said = []
    if rule.class_ is not None and rule.min_probability is not None:
        probability = evidence.probabilities.get(rule.class_)
        if probability is None or probability < rule.min_probability:
            return None
        said.append(f"{rule.class_} {probability:.3f}, at least {rule.min_probability:g}")
    if rule.is_on_matches:
        match = next((each for each in evidence.matches if _fits(rule, each)), None)
        if match is None:
            return None
        said.append(_match(match))
    if rule.reason:
        held = [reason.value for reason in rule.reason if reason in evidence.reasons]
        if not held:
            return None
        said.append(", ".join(held))
    return "; ".join(said)


def _fits(rule: PolicyRule, match: MatchEvidence) -> bool:
    """Tell whether one match meets all conditions on matches."""
    return (
        match.tier in rule.tier
        and (rule.kind is None or (rule.kind == "gallery") == (match.bank is None))
        and (rule.bank is None or match.bank in rule.bank)
        and (rule.severity is None or match.severity in rule.severity)
        and (
            rule.min_log_odds is None
            or (match.log_odds is not None and match.log_odds >= rule.min_log_odds)
        )
    )


def _match(match: MatchEvidence) -> str:
    place = f"in bank {match.bank}" if match.bank else "in the gallery"
    grave = f" ({match.severity})" if match.severity else ""
    odds = "" if match.log_odds is None else f", log-odds {match.log_odds:.1f}"
    return f"{match.tier} {place}{grave}{odds}"
