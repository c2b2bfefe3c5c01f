"""Findings of `doctor`."""

from dataclasses import dataclass
from enum import StrEnum

from indexer.errors import LookalikeError


class State(StrEnum):
    """How a thing that was looked at is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    found: str
    advice: str | None = None
    """What to do; None where nothing is to be done."""
    exit_code: int = 0
    """What a command ends with because of it; 0 unless it is a problem."""


def problem_of(what: str, error: LookalikeError) -> Finding:
    """Make a finding of an error, whose message says what to do."""
    return Finding(what, State.PROBLEM, str(error), exit_code=error.exit_code)
