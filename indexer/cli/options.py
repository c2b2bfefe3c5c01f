"""Options that several commands share, and the settings that they override."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.settings import Runtime, Settings

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
    from indexer.runtime.log_setup import configure_logging  # noqa: PLC0415 -- keeps --help quick
    from indexer.settings import load_settings  # noqa: PLC0415

    settings = load_settings(model=model, runtime=runtime)
    configure_logging(settings.log_level, settings.log_format)
    return settings
