"""`model use`: the classifier of the index."""

from typing import Annotated

import typer

from indexer.cli.options import AsJson, load, opened
from indexer.cli.output import counted, print_json
from indexer.runtime.terminal import echo


def use(
    model: Annotated[
        str, typer.Argument(metavar="DIR", help="Model folder in the index's embedding space.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Change the classifier of the index.

    The model must make the same embeddings as the index's, as a probe does; `lookalike model
    reembed` brings an index over to any other. Running servers take the classifier within seconds.
    Stored images are classified anew from their embeddings if the classifier reads those;
    otherwise they have no class probabilities until `lookalike model reembed` has read their files.

    Example: lookalike model use my-model
    """
    from indexer.classification.classifier_change import change_classifier
    from indexer.cli.progress import show_progress

    settings = load()
    with opened(settings) as store, show_progress() as reporter:
        change = change_classifier(
            store,
            model,
            settings,
            on_progress=lambda done: reporter("classifying", done, None),
        )
    if as_json:
        print_json(change)
        return
    named = change.classifier or "the network's own classes"
    echo(f"The index uses {named}: {', '.join(change.labels)}.")
    if change.idle_rules:
        echo(
            f"The policy in force has rules on {', '.join(change.idle_rules)}, which no longer "
            "apply: the model has no such classes. Change the policy with `lookalike policy use`.",
            err=True,
        )
    if change.classified:
        echo(f"{change.classified:,} stored vectors were classified anew.")
    if change.unclassified:
        images = counted(change.unclassified, "image has", "images have")
        echo(f"{images} no class probabilities yet: run `lookalike model reembed`.")
