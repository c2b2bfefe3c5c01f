"""`audit`: list, verify and export the audit log."""

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, RowLimit, opened
from indexer.cli.output import print_json, print_table
from indexer.runtime.terminal import echo

app = Commands(help="Read, verify and export the audit log.")


@app.command("list")
def list_audit(
    action: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Only actions with this prefix, such as bank."),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only actions of this key or user.")
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(metavar="KIND[:ID]", help="Only actions on this: bank, or bank:7."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only rows since: 2h, 7d, yesterday, 2026-11-01."),
    ] = None,
    limit: RowLimit = 100,
    after: Annotated[int, typer.Option(min=0, help="Start after this row.")] = 0,
    *,
    newest: Annotated[bool, typer.Option("--newest", help="Newest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """List rows of the audit log, oldest first.

    Continue with --after and the last number shown.

    Example: lookalike audit list --action bank. --since 7d --newest
    """
    from datetime import datetime

    from indexer.audit_chain import canonical
    from indexer.cli.time_arguments import parse_earlier
    from indexer.store import AuditQuery

    query = AuditQuery(
        action=action,
        actor=actor,
        subject=subject,
        since=parse_earlier(since, datetime.now().astimezone()) if since else None,
        newest_first=newest,
        cursor=after,
    )
    with opened() as store, store.reader() as catalog:
        entries = [record.shown() for record in catalog.audit.page(query, limit=limit)]
    if as_json:
        print_json(entries)
        return
    print_table(
        "Audit log",
        ["number", "at (UTC)", "who", "action", "subject", "detail"],
        [
            (
                entry.number,
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                f"{entry.actor.kind} {entry.actor.name}",
                entry.action,
                f"{entry.subject} {entry.subject_id or ''}".rstrip(),
                canonical(entry.detail),
            )
            for entry in entries
        ],
    )


@app.command()
def verify(
    expect: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A row that the log must contain."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Verify an export instead; needs no database."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log's hash chain.

    Detects rows that were changed, inserted, moved or removed. Prints the last row as NUMBER:HASH:
    keep it elsewhere and give it to --expect next time, to detect a log that was truncated or
    rewritten. Exits with 3 and names the row if the chain is broken.

    Example: lookalike audit verify --json
    """
    from indexer.audit_verification import parse_head, verify_export, verify_store
    from indexer.cli.progress import show_progress
    from indexer.settings import audit_key_set

    key = audit_key_set()
    expected = parse_head(expect, "") if expect else None
    with show_progress() as progress:

        def tell(done: int, total: int) -> None:
            progress("verifying", done, total)

        if file is not None:
            proof = verify_export(file, key, expected, tell)
        else:
            with opened() as store:
                proof = verify_store(store, key, expected, tell)
    if as_json:
        print_json(proof)
        return
    echo(f"The chain is valid: {proof.head.number} rows, {proof.keyed} of them sealed by a key.")
    if proof.unchecked:
        echo(f"{proof.unchecked} rows were not checked: set LOOKALIKE_AUDIT_KEY to do so.")
    echo(f"Keep this elsewhere, for --expect: {proof.head.number}:{proof.head.hash}")


@app.command()
def export(
    target: Annotated[str, typer.Argument(metavar="FILE|-", help="File to write; - for stdout.")],
) -> None:
    """Export the audit log as JSON Lines.

    The export can be verified without the database.

    Example: lookalike audit export audit.jsonl
    """
    from indexer.audit_verification import export_log
    from indexer.cli.progress import show_progress

    with opened() as store, show_progress() as progress:
        head = export_log(store, target, lambda done, total: progress("exporting", done, total))
    echo(f"{head.number} rows; the last is {head.number}:{head.hash}", err=True)
