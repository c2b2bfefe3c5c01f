"""Errors of generated pictures and their screening."""

from collections.abc import Sequence

from indexer.errors.error_families import InputError, UnavailableError


class MissingExtra(InputError):
    """Packages of an optional extra are not installed."""

    def __init__(self, extra: str, packages: Sequence[str]) -> None:
        super().__init__(
            f"Packages that this needs are not installed: {', '.join(packages)}. "
            f"Run `pip install 'lookalike[{extra}]'`."
        )


class UnscreenedOutput(InputError):
    """What was asked of a generator cannot be screened."""


class PictureFlagged(InputError):
    """Screening flagged a generated picture."""

    def __init__(self, flagged: int, reasons: Sequence[str], pictures: Sequence[object]) -> None:
        what = (
            "Screening flagged the picture"
            if len(pictures) == 1
            else (f"Screening flagged {flagged} of {len(pictures)} pictures")
        )
        super().__init__(f"{what} ({'; '.join(reasons)}), so none is returned.")
        self.pictures = tuple(pictures)
        """How each picture was made and what screening found, without the pictures."""


class ScreeningFailed(UnavailableError):
    """Pictures could not be screened, so none is returned."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The pictures could not be screened, so none is returned: {reason}")
