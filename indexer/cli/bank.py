"""`bank`: named sets of reference entries."""

from enum import StrEnum
from typing import Annotated

import typer

from indexer.cli import bank_entries, bank_exchange, bank_harden, bank_state
from indexer.cli.bank_entries import BankName
from indexer.cli.commands import Commands
from indexer.cli.options import AsJson, opened
from indexer.cli.output import print_json, print_table
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.types import Bank, BankKind, Severity

app = Commands(help="Manage banks of images and fingerprints.")

Category = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Category, such as csam or spam.")
]
Gravity = Annotated[
    Severity | None, typer.Option("--severity", help="Severity of a match with the bank.")
]
Notes = Annotated[str | None, typer.Option(metavar="TEXT", help="Free text.")]
Owner = Annotated[str | None, typer.Option(metavar="TEXT", help="Person or team responsible.")]


class Detail(StrEnum):
    """What is said of a bank and can be taken back."""

    CATEGORY = "category"
    NOTES = "notes"
    OWNER = "owner"


@app.command()
def create(
    name: BankName,
    kind: Annotated[
        BankKind, typer.Option(help="block: known unsafe; allow: known benign, suppresses matches.")
    ] = BankKind.BLOCK,
    category: Category = None,
    severity: Gravity = None,
    notes: Notes = None,
    owner: Owner = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a bank.

    A bank that already exists with the same kind is left unchanged.

    Example: lookalike bank create known-unsafe --category spam --severity high
    """
    from indexer.store import BankDetails

    details = BankDetails(category, severity, notes, owner)
    with opened() as store, store.writer() as writer:
        bank = writer.banks.create(name, kind, details)
    _print_bank(bank, as_json=as_json)


@app.command()
def edit(
    name: BankName,
    category: Category = None,
    severity: Gravity = None,
    notes: Notes = None,
    owner: Owner = None,
    *,
    clear: Annotated[
        list[Detail] | None, typer.Option(help="Detail to remove; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Edit a bank's details.

    Only the named details change; --clear removes them.

    Example: lookalike bank edit known-unsafe --owner Ana --clear notes
    """
    from indexer.store import BankDetails

    given = {"category": category, "notes": notes, "owner": owner}
    for detail in clear or ():
        if given[detail] is not None:
            raise InputError(f"--{detail} and --clear {detail} are mutually exclusive.")
        given[detail] = ""  # takes it back
    details = BankDetails(**given, severity=severity)
    with opened() as store, store.writer() as writer:
        bank = writer.banks.edit(name, details=details)
    _print_bank(bank, as_json=as_json)


@app.command("list")
def list_banks(*, as_json: AsJson = False) -> None:
    """List the banks.

    Example: lookalike bank list --json
    """
    with opened() as store, store.reader() as catalog:
        banks = catalog.banks.all()
    if as_json:
        print_json(banks)
        return
    columns = ["bank", "kind", "entries", "state", "severity", "category", "owner"]
    rows = [
        (
            bank.name,
            bank.kind,
            bank.entry_count,
            "enabled" if bank.enabled else "disabled",
            bank.severity,
            bank.category,
            bank.owner,
        )
        for bank in banks
    ]
    print_table("Banks", columns, rows)


app.command("show")(bank_entries.show)
app.command("add")(bank_entries.add)
app.command("disable")(bank_state.disable)
app.command("enable")(bank_state.enable)
app.command("remove")(bank_state.remove)
app.command("harden")(bank_harden.harden)
app.command("import")(bank_exchange.import_lists)
app.command("export")(bank_exchange.export)


def _print_bank(bank: Bank, *, as_json: bool) -> None:
    if as_json:
        print_json(bank)
    else:
        echo(bank_entries.describe(bank))
