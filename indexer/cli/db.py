"""`db`: the metadata database's schema."""

from indexer.cli.commands import Commands
from indexer.cli.options import load
from indexer.runtime.terminal import echo

app = Commands(help="Look after the metadata database's schema.")


@app.command()
def upgrade() -> None:
    """Bring the schema to this version of the program; safe to run from several hosts at once.

    Example: LOOKALIKE_DATABASE_URL=postgresql://db/lookalike lookalike db upgrade
    """
    from indexer.store import current, upgrade  # noqa: PLC0415 -- keeps --help quick

    url = load().resolved_database_url
    upgrade(url)
    echo(f"The schema is at revision {current(url)}.")


@app.command()
def check() -> None:
    """Compare the database's schema with the program's models; differences are an error.

    Example: lookalike db check
    """
    from indexer.store import check  # noqa: PLC0415 -- keeps --help quick

    check(load().resolved_database_url)
    echo("The schema is what this version of the program needs.")


@app.command()
def current() -> None:
    """Print the revision of the database's schema.

    Example: lookalike db current
    """
    from indexer.store import current  # noqa: PLC0415 -- keeps --help quick

    echo(current(load().resolved_database_url) or "none")
