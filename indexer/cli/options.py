"""Options that several commands share, and the settings that they override."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.settings import Runtime, Settings, audit_key_set, load_settings

if TYPE_CHECKING:  # it loads SQLAlchemy
    from indexer.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModelReference = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="DIR|hf-hub:OWNER/NAME",
        help="Model to load; by default the index's model.",
    ),
]
RuntimeChoice = Annotated[
    Runtime | None,
    typer.Option("--runtime", help="Runtime of the model; by default onnx on a CPU, else torch."),
]
Banks = Annotated[
    list[str] | None,
    typer.Option("--bank", metavar="NAME", help="Only entries of this bank; may be repeated."),
]
Images = Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files and folders.")]

FollowLinks = Annotated[
    bool,
    typer.Option("--follow-links", help="Follow symbolic links that lead out of a folder."),
]
RowLimit = Annotated[int, typer.Option("--limit", min=1, help="Maximum number of rows.")]


def load(model: str | None = None, runtime: Runtime | None = None) -> Settings:
    """Read the settings, let options win, and set up logging."""
    from indexer.runtime.log_setup import configure_logging

    settings = load_settings(model=model, runtime=runtime)
    configure_logging(settings.log_level, settings.log_format)
    return settings


class Board(StrEnum):
    """What the figures of a training are written for, too."""

    TENSORBOARD = "tensorboard"


@contextmanager
def opened(settings: Settings | None = None) -> Iterator["Store"]:
    """Open the index's store for one command; by default with the settings of `load`.

    What it writes to the audit log is sealed by LOOKALIKE_AUDIT_KEY, if that is set.
    """
    from indexer.store import open_store

    settings = settings or load()
    with open_store(settings.resolved_database_url, audit_key_set()) as store:
        yield store
