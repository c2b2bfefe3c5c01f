"""`model fit-fusion`: options, progress and result."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_facts, print_json


def fit_fusion(
    photos: Annotated[Path, typer.Argument(metavar="FOLDER", help="Images to fit with.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="fusion.json to write.")],
    model: ModelReference = None,
    copies: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table of further copies of the images.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Fit the weights of a model's evidence.

    Edits each image at random, as copies are, compares the results with all images, and measures
    how much each signal speaks for a copy. Images of one folder are not taken for strangers, so put
    each source into a folder of its own; they must not be those that a descriptor was trained on.
    Copies that you have of these images, such as repainted ones, can be named in a table. Put the
    result into the model's folder as fusion.json.

    Example: lookalike model fit-fusion photos/ --model mine --out fusion.json
    """
    from indexer.cli.progress import show_progress
    from indexer.embedding_space import find_model
    from indexer.model.training.fitted_fusion import fit_to_pictures

    settings = load(model)
    with show_progress() as on_progress:
        fitted = fit_to_pictures(
            find_model(settings),
            photos,
            out,
            settings,
            copies=copies,
            seed=seed,
            on_picture=lambda done, total: on_progress("images", done, total),
        )
    if as_json:
        print_json(fitted)
        return
    facts = {
        "file": out.absolute(),
        "version": fitted.fusion.version,
        "copies": fitted.copies,
        "pairs of strangers": fitted.strangers,
    }
    print_facts("Fusion", facts.items())
