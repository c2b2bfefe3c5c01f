"""Policy document: its TOML form, read and validated."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    field_validator,
    model_validator,
)

from indexer.errors import InvalidPolicy
from indexer.policy.toml_lines import TomlPath, lines_of
from indexer.types import Action, Reason, Severity

MAX_BYTES: Final = 262_144
_MAX_RULES: Final = 1_000
_MAX_REASONS: Final = 100
_SHOWN: Final = 60  # characters of a value that a message repeats
_AT: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


_OneOrMore = (BeforeValidator(_listed), Field(min_length=1))
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class PolicyProblem(NamedTuple):
    """What is wrong with a policy document, and where."""

    line: int | None
    """From 1."""
    key: str | None
    """With its rule: `tier of rule known-copy`."""
    message: str


class PolicyRule(BaseModel):
    """A rule: an action, and the conditions that must all hold for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    action: Action
    two_person: Annotated[bool, Strict()] = False
    description: str | None = None
    class_: str | None = Field(default=None, alias="class", min_length=1)
    min_probability: Annotated[Number, Field(ge=0, le=1)] | None = None
    tier: Annotated[tuple[Literal["exact", "near_duplicate", "lookalike"], ...], *_OneOrMore] = (
        "exact",
        "near_duplicate",
        "lookalike",
    )
    kind: Literal["block", "gallery"] | None = None
    bank: Annotated[tuple[str, ...], *_OneOrMore] | None = None
    severity: Annotated[tuple[Severity, ...], *_OneOrMore] | None = None
    min_log_odds: Number | None = None
    reason: Annotated[tuple[Reason, ...], *_OneOrMore] | None = None
    unless: Annotated[tuple[Reason, ...], *_OneOrMore] | None = None

    @property
    def is_on_matches(self) -> bool:
        """Whether it has a condition on matches."""
        return bool({"tier", "kind", "bank", "severity", "min_log_odds"} & self.model_fields_set)

    @property
    def is_on_class_alone(self) -> bool:
        """Whether a classification without a search is enough to meet its conditions."""
        return self.class_ is not None and not self.is_on_matches and self.reason is None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.class_ is not None and self.min_probability is None:
            raise ValueError("`class` needs `min_probability`, the least probability, 0 to 1")
        if self.class_ is None and self.min_probability is not None:
            raise ValueError("`min_probability` needs `class`, the class it is of")
        if self.class_ is None and self.reason is None and not self.is_on_matches:
            raise ValueError(
                "the rule has no condition; add `class`, `tier`, `kind`, `bank`, `severity`, "
                "`min_log_odds` or `reason`"
            )
        if self.kind == "gallery" and (self.bank or self.severity):
            raise ValueError('`kind = "gallery"` is of images in no bank; omit `bank`, `severity`')
        return self


class DecisionReason(BaseModel):
    """A reason that a reviewer may give for a decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    words: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(max_length=10_000)] | None = None


class PolicyDocument(BaseModel):
    """A policy: rules, and the action where none applies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: Name
    description: str | None = None
    default: Action = Action.ALLOW
    rules: Annotated[tuple[PolicyRule, ...], Field(min_length=1, max_length=_MAX_RULES)]
    decision_reasons: Annotated[tuple[DecisionReason, ...], Field(max_length=_MAX_REASONS)] = ()

    @field_validator("decision_reasons")
    @classmethod
    def _each_once(cls, reasons: tuple[DecisionReason, ...]) -> tuple[DecisionReason, ...]:
        if len({reason.id for reason in reasons}) < len(reasons):
            raise ValueError("give each reason an id of its own")
        return reasons


