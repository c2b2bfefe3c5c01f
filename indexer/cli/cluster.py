"""`cluster`: groups of similar images, and their changes from run to run."""

from indexer.cli import cluster_actions, cluster_list, cluster_report, cluster_run, cluster_show
from indexer.cli.commands import Commands

app = Commands(help="Cluster similar images from run to run.")
app.command("run")(cluster_run.run)
app.command("list")(cluster_list.list_runs)
app.command("show")(cluster_show.show)
app.command("lineage")(cluster_list.lineage)
app.command("assign")(cluster_run.assign)
app.command("alerts")(cluster_list.alerts)
app.command("label")(cluster_actions.label)
app.command("note")(cluster_actions.note)
app.command("bank")(cluster_actions.bank)
app.command("decide")(cluster_actions.decide)
app.command("undo")(cluster_actions.undo)
app.command("report")(cluster_report.report)
