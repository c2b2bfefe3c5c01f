"""`retro-scan`: stored images that new block entries match."""

from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, ModelReference, RowLimit, load, opened
from indexer.cli.output import print_json, print_table, shorten_path
from indexer.runtime.terminal import echo
from indexer.types import RetroMatch, RetroScan, ScanState

app = Commands(help="Match new block entries to stored images.")


@app.command()
def run(
    bank: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only entries of this block bank.")
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="CHANGE",
            help="Scan entries added after this change of the log; 0 scans all.",
        ),
    ] = None,
    model: ModelReference = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Match new block entries to stored images.

    Matches the entries added since the last scan against the images stored before them. Images of
    an entry's own bank are left out. Safe to interrupt at any moment: running it again continues
    where it stopped and lists each match once. Quick when nothing is new, so it can run from a
    timer.

    Example: lookalike retro-scan run --bank known-unsafe
    """
    from indexer.cli.retroscan_run import run_scan
    from indexer.matching import open_matcher
    from indexer.retroscan import RetroScanner

    settings = load(model)
    with opened(settings) as store:
        scanner = RetroScanner(store, open_matcher(store, settings), settings)
        scan = run_scan(scanner, scanner.begin(bank, since))
    if as_json:
        print_json(scan)
    else:
        _print_scan(scan)
    if scan.state is ScanState.RUNNING:
        raise KeyboardInterrupt


@app.command("list")
def list_scans(
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this scan.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """List retro-scans, oldest first.

    Continue with --after and the last id shown.

    Example: lookalike retro-scan list --json
    """
    with opened() as store, store.reader() as catalog:
        scans = catalog.retro_scans.page(after_id=after, limit=limit)
    if as_json:
        print_json(scans)
        return
    print_table(
        "Retro-scans",
        ["id", "bank", "changes", "state", "entries", "matches", "begun"],
        [
            (
                scan.id,
                scan.bank or "all",
                f"{scan.first_change} to {scan.last_change}",
                scan.state,
                scan.scanned,
                scan.found,
                f"{scan.created_at:%Y-%m-%d %H:%M}",
            )
            for scan in scans
        ],
    )


@app.command()
def show(
    scan: Annotated[int, typer.Argument(metavar="ID", help="The scan, as listed.")],
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this match.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a retro-scan and its matches.

    Continue with --after and the last id shown.

    Example: lookalike retro-scan show 7 --json
    """
    with opened() as store, store.reader() as catalog:
        found = catalog.retro_scans.get(scan)
        matches = catalog.retro_scans.matches(scan, after_id=after, limit=limit)
    if as_json:
        print_json({"scan": found, "matches": matches})
    else:
        _print_scan(found)
        if matches:
            _print_matches(matches)


def _print_scan(scan: RetroScan) -> None:
    of = f"bank {scan.bank}" if scan.bank else "all block banks"
    echo(
        f"Retro-scan {scan.id} of {of}, changes {scan.first_change} to {scan.last_change}: "
        f"{scan.state}, {scan.scanned} entries scanned, {scan.found} matches found."
    )


def _print_matches(matches: list[RetroMatch]) -> None:
    print_table(
        None,
        ["id", "tier", "bank", "entry", "decided by", "cosine", "PDQ", "image", "source"],
        [
            (
                match.id,
                match.tier,
                match.bank,
                match.entry_id,
                match.decided_by,
                None if match.similarity is None else f"{match.similarity:.3f}",
                match.pdq_distance,
                match.image_id,
                shorten_path(match.source),
            )
            for match in matches
        ],
    )
