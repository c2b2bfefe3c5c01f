"""Running a retro-scan with its progress shown: the body of `retro-scan run`."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from indexer.cli.interruption import stop_at_ctrl_c
from indexer.retroscan import RetroScanner
from indexer.types import RetroScan


def run_scan(scanner: RetroScanner, scan: RetroScan) -> RetroScan:
    """Take a scan to its end, or to where Ctrl-C stops it; progress goes to a terminal's stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        stop_at_ctrl_c() as stop,
    ):
        task = progress.add_task("scanning", total=scan.last_change - scan.first_change + 1)

        def show(now: RetroScan) -> None:
            progress.update(
                task,
                completed=now.cursor - now.first_change + 1,
                description=f"scanning ({now.scanned} entries, {now.found} matches)",
            )

        show(scan)
        return scanner.run(scan, on_progress=show, stop=stop)
