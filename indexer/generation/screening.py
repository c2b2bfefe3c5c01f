"""Screening: what the policy, the classifier and the banks say of a generated picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Final, Protocol

from PIL import Image
from pydantic_core import to_jsonable_python

from indexer.errors import PictureFlagged, ScreeningFailed
from indexer.matching.verdict_evidence import evidence_of
from indexer.policy import PolicyDocument, default_policy, parse_policy
from indexer.policy.rule_evaluation import rule_on
from indexer.types import Action, Match, PolicyCitation, Ruling, Tier, Verdict

BUILT_IN: Final = 0
"""Version of the built-in default policy, which rules where no policy is in force."""


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening found of one picture."""

    flagged: bool
    """Whether the action is anything but allow."""
    action: Action
    """What the policy in force says to do, or without one the built-in default policy."""
    reasons: tuple[str, ...]
    """Why it is flagged: the rules that applied, each with its evidence; none if it is not."""
    policy: PolicyCitation
    """The policy behind the action; version 0 is the built-in default policy."""
    verdict: Verdict
    """The verdict of the index, with its evidence."""

    @property
    def tier(self) -> Tier:
        """The strongest tier of the matches."""
        return self.verdict.tier

    @property
    def scores(self) -> dict[str, float]:
        """Class probabilities by label."""
        return self.verdict.probabilities

    @property
    def matches(self) -> tuple[Match, ...]:
        """Known images that it resembles, strongest first."""
        return self.verdict.matches

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values of JSON."""
        said = {
            "flagged": self.flagged,
            "action": self.action,
            "reasons": self.reasons,
            "tier": self.tier,
            "scores": self.scores,
            "matches": self.matches,
            "policy": self.policy,
            "model": self.verdict.model,
        }
        plain: dict[str, Any] = to_jsonable_python(said)
        return plain


class Screener(Protocol):
    """Screens pictures: `IndexScreener` with an index, `ServerScreener` by a server."""

    def screen(self, pictures: Sequence[Image.Image]) -> list[Screening]:
        """Match and classify each picture once; screenings come in the order of the pictures.

        Raises
        ------
        Exception
            Any, if a picture could not be screened; there is no answer without a verdict.
        """


def screen_all(screener: Screener, pictures: Sequence[Image.Image]) -> list[Screening]:
    """Screen pictures, each once, or fail: nothing passes without a screening.

    Raises
    ------
    ScreeningFailed
        The screener raised an error, or gave no screening of a picture.
    """
    if not pictures:
        return []
    try:
        screenings = screener.screen(pictures)
    except Exception as error:
        raise ScreeningFailed(str(error) or type(error).__name__) from error
    if len(screenings) != len(pictures):
        raise ScreeningFailed(f"{len(screenings)} screenings of {len(pictures)} pictures.")
    return screenings


def raise_if_flagged(screenings: Sequence[Screening], pictures: Sequence[object]) -> None:
    """Raise an error if a picture is flagged.

    Parameters
    ----------
    screenings : sequence of Screening
    pictures : sequence
        What the error says of each picture.

    Raises
    ------
    PictureFlagged
    """
    flagged = [screening for screening in screenings if screening.flagged]
    if flagged:
        reasons = [reason for screening in flagged for reason in screening.reasons]
        raise PictureFlagged(len(flagged), list(dict.fromkeys(reasons)), pictures)


def png_of(picture: Image.Image) -> bytes:
    """Return a picture as a PNG, compressed as fast as possible."""
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def screening_of(verdict: Verdict) -> Screening:
    """Return what a verdict means for a generated picture.

    Parameters
    ----------
    verdict : Verdict
        Its action decides. Where no policy is in force, the built-in default policy rules on its
        matches and class probabilities.
    """
    if verdict.action is None or verdict.policy is None:
        ruling = _rule_by_default(verdict)
    else:
        ruling = Ruling(verdict.action, verdict.policy)
    flagged = ruling.action is not Action.ALLOW
    return Screening(
        flagged, ruling.action, _reasons(ruling) if flagged else (), ruling.policy, verdict
    )


def _rule_by_default(verdict: Verdict) -> Ruling:
    evidence = evidence_of(
        verdict.matches,
        probabilities=verdict.probabilities,
        is_flat=False,
        is_clustered=verdict.cluster is not None,
        is_disputed=verdict.is_disputed,
        severity_of=lambda _bank: None,
    )
    return rule_on(_default(tuple(verdict.probabilities)), BUILT_IN, evidence)


@cache
def _default(labels: tuple[str, ...]) -> PolicyDocument:
    return parse_policy(default_policy(labels), "The built-in policy")


def _reasons(ruling: Ruling) -> tuple[str, ...]:
    applied = [each for each in ruling.policy.applied if each.action is not Action.ALLOW]
    if not applied:
        return (f"default of policy {ruling.policy.name}: {ruling.action}",)
    return tuple(f"{each.rule}: {each.because}" for each in applied)
