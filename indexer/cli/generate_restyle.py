"""`generate restyle`: a picture in another style."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.generate_options import (
    Count,
    Embeddings,
    Flagged,
    Guidance,
    Loras,
    Model,
    NegativePrompt,
    Out,
    Overwrite,
    Picture,
    Scheduler,
    Seed,
    Size,
    Steps,
    Strength,
)
from indexer.cli.options import AsJson, load
from indexer.errors import InputError

if TYPE_CHECKING:  # it loads Pillow
    from indexer.generation.source_pictures import SourcePicture
    from indexer.settings import Settings


def restyle(
    picture: Picture,
    *,
    style: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PICTURE", help="One of 26 styles, or a picture whose style is taken."
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Repaint by a prompt instead (image to image)."),
    ] = None,
    strength: Strength = None,
    count: Count = 1,
    seed: Seed = None,
    size: Size = None,
    steps: Steps = None,
    guidance: Guidance = None,
    negative_prompt: NegativePrompt = None,
    scheduler: Scheduler = None,
    model: Model = None,
    lora: Loras = None,
    embedding: Embeddings = None,
    action: Flagged = "black",
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Repaint a picture in a style, or by a prompt.

    With --style, small style networks repaint it at its own size; the other options are for
    --prompt. A style that is not known lists those that are.

    Example: lookalike generate restyle room.jpg --style great-wave --json
    """
    from indexer.cli.generate_run import Outputs, diffusion_model, generate, new_seeds, sampling
    from indexer.generation.source_pictures import read_picture

    settings = load()
    outputs = Outputs(out, overwrite, as_json)
    chosen = sampling(
        size,
        steps=steps,
        guidance=guidance,
        negative_prompt=negative_prompt,
        strength=strength,
    )
    source = read_picture(picture, settings.image_limits)
    if (style is None) == (prompt is None):
        raise InputError("Give either --style or --prompt.")
    if prompt is not None:
        seeds = new_seeds(seed, count)
        generate(
            settings,
            lambda generator: generator.repaint(
                source, prompt, count=count, seed=seeds[0], sampling=chosen
            ),
            [f"{picture.stem}-restyle-{each}" for each in seeds],
            outputs,
            action=action,
            model=diffusion_model(
                settings, model, loras=lora, embeddings=embedding, scheduler=scheduler
            ),
        )
        return
    _refuse_with_style(
        {
            "--count": None if count == 1 else count,
            "--seed": seed,
            "--size": size,
            "--steps": steps,
            "--guidance": guidance,
            "--negative-prompt": negative_prompt,
            "--scheduler": scheduler,
            "--model": model,
            "--lora": lora or None,
            "--embedding": embedding or None,
        }
    )
    by = _style(str(style), settings)
    name = by if isinstance(by, str) else Path(by.name).stem
    share = 1.0 if strength is None else strength
    generate(
        settings,
        lambda generator: iter([generator.restyle(source, by, share)]),
        [f"{picture.stem}-{name}"],
        outputs,
        action=action,
    )


def _refuse_with_style(given: dict[str, object]) -> None:
    """Refuse options that make no difference to a style."""
    needless = [name for name, value in given.items() if value is not None]
    if needless:
        raise InputError(f"With --style there is no use for {', '.join(needless)}: leave them out.")


def _style(text: str, settings: "Settings") -> "str | SourcePicture":
    """Return the name of a style, or the picture that a path leads to."""
    from indexer.generation.source_pictures import read_picture
    from indexer.generation.styles import STYLES, parse_style

    path = Path(text)
    if path.is_file():
        return read_picture(path, settings.image_limits)
    return STYLES[parse_style(text)]
