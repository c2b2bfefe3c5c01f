"""Active policy: the version in force, as a program last read it."""

from dataclasses import dataclass

from indexer.policy.document import PolicyDocument, parse_policy
from indexer.policy.rule_evaluation import rule_on, rule_on_classes
from indexer.store import Catalog
from indexer.types import Ruling, Severity, VerdictEvidence


@dataclass(frozen=True, slots=True)
class _InForce:
    version: int
    document: PolicyDocument


class ActivePolicy:
    """Rules by the policy in force; `refresh` reads what has changed. Safe to use from threads."""

    def __init__(self) -> None:
        self._in_force: _InForce | None = None  # replaced whole
        self._severities: dict[str, Severity] = {}  # likewise

    def refresh(self, catalog: Catalog) -> None:
        """Read the policy in force, if it is another one, and how grave each bank is.

        Raises
        ------
        InvalidPolicy
            A later version of the program stored it.
        """
        self._severities = catalog.banks.severities()
        version = catalog.policies.version_in_force()
        if version is None:
            self._in_force = None
        elif self._in_force is None or self._in_force.version != version:
            text = catalog.policies.get(version).document
            self._in_force = _InForce(version, parse_policy(text, f"Policy version {version}"))

    def severity(self, bank: str | None) -> Severity | None:
        """Return how grave it is to match a bank; None for one that does not say."""
        return None if bank is None else self._severities.get(bank)

    def rule(self, evidence: VerdictEvidence) -> Ruling | None:
        """Rule on a verdict; None while no policy is in force."""
        now = self._in_force
        return rule_on(now.document, now.version, evidence) if now else None

    def rule_on_classes(self, probabilities: dict[str, float]) -> Ruling | None:
        """Rule by classes alone; None while no policy is in force, or it has no such rules."""
        now = self._in_force
        return rule_on_classes(now.document, now.version, probabilities) if now else None
