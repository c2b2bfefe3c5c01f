"""`generate variants`: a set of edits of one picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.generate_options import Flagged, Kinds, Model, Out, Overwrite, Paintings, Picture
from indexer.cli.options import AsJson, load

if TYPE_CHECKING:  # it loads Pillow
    from indexer.generation.edits import PictureEdit


def variants(
    picture: Picture,
    *,
    kind: Kinds = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(metavar="X", help="Strength of edits, up to 1; may be repeated; default 0.5."),
    ] = None,
    painting: Paintings = None,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Prompt of img2img.")] = "an icon",
    count: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of edits, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of img2img and of the choice.")] = 0,
    model: Model = None,
    action: Flagged = "black",
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a set of edits of a picture.

    The same edits as `bank harden` adds to entries: styles, removed regions, crops, captions and
    the like, and on request image to image by a diffusion model. By default they are written to a
    new folder, PICTURE-variants.

    Example: lookalike generate variants photo.jpg --kind style --strength 0.5
    """
    import numpy as np

    from indexer.cli.generate_run import Outputs, diffusion_model, generate
    from indexer.generation.edits import parse_kinds, picture_edits
    from indexer.generation.sampling import Sampling
    from indexer.generation.source_pictures import read_paintings, read_picture

    settings = load()
    source = read_picture(picture, settings.image_limits)
    drawn_by = diffusion_model(settings, model)
    edits = picture_edits(
        parse_kinds(kind or ()),
        strength or [0.5],
        paintings=read_paintings(painting or (), settings.image_limits),
        pipelines=[("prompt", drawn_by.repainter(prompt, Sampling(), seed))],
    )
    if count is not None and count < len(edits):
        chosen = sorted(np.random.default_rng(seed).choice(len(edits), count, replace=False))
        edits = [edits[place] for place in chosen]
    generate(
        settings,
        lambda generator: generator.variants(source, edits),
        [f"{picture.stem}-{_file_name(edit)}" for edit in edits],
        Outputs(out or Path(f"{picture.stem}-variants"), overwrite, as_json),
        action=action,
        model=drawn_by,
    )


def _file_name(edit: "PictureEdit") -> str:
    return edit.recipe.replace(":", "-").replace("@", "-")
