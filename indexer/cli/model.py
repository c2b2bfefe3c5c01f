"""`model`: what makes the embeddings and the class probabilities."""

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Look at the model.")


@app.command()
def show(model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Show a model's card: architecture, labels, embedding size, preprocessing, fingerprint.

    Without --model the shipped model is shown, or the one that LOOKALIKE_MODEL names.

    Example: lookalike model show --model hf-hub:Marqo/nsfw-image-detection-384
    """
    from dataclasses import asdict  # noqa: PLC0415 -- keeps --help quick

    from indexer.model import load_encoder  # noqa: PLC0415
    from indexer.settings import SHIPPED_MODEL  # noqa: PLC0415

    settings = load(model)
    card = load_encoder(settings.model or SHIPPED_MODEL, settings.device).card
    if as_json:
        print_json(card)
        return
    print_table("Model", ["what", "value"], list(asdict(card).items()))
