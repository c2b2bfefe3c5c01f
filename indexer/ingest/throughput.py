"""Indexing throughput of this machine, as the last run measured it."""

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
class Throughput:
    """What a run of some length took."""

    space: str  # fingerprint of the model
    threads: int
    images: int  # that went through the model
    seconds: float

    @property
    def seconds_per_image(self) -> float:
        """How long an image takes, with all threads at work."""
        return self.seconds / self.images


def save_throughput(home: Path, throughput: Throughput) -> None:
    """Keep a run's throughput; a failure costs an estimate only, and is logged."""
    temporary = home / f"{_FILE}.{uuid4().hex}"
    try:
        make_private_folder(home)
        with open(temporary, "x", encoding="utf-8", opener=private) as file:
            json.dump(asdict(throughput), file)
        temporary.replace(home / _FILE)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.warning("the throughput of this run cannot be remembered", reason=str(error))


def load_throughput(home: Path, *, space: str, threads: int) -> Throughput | None:
    """Return the throughput of the last run, if it was one of this model and as many threads."""
    try:
        throughput = Throughput(**json.loads((home / _FILE).read_text(encoding="utf-8")))
        usable = (throughput.space, throughput.threads) == (
            space,
            threads,
        ) and throughput.seconds_per_image > 0
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        log.debug("the throughput of the last run cannot be read", reason=str(error))
        return None
    return throughput if usable else None
