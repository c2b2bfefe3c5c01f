"""`db`: schema of the metadata database."""

from indexer.cli.commands import Commands
from indexer.cli.options import load
from indexer.runtime.terminal import echo

app = Commands(help="Manage the database schema.")


@app.command()
def upgrade() -> None:
    """Upgrade the database schema.

    Safe to run from several hosts at once.

    Example: LOOKALIKE_DATABASE_URL=postgresql://db/lookalike lookalike db upgrade
    """
    from indexer.store import current, upgrade

    url = load().resolved_database_url
    upgrade(url)
    echo(f"The schema is at revision {current(url)}.")


@app.command()
def check() -> None:
    """Check the database schema.

    Fails if it differs from the program's models.

    Example: lookalike db check
    """
    from indexer.store import check

    check(load().resolved_database_url)
    echo("The schema is up to date.")


@app.command()
def current() -> None:
    """Print the revision of the database schema.

    Example: lookalike db current
    """
    from indexer.store import current

    echo(current(load().resolved_database_url) or "none")
