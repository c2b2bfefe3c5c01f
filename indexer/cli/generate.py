"""`generate`: pictures from prompts, masks, styles and other pictures, each screened."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli import generate_train
from indexer.cli.commands import Commands
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
from indexer.cli.generate_restyle import restyle
from indexer.cli.generate_variants import variants
from indexer.cli.options import AsJson, load

app = Commands(
    help="""Generate pictures, each screened by the index.

    Example: lookalike generate text "a red apple" --seed 7
    """
)


@app.command()
def text(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw.")],
    *,
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
    """Draw pictures of a prompt.

    Each picture is matched and classified by the index before it is written, and carries its
    provenance. Files are named by their seeds, which draw the same pictures again.

    Example: lookalike generate text "a red apple" --count 4 --seed 7 --out apples
    """
    from indexer.cli.generate_run import Outputs, diffusion_model, generate, new_seeds, sampling

    settings = load()
    chosen = sampling(size, steps=steps, guidance=guidance, negative_prompt=negative_prompt)
    seeds = new_seeds(seed, count)
    generate(
        settings,
        lambda generator: generator.text(prompt, count=count, seed=seeds[0], sampling=chosen),
        [f"text-{each}" for each in seeds],
        Outputs(out, overwrite, as_json),
        action=action,
        model=diffusion_model(
            settings, model, loras=lora, embeddings=embedding, scheduler=scheduler
        ),
    )


@app.command()
def inpaint(
    picture: Picture,
    mask: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Mask of the picture's shape: white is repainted."),
    ],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What to draw there.")],
    *,
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
    """Repaint the masked region of a picture.

    The rest of the picture stays as it is, and so does its size. --size is that at which the model
    works.

    Example: lookalike generate inpaint room.jpg --mask mask.png --prompt apple
    """
    from indexer.cli.generate_run import Outputs, diffusion_model, generate, new_seeds, sampling
    from indexer.generation.source_pictures import read_mask, read_picture

    settings = load()
    chosen = sampling(
        size,
        steps=steps,
        guidance=guidance,
        negative_prompt=negative_prompt,
        strength=strength,
    )
    source = read_picture(picture, settings.image_limits)
    region = read_mask(mask, settings.image_limits, source.image.size)
    seeds = new_seeds(seed, count)
    generate(
        settings,
        lambda generator: generator.repaint(
            source, prompt, mask=region, count=count, seed=seeds[0], sampling=chosen
        ),
        [f"{picture.stem}-inpaint-{each}" for each in seeds],
        Outputs(out, overwrite, as_json),
        action=action,
        model=diffusion_model(
            settings, model, loras=lora, embeddings=embedding, scheduler=scheduler
        ),
    )


app.command("restyle")(restyle)
app.command("variants")(variants)
app.add_typer(generate_train.app, name="train")
