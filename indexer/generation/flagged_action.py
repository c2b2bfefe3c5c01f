"""Flagged action: what becomes of a flagged picture (flag, blur, black, raise, retry)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from PIL import Image

from indexer.errors import InputError
from indexer.images.veils import blurred

_RETRY: Final = re.compile(r"retry:(\d{1,4})")


class Handling(StrEnum):
    """What becomes of a flagged picture."""

    FLAG = "flag"
    """It is returned as it is, with its screening."""
    BLUR = "blur"
    """It is returned blurred: coarse shapes stay."""
    BLACK = "black"
    """A black picture of its size is returned."""
    RAISE = "raise"
    """`PictureFlagged` is raised, and no picture of the call is returned."""
    RETRY = "retry"
    """It is generated again with a new seed; black if all attempts are flagged."""


@dataclass(frozen=True, slots=True)
class FlaggedAction:
    """How flagged pictures are handled."""

    handling: Handling
    retries: int = 0
    """Most attempts after the first one; 0 unless the handling is retry."""

    def __str__(self) -> str:
        return f"retry:{self.retries}" if self.handling is Handling.RETRY else self.handling.value

    @classmethod
    def of(cls, given: Self | str) -> Self:
        """Return an action, parsed if it is text.

        Raises
        ------
        InputError
            As for `parse`.
        """
        return cls.parse(given) if isinstance(given, str) else given

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `flag`, `blur`, `black`, `raise` or `retry:N`.

        Raises
        ------
        InputError
            It is none of these.
        """
        again = _RETRY.fullmatch(text)
        if again and int(again[1]):
            return cls(Handling.RETRY, int(again[1]))
        if text in set(Handling) - {Handling.RETRY}:
            return cls(Handling(text))
        raise InputError(
            f"Invalid action {text!r} for flagged pictures. Use flag, blur, black, raise or "
            "retry:N, with N from 1 to 9999."
        )

    @property
    def shown(self) -> "Shown":
        """What is shown of a picture that is flagged still after all attempts."""
        return _SHOWN.get(self.handling, Shown.BLACK)


class Shown(StrEnum):
    """What is returned of a generated picture."""

    WHOLE = "whole"
    BLURRED = "blurred"
    BLACK = "black"

    def cover(self, picture: Image.Image) -> Image.Image:
        """Return what is shown of a picture, in its size; a covered one is RGB."""
        match self:
            case Shown.WHOLE:
                return picture
            case Shown.BLURRED:
                return blurred(picture)
            case Shown.BLACK:
                return Image.new("RGB", picture.size)


_SHOWN: Final = {Handling.FLAG: Shown.WHOLE, Handling.BLUR: Shown.BLURRED}


def retry(times: int) -> FlaggedAction:
    """Generate a flagged picture again, at most so many times, then return a black one.

    Raises
    ------
    InputError
        Not 1 to 9999 times.
    """
    return FlaggedAction.parse(f"retry:{times}")
