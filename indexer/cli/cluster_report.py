"""`cluster report`: report on a cluster run."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.options import load, opened
from indexer.runtime.terminal import echo
from indexer.types import ReportFormat


def report(
    run: Annotated[
        int | None, typer.Argument(metavar="RUN", help="The run; by default the newest.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE|-", help="File to write; - for stdout."),
    ] = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="Format of the report.")
    ] = ReportFormat.HTML,
    *,
    new_map: Annotated[bool, typer.Option("--new-map", help="Lay the map out anew.")] = False,
) -> None:
    """Write a report on a cluster run.

    What the run found, and what changed since the previous run. html is one file for people, with a
    map and blurred grey images, and needs no network. json holds everything; csv and parquet hold
    one row per image. The default file name is cluster-run-RUN with the format's extension.

    Images have the same place on the map in every report; --new-map ends that, for good.

    Example: lookalike cluster report --output report.html
    """
    from indexer.cli.progress import show_progress
    from indexer.reports import (
        build_report,
        check_writable,
        options_for,
        save_report,
        write_report,
    )

    settings = load()
    check_writable(report_format)
    with opened(settings) as store, show_progress() as on_progress:
        options = replace(options_for(report_format), new_map=new_map)
        made = build_report(store, settings, run, options, on_progress=on_progress)
    target = output or f"cluster-run-{made.run.id}.{report_format}"
    if target == "-":
        write_report(made, report_format, sys.stdout.buffer)
        return
    save_report(made, report_format, Path(target))
    found = made.summary
    if found.changed_parameters:
        echo(
            f"Parameters changed since run {made.run.previous_run} ({found.changed_parameters}): "
            "clusters may differ by that alone.",
            err=True,
        )
    echo(
        f"{target}: run {made.run.id}, {found.images} images, {found.clusters} clusters, "
        f"{found.noise} images in none."
    )
