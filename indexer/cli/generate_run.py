"""Body of `generate`: pictures written to files, with progress, and shown."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.cli.output import print_json, print_table, shorten_path
from indexer.cli.progress import show_progress
from indexer.errors import InputError, UnreadableSource
from indexer.runtime.terminal import echo
from indexer.settings import Settings

if TYPE_CHECKING:  # they load the matcher
    from indexer.generation.diffusion import DiffusionModel
    from indexer.generation.picture_generator import GeneratedImage, PictureGenerator
    from indexer.generation.sampling import Sampling

_PNG = ".png"
Make = Callable[["PictureGenerator"], "Iterator[GeneratedImage]"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where pictures go, and how they are shown."""

    out: Path | None
    overwrite: bool
    as_json: bool

    def files(self, names: Sequence[str]) -> list[Path]:
        """Return a file for each picture, in a folder that is there, before any is made.

        Raises
        ------
        InputError
            A file exists, or one file is named for several pictures or for another format.
        UnreadableSource
            The folder cannot be made.
        """
        from indexer.generation.provenance import file_exists

        out = self.out or Path()
        if out.suffix and not out.is_dir():
            if out.suffix.lower() != _PNG:
                raise InputError(
                    f"Pictures are written as PNG: name {out} with {_PNG}, or a folder."
                )
            if len(names) > 1:
                raise InputError(f"{out} is one file for {len(names)} pictures. Name a folder.")
            files = [out]
        else:
            files = [out / f"{name}{_PNG}" for name in names]
        for file in files:
            if file.exists() and not self.overwrite:
                raise file_exists(file)
        try:
            files[0].parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnreadableSource(f"{files[0].parent} cannot be made: {error}.") from error
        return files


def generate(
    settings: Settings,
    make: Make,
    names: Sequence[str],
    outputs: Outputs,
    *,
    action: str,
    model: "DiffusionModel | None" = None,
) -> None:
    """Make pictures, write each as soon as it is screened, and show what was found.

    Parameters
    ----------
    make : callable
        Given the generator; gives as many pictures as there are names.
    names : sequence of str
        Of the files, without `.png`.
    action : str
        For flagged pictures.
    model : DiffusionModel, optional
        None where none is needed.
    """
    files = outputs.files(names)
    shown = []
    with _generator(settings, action, model) as generator:
        for file, picture in zip(files, make(generator), strict=True):
            picture.save(file, overwrite=outputs.overwrite)
            shown.append({"path": file.absolute(), **picture.as_dict()})
    if outputs.as_json:
        print_json({"pictures": shown})
    else:
        print_table(None, ("seed", "action", "shown", "tier", "because", "file"), map(_row, shown))
    ignored = max(each["provenance"].get("settings", {}).get("ignored_tokens", 0) for each in shown)
    if ignored:
        echo(f"The model read the prompt but for its last {ignored} tokens: shorten it.", err=True)


@contextmanager
def _generator(
    settings: Settings, action: str, model: "DiffusionModel | None"
) -> Iterator["PictureGenerator"]:
    from indexer.generation.extra import require_generate_extra
    from indexer.generation.flagged_action import FlaggedAction
    from indexer.generation.index_screener import open_screener
    from indexer.generation.picture_generator import PictureGenerator

    require_generate_extra()
    flagged = FlaggedAction.parse(action)
    with open_screener(settings) as screener, show_progress() as report:
        yield PictureGenerator(
            screener,
            flagged,
            model=model,
            on_progress=lambda done, total: report("generating", done, total),
        )


def new_seeds(seed: int | None, count: int) -> list[int]:
    """Return the seeds of pictures: from the one given, or a random one."""
    from indexer.generation.seeds import seeds_for

    return seeds_for(seed, count)


def sampling(
    size: str | None,
    *,
    steps: int | None,
    guidance: float | None,
    negative_prompt: str | None,
    strength: float | None = None,
) -> "Sampling":
    """Return the sampling settings of options.

    Raises
    ------
    InputError
        One is out of range.
    """
    from indexer.generation.sampling import Sampling, parse_size

    found = Sampling(steps, guidance, negative_prompt, parse_size(size) if size else None, strength)
    found.check()
    return found


def diffusion_model(
    settings: Settings,
    model: str | None,
    *,
    loras: Sequence[Path] | None = None,
    embeddings: Sequence[Path] | None = None,
    scheduler: str | None = None,
) -> "DiffusionModel":
    """Return the model of options, which is loaded when first used."""
    from indexer.generation.adapters import Adapters
    from indexer.generation.diffusion import DiffusionModel

    return DiffusionModel(
        model or settings.generator,
        adapters=Adapters(tuple(loras or ()), tuple(embeddings or ())),
        scheduler=scheduler,
        device=settings.device,
    )


def _row(picture: dict[str, Any]) -> tuple[object, ...]:
    screening = picture["screening"]
    return (
        picture["seed"],
        screening["action"],
        screening["shown"],
        screening["tier"],
        "; ".join(screening["reasons"]),
        shorten_path(str(picture["path"])),
    )
