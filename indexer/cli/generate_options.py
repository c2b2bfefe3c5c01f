"""Options of `generate`: the model, sampling, and where pictures go."""

from pathlib import Path
from typing import Annotated

import typer

Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to start from.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="DIR|hf-hub:OWNER/NAME",
        help="Pipeline to draw with; default LOOKALIKE_GENERATOR.",
    ),
]
Loras = Annotated[
    list[Path] | None,
    typer.Option("--lora", metavar="FILE", help="LoRA weights; may be repeated."),
]
Embeddings = Annotated[
    list[Path] | None,
    typer.Option("--embedding", metavar="FILE", help="Textual inversion; may be repeated."),
]
Count = Annotated[int, typer.Option("--count", min=1, help="Number of pictures.")]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Seed of the first picture; by default a random one."),
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="N|WxH", help="Pixels to draw, in multiples of 8; by default the model's."
    ),
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Steps of denoising; by default the model's.")
]
Guidance = Annotated[
    float | None,
    typer.Option(min=0, help="How closely to follow the prompt; by default the model's."),
]
NegativePrompt = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What the picture should not show.")
]
Strength = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="How much of the picture is changed, up to 1."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Scheduler, such as ddim or euler; by default the model's."),
]
Flagged = Annotated[
    str,
    typer.Option(
        "--action",
        metavar="ACTION",
        help="For flagged pictures: flag, blur, black, raise, retry:N.",
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="style, inpaint, classical, painting or img2img; may be repeated; default the first "
        "three.",
    ),
]
Paintings = Annotated[
    list[Path] | None,
    typer.Option(
        "--painting", metavar="FILE", help="Picture whose style is taken; may be repeated."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER|FILE.png", help="Where to write; default here."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist already.")]