def parse_policy(text: str, place: str = "The policy") -> PolicyDocument:
    """Read a policy document.

    Parameters
    ----------
    text : str
        TOML; docs/policies.md describes its keys.
    place : str
        Where it is from, for the error.

    Raises
    ------
    InvalidPolicy
        It is not a valid policy; the error has every problem with its line and key.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        problem = PolicyProblem(None, None, f"it is longer than {MAX_BYTES:,} bytes")
        raise InvalidPolicy(place, (problem,))
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicy(place, (_syntax(str(error), text),)) from None
    except RecursionError:
        problem = PolicyProblem(None, None, "not valid TOML: it is nested too deeply")
        raise InvalidPolicy(place, (problem,)) from None
    repeated = _repeated_ids(raw)
    errors: list[Any] = []
    try:
        document = PolicyDocument.model_validate(raw)
    except ValidationError as error:
        errors = error.errors()
    else:
        if not repeated:
            return document
    lines = lines_of(text)
    problems = [
        *(_repetition(raw, first, number, lines) for first, number in repeated),
        *(_problem(each, raw, lines) for each in errors if not _follows(each, raw)),
    ]
    raise InvalidPolicy(place, tuple(sorted(problems, key=lambda each: each[0] or 0)))


def rule_problem(
    text: str, document: PolicyDocument, number: int, key: str, message: str
) -> PolicyProblem:
    """Return a problem of a key of a rule, by the rule's place in the document from 0."""
    line = _line(("rules", number, key), lines_of(text))
    return PolicyProblem(line, f"{key} of rule {document.rules[number].id}", message)


def meant(word: str, known: Iterable[str]) -> str:
    """Return a hint at what a word may mean, or the words that there are."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"


def _syntax(message: str, text: str) -> PolicyProblem:
    at = _AT.search(message)
    line = int(at[1]) if at and at[1] else text.count("\n") + 1
    said = message.removesuffix(at[0]) if at else message
    return PolicyProblem(line, None, f"not valid TOML: {said}")


def _repeated_ids(raw: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the first rule of an id, and each later rule that has it, by their places from 0."""
    rules = raw.get("rules")
    first: dict[str, int] = {}
    repeated = []
    for number, rule in enumerate(rules if isinstance(rules, list) else []):
        rule_id = rule.get("id") if isinstance(rule, dict) else None
        if isinstance(rule_id, str) and first.setdefault(rule_id, number) != number:
            repeated.append((first[rule_id], number))
    return repeated


def _repetition(
    raw: dict[str, Any], first: int, number: int, lines: dict[TomlPath, int]
) -> PolicyProblem:
    earlier, later = (_line(("rules", place, "id"), lines) for place in (first, number))
    message = f"the rule on line {earlier} has this id; give each rule its own"
    return PolicyProblem(later, f"id of rule {raw['rules'][number]['id']}", message)


def _follows(error: Any, raw: dict[str, Any]) -> bool:
    """Tell whether too few rules are left only because others are invalid."""
    return bool(error["type"] == "too_short" and error["loc"] == ("rules",) and raw["rules"])


def _problem(error: Any, raw: dict[str, Any], lines: dict[TomlPath, int]) -> PolicyProblem:
    """Word an error of pydantic, with the line of its key."""
    path: TomlPath = tuple(error["loc"])
    rule = _rule_at(path, raw)
    in_rule = bool(path[1:]) and path[0] == "rules"
    key = str(path[2]) if in_rule and path[2:] else None if in_rule else str(path[0])
    of_rule = f"rule {rule}" if in_rule else None
    where = " of ".join(filter(None, (key, of_rule))) or None
    return PolicyProblem(_line(path, lines), where, _message(error, key, in_rule=in_rule))


def _message(error: Any, key: str | None, *, in_rule: bool) -> str:
    if error["type"] == "extra_forbidden":
        model = PolicyRule if in_rule else PolicyDocument
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"unknown key; {meant(str(key), known)}"
    if error["type"] == "missing":
        return "the key is missing"
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    said = said.replace("String should", "must").replace("Tuple should", "must")
    said = said.replace("valid dictionary or instance of PolicyRule", "table, [[rules]]")
    said = said.replace("valid tuple", "list of tables, [[rules]]").replace(" after validation", "")
    given = error["input"]
    shown = isinstance(given, str | int | float) and len(str(given)) <= _SHOWN
    return f"{said}, not {given!r}" if shown else said


def _rule_at(path: TomlPath, raw: dict[str, Any]) -> object:
    """Return the id of the rule that a path leads into, or its number from 1."""
    if len(path) < 2 or path[0] != "rules" or not isinstance(path[1], int):  # noqa: PLR2004
        return None
    rule = raw["rules"][path[1]]
    named = rule.get("id") if isinstance(rule, dict) else None
    return named if isinstance(named, str) else path[1] + 1


def _line(path: TomlPath, lines: dict[TomlPath, int]) -> int | None:
    """Return the line of a key, or of what it is missing from."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
