"""`cluster`: what images look alike, and what became of them since."""

import typer

from indexer.cli import cluster_report

app = typer.Typer(no_args_is_help=True, help="Group images that look alike, from run to run.")
app.command("report")(cluster_report.report)
