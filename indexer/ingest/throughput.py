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
"""Images of a run from which its throughput is kept: a shorter one mostly measures the start-up."""
_FILE: Final = "last_run.json"


@dataclass(frozen=True, slots=True)
class Throughput:
    """Images and seconds of one run."""

    space: str  # fingerprint of the model
    threads: int
    images: int  # that went through the model
    seconds: float

    @property
    def seconds_per_image(self) -> float:
        """Wall time of one image, with all threads at work."""
        return self.seconds / self.images


def save_throughput(home: Path, throughput: Throughput) -> None:
    """Save the throughput of a run; a failure is only logged, because it costs only an estimate."""
    temporary = home / f"{_FILE}.{uuid4().hex}"
    try:
        make_private_folder(home)
        with open(temporary, "x", encoding="utf-8", opener=private) as file:
            json.dump(asdict(throughput), file)
        temporary.replace(home / _FILE)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.warning("throughput not saved", reason=str(error))


def load_throughput(home: Path, *, space: str, threads: int) -> Throughput | None:
    """Return the throughput of the last run, if it had the same model and number of threads."""
    try:
        throughput = Throughput(**json.loads((home / _FILE).read_text(encoding="utf-8")))
        alike = (throughput.space, throughput.threads) == (space, threads)
        usable = alike and throughput.seconds_per_image > 0
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        log.debug("throughput of the last run unreadable", reason=str(error))
        return None
    return throughput if usable else None
