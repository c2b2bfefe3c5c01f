"""`cluster`: what images look alike, and what became of them since."""

from indexer.cli import cluster_acting, cluster_listing, cluster_report, cluster_running
from indexer.cli.commands import Commands

app = Commands(help="Group images that look alike, from run to run.")
app.command("run")(cluster_running.run)
app.command("list")(cluster_listing.list_runs)
app.command("show")(cluster_listing.show)
app.command("lineage")(cluster_listing.lineage)
app.command("assign", short_help="Assign newer images to the clusters of a run")(
    cluster_running.assign
)
app.command("alerts")(cluster_listing.alerts)
app.command("label")(cluster_acting.label)
app.command("note")(cluster_acting.note)
app.command("bank")(cluster_acting.bank)
app.command("decide")(cluster_acting.decide)
app.command("undo")(cluster_acting.undo)
app.command("report")(cluster_report.report)
