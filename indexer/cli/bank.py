"""`bank`: named sets of reference entries."""

from typing import Annotated

import typer

from indexer.cli.options import AsJson, ModelReference, load
from indexer.cli.output import print_json, print_table
from indexer.types import BankKind

app = typer.Typer(no_args_is_help=True, help="Make banks of reference images.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The bank's name.")]


@app.command()
def create(
    name: Name,
    kind: Annotated[
        BankKind, typer.Option(help="block: known unsafe; allow: known benign, excuses a match.")
    ] = BankKind.BLOCK,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a bank; one that exists with the same kind is left as it is.

    Example: lookalike bank create known-unsafe
    """
    from indexer.store import open_store  # noqa: PLC0415 -- keeps --help quick

    settings = load()
    with open_store(settings.resolved_database_url) as store, store.writer() as writer:
        bank = writer.create_bank(name, kind)
    if as_json:
        print_json(bank)
    else:
        typer.echo(f"Bank {bank.name} ({bank.kind}) has {bank.entry_count} entries.")


@app.command("list")
def list_banks(*, as_json: AsJson = False) -> None:
    """List the banks.

    Example: lookalike bank list --json
    """
    from indexer.store import open_store  # noqa: PLC0415 -- keeps --help quick

    settings = load()
    with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
        banks = catalog.banks()
    if as_json:
        print_json(banks)
    else:
        rows = [(bank.name, bank.kind, bank.entry_count) for bank in banks]
        print_table("Banks", ["bank", "kind", "entries"], rows)


@app.command()
def add(
    name: Name,
    what: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Files, folders, or ids of stored images."),
    ],
    model: ModelReference = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make images entries of a bank; files that the index does not hold yet are added to it.

    Adding an entry twice changes nothing.

    Example: lookalike bank add known-unsafe evidence/ 42
    """
    from indexer.cli.adding import add_sources  # noqa: PLC0415 -- keeps --help quick
    from indexer.store import open_store  # noqa: PLC0415

    settings = load(model)
    ids = [int(item) for item in what if item.isdecimal()]
    paths = [item for item in what if not item.isdecimal()]
    with open_store(settings.resolved_database_url) as store:
        with store.writer() as writer:
            bank = writer.bank(name)
            entries = writer.add_entries(bank.id, ids)
        if paths:
            add_sources(store, settings, paths, bank, as_json=as_json)
    if not paths:
        if as_json:
            print_json({"bank": bank.name, "entries": entries})
        else:
            typer.echo(f"{entries} new entries in bank {bank.name}.")
