"""`evaluate`: what the index finds of a copy-detection benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load


def evaluate(  # noqa: PLR0913 -- one for each option
    benchmark: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|CSV", help="Folder with ground_truth.csv, or such a file."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="HOME", help="Home folder of an index that holds the references."),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only copies made by this; may be repeated."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most queries asked.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Pairs of a query counted.")] = 10,
    *,
    image: Annotated[
        Path | None, typer.Option(help="Write recall by transform as a .png, .svg or .pdf.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="Write the pairs that count as CSV.")] = None,
    model: ModelReference = None,
    ann: Annotated[
        bool, typer.Option("--ann", help="Compare the views with exact search as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what the index finds of a copy-detection benchmark: muAP, and recall by transform.

    The references are indexed into a temporary index, unless --against names one that holds them.
    Every query goes through the matcher. Its pairs are ranked by all signals together, by the
    embedding alone and by PDQ alone. Queries that cannot be read are reported and count as missed,
    and the exit code is 2.

    Example: lookalike evaluate bench/dev --limit 200 --image robustness.png
    """
    from indexer.cli.evaluate_run import Outputs, evaluate_benchmark  # noqa: PLC0415 -- quick --help
    from indexer.evaluation import load_benchmark  # noqa: PLC0415

    settings = load(model)
    evaluate_benchmark(
        load_benchmark(benchmark).select(transform or (), limit),
        settings,
        against,
        Outputs(image, pairs, as_json=as_json),
        k=k,
        ann=ann,
    )
