"""Checks of a policy against an index: classes of the model, banks."""

from dataclasses import dataclass
from pathlib import Path

from indexer.errors import InvalidPolicy, UnreadableSource
from indexer.policy.document import (
    MAX_BYTES,
    PolicyDocument,
    PolicyProblem,
    meant,
    parse_policy,
    rule_problem,
)
from indexer.store import Catalog
from indexer.types import BankKind


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """A valid policy, and what may be a mistake in it."""

    document: PolicyDocument
    warnings: tuple[PolicyProblem, ...]
    """Banks that do not exist yet, or that match nothing by themselves."""


def read_policy_file(path: Path) -> str:
    """Read a policy's file.

    Raises
    ------
    UnreadableSource
        It cannot be read.
    InvalidPolicy
        It is not UTF-8, or too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableSource(
            f"Cannot read the policy {path}: {error.strerror}. `lookalike policy init` writes one."
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidPolicy(str(path), (PolicyProblem(line, None, "not valid UTF-8"),)) from None


def check_policy(catalog: Catalog | None, text: str, place: str) -> CheckedPolicy:
    """Validate a policy, also against the model's classes and the banks of an index.

    Parameters
    ----------
    catalog : Catalog, optional
        Of the index; without one, classes and banks are not checked.
    text : str
        The document.
    place : str
        Where it is from, for the error.

    Raises
    ------
    InvalidPolicy
        It is not a valid policy, or names a class that the index's model does not have.
    """
    document = parse_policy(text, place)
    if catalog is None:
        return CheckedPolicy(document, ())
    space = catalog.spaces.active()
    if space is not None:
        unknown = [
            rule_problem(text, document, number, "class", message)
            for number, rule in enumerate(document.rules)
            if rule.class_ is not None and rule.class_ not in space.labels
            for message in [f"unknown class {rule.class_!r}; {meant(rule.class_, space.labels)}"]
        ]
        if unknown:
            raise InvalidPolicy(place, tuple(unknown))
    return CheckedPolicy(document, tuple(_doubtful_banks(catalog, text, document)))


def _doubtful_banks(catalog: Catalog, text: str, document: PolicyDocument) -> list[PolicyProblem]:
    kinds = {bank.name: bank.kind for bank in catalog.banks.all()}
    found = []
    for number, rule in enumerate(document.rules):
        for name in rule.bank or ():
            if name not in kinds:
                message = f"there is no bank {name!r} yet; {meant(name, kinds)}"
            elif kinds[name] is BankKind.ALLOW:
                message = f"{name} is an allow bank, whose matches decide nothing; use `unless`"
            else:
                continue
            found.append(rule_problem(text, document, number, "bank", message))
    return found
