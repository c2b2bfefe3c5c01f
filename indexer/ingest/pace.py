"""How fast this machine indexes, as the last run has shown."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog

from indexer.runtime.private_files import make_private_folder, private

log = structlog.get_logger(__name__)

LEAST_IMAGES: Final = 20
"""Of a run that is worth remembering: a shorter one mostly shows how long a start takes."""
_FILE: Final = "last_run.json"


@dataclass(frozen=True, slots=True)
class Pace:
    """What a run of some length took."""

    space: str  # fingerprint of the model
    threads: int
    images: int  # that went through the model
    seconds: float

    @property
    def seconds_per_image(self) -> float:
        """How long an image takes, with all threads at work."""
        return self.seconds / self.images


def remember_pace(home: Path, pace: Pace) -> None:
    """Keep a run's pace; a failure costs an estimate only, and is logged."""
    temporary = home / f"{_FILE}.{uuid4().hex}"
    try:
        make_private_folder(home)
        with open(temporary, "x", encoding="utf-8", opener=private) as file:
            json.dump(asdict(pace), file)
        temporary.replace(home / _FILE)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.warning("the pace of this run cannot be remembered", reason=str(error))


def recall_pace(home: Path, *, space: str, threads: int) -> Pace | None:
    """Return the pace of the last run, if it was one of this model and as many threads."""
    try:
        pace = Pace(**json.loads((home / _FILE).read_text(encoding="utf-8")))
        usable = (pace.space, pace.threads) == (space, threads) and pace.seconds_per_image > 0
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        log.debug("the pace of the last run cannot be read", reason=str(error))
        return None
    return pace if usable else None
