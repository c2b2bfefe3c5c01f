"""`model train-descriptor`: options, progress and result."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_facts, print_json


def train_descriptor(  # noqa: PLR0917 -- one parameter an option
    photos: Annotated[Path, typer.Argument(metavar="FOLDER", help="Training images.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Model folder to create.")],
    model: ModelReference = None,
    taps: Annotated[
        list[str] | None,
        typer.Option(
            "--tap",
            metavar="MODULE",
            help="Network module to take features from; may be repeated.",
        ),
    ] = None,
    dimension: Annotated[int, typer.Option(min=2, help="Length of the embeddings.")] = 512,
    views: Annotated[
        int, typer.Option(min=2, help="Views per image: itself and edited copies.")
    ] = 12,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 40,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Train a model's descriptor.

    The descriptor is a small head on the network that makes the embeddings, so that copies lie
    close together. The network itself is not changed. Each image is edited at random, as copies are
    (cropped, framed, written on ...), and the head learns which versions belong together. The
    result is a new model folder with a new embedding space: name it when creating an index, or
    bring an index over with `lookalike model reembed`.

    Example: lookalike model train-descriptor photos/ --out my-model --epochs 10
    """
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import find_model
    from indexer.model.training import Recipe, train_descriptor

    settings = load(model)
    recipe = Recipe(dimension=dimension, views=views, epochs=epochs, seed=seed)
    with show_progress() as on_progress:
        trained = train_descriptor(
            find_model(settings),
            photos,
            out,
            name=out.name,
            recipe=recipe,
            limits=settings.image_limits,
            taps=taps or (),
            on_progress=on_progress,
        )
    if as_json:
        print_json(trained)
        return
    facts = {
        "folder": trained.folder,
        "descriptor": f"{trained.descriptor.name} {trained.descriptor.version}",
        "pictures": trained.pictures,
        "loss, first and last": f"{trained.first_loss:.3f}, {trained.last_loss:.3f}",
    }
    print_facts("Trained", facts.items())
