"""Schema revision: whether a database has the one that this version needs."""

from sqlalchemy import Connection, Engine, column, inspect, select, table

from indexer.errors import IndexNotInitialised, SchemaMismatch
from indexer.store.database.address import location, sqlite_file
from indexer.store.database.engine import reading
from indexer.store.models import REVISION

_VERSION = table("alembic_version", column("version_num"))


def read_revision(engine: Engine) -> str | None:
    """Return the revision of the schema; None when there is no database file or no schema yet.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    """
    file = sqlite_file(engine.url)
    if file and not file.exists():
        return None  # connecting would create it
    with reading(engine) as connection:
        return _revision(connection)


def require_current(engine: Engine) -> None:
    """Make sure that the schema is this version's.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    IndexNotInitialised
        There is no schema yet.
    SchemaMismatch
        The schema is an older or a newer one.
    """
    found = read_revision(engine)
    if found is None:
        raise IndexNotInitialised(
            f"The database {location(engine.url)} holds no index yet. Run `lookalike init`."
        )
    if found != REVISION:
        raise schema_mismatch(engine, found)


def schema_mismatch(engine: Engine, found: str) -> SchemaMismatch:
    """Make the error for a revision that is not ours: revisions are dates, so they compare."""
    where = f"The database {location(engine.url)} has schema {found}, this version needs {REVISION}"
    if found < REVISION:
        return SchemaMismatch(f"{where}. Run `lookalike db upgrade`.")
    return SchemaMismatch(f"{where}: a newer version made it. Upgrade this program.")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.scalar(select(_VERSION.c.version_num))
    return found
