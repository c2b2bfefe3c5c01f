"""Body of `retro-scan run`, with progress."""

from indexer.cli.interruption import stop_at_ctrl_c
from indexer.cli.progress import show_progress
from indexer.retroscan import RetroScanner
from indexer.types import RetroScan


def run_scan(scanner: RetroScanner, scan: RetroScan) -> RetroScan:
    """Take a scan to its end, or to where Ctrl-C stops it, and show how far it is."""
    total = scan.last_change - scan.first_change + 1
    with show_progress() as progress, stop_at_ctrl_c() as stop:

        def show(now: RetroScan) -> None:
            detail = f"{now.scanned:,} entries, {now.found:,} matches"
            progress("scanning", now.cursor - now.first_change + 1, total, detail)

        show(scan)
        return scanner.run(scan, on_progress=show, stop=stop)
