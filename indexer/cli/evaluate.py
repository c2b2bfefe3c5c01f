"""`evaluate`: a copy-detection benchmark of the index."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load


def evaluate(
    benchmark: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|CSV", help="Folder with ground_truth.csv, or such a file."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="HOME", help="LOOKALIKE_HOME of an index with the references."),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only copies made by this transform; may be repeated."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of queries.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Pairs counted per query.")] = 10,
    strangers: Annotated[
        list[str] | None,
        typer.Option(metavar="N[,N...]", help="Made-up images added to the references."),
    ] = None,
    *,
    image: Annotated[
        Path | None, typer.Option(help="Plot recall by transform to a .png, .svg or .pdf.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(help="Plot precision and false matches by recall.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="Write the counted pairs as CSV.")] = None,
    model: ModelReference = None,
    ann: Annotated[
        bool, typer.Option("--ann", help="Also compare the views with exact search.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate on a copy-detection benchmark.

    Prints muAP, recall and false matches per upload at the bounds in force, and recall by
    transform. The references are indexed into a temporary index, unless --against names one that
    holds them. Every query goes through the matcher; pairs are ranked by all signals together, by
    the embedding alone and by PDQ alone. With --strangers, again in larger galleries. Unreadable
    queries are reported and count as missed, and the exit code is 2.

    Example: lookalike evaluate bench/dev --limit 200 --strangers 0,10000
    """
    from indexer.cli.evaluate_run import Outputs, evaluate_benchmark, parse_sizes
    from indexer.evaluation import load_benchmark

    settings = load(model)
    evaluate_benchmark(
        load_benchmark(benchmark).select(transform or (), limit),
        settings,
        against,
        parse_sizes(strangers or ()),
        Outputs(image, curves, pairs, as_json=as_json),
        k=k,
        ann=ann,
    )
