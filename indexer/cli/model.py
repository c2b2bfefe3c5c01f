"""`model`: model cards, exports, training, and changing the model of an index."""

from indexer.cli.commands import Commands
from indexer.cli.model_compare import compare
from indexer.cli.model_evaluate import evaluate
from indexer.cli.model_explain import explain
from indexer.cli.model_export import export
from indexer.cli.model_fusion import fit_fusion
from indexer.cli.model_reembed import reembed
from indexer.cli.model_train import train
from indexer.cli.model_train_descriptor import train_descriptor
from indexer.cli.model_use import use
from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_facts, print_json

app = Commands(help="Show, export, train or change the model.")


@app.command()
def show(model: ModelReference = None, *, as_json: AsJson = False) -> None:
    """Show a model's card.

    Architecture, classes, embedding size, preprocessing and fingerprint. Without --model: the model
    of the index, or the shipped one if there is no index.

    Example: lookalike model show --model hf-hub:Marqo/nsfw-image-detection-384
    """
    from dataclasses import asdict

    from indexer.embedding_space import find_model, open_encoder

    settings = load(model)
    card = open_encoder(find_model(settings), settings).card
    if as_json:
        print_json(card)
        return
    facts = asdict(card)
    if card.semantic:
        own = card.semantic
        facts["semantic"] = f"{own.descriptor}, {own.dimension}-d, space {own.fingerprint[:12]}"
    print_facts("Model", {"classes": facts.pop("labels"), **facts}.items())


app.command()(export)
app.command()(explain)
app.command()(train)
app.command()(evaluate)
app.command()(compare)
app.command()(use)
app.command()(reembed)
app.command("train-descriptor")(train_descriptor)
app.command("fit-fusion")(fit_fusion)
