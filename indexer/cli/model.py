"""`model`: what makes the embeddings and the class probabilities."""

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Look at the model.")


@app.command()
def show(model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Show a model's card: architecture, labels, embedding size, preprocessing, fingerprint.

    Without --model it is the model of the index, or the shipped one where there is no index yet.

    Example: lookalike model show --model hf-hub:Marqo/nsfw-image-detection-384
    """
    from dataclasses import asdict  # noqa: PLC0415 -- keeps --help quick

    from indexer.model import load_encoder  # noqa: PLC0415
    from indexer.spaces import find_model  # noqa: PLC0415

    settings = load(model)
    card = load_encoder(find_model(settings), settings.device).card
    if as_json:
        print_json(card)
        return
    print_table("Model", ["what", "value"], list(asdict(card).items()))
