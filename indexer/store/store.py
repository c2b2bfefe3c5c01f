"""The store: one opened metadata database, and its read and write transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine, select

from indexer.store.catalog import Catalog
from indexer.store.database.address import location, parse_address, sqlite_file
from indexer.store.database.engine import make_engine, reading, writing
from indexer.store.database.identity import Identity
from indexer.store.database.locks import Work, claim
from indexer.store.database.maintenance import Maintenance
from indexer.store.database.schema import require_current
from indexer.store.log.engine_positions import EnginePositions
from indexer.store.models import CatalogInfo
from indexer.store.queries import DatedQueries
from indexer.store.reviews.leases import ReviewLeases
from indexer.store.workers.part_leases import IngestPartLeases
from indexer.store.writer import Writer

_DatedT = TypeVar("_DatedT", bound=DatedQueries)


class Store:
    """A metadata database whose schema has been checked; safe to use from several threads."""

    def __init__(self, engine: Engine, log_id: str, audit_key: bytes | None = None) -> None:
        self._engine = engine
        self._log_id = log_id
        self._audit_key = audit_key
        self._identity = Identity(engine, log_id)
        self.maintenance = Maintenance(engine)
        self.is_trial = False
        """Whether whatever is written is rolled back: it shows only what would be done."""

    @property
    def log_id(self) -> str:
        """Identity of the change log (a UUID): views of another log must not be used with it."""
        return self._log_id

    @property
    def location(self) -> str:
        """The database's URL without its password."""
        return location(self._engine.url)

    @property
    def file(self) -> Path | None:
        """The SQLite database's file; None for Postgres."""
        return sqlite_file(self._engine.url)

    @contextmanager
    def reader(self) -> Iterator[Catalog]:
        """Read in one transaction that sees one state of the catalog, whatever is committed since.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached, or the connection is lost.
        DatabaseReplaced
            It is another one than when it was opened.
        """
        with reading(self._engine) as connection:
            self._identity.check(connection)
            yield Catalog(connection)

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Write in one transaction; one writer at a time, the others wait for it.

        It commits when the block ends, and rolls back when an exception leaves it.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached, the connection is lost, or others kept it locked.
        DatabaseReplaced
            It is another one than when it was opened.
        """
        with writing(self._engine) as connection:
            self._identity.check(connection)
            yield Writer(connection, self._audit_key)

    @contextmanager
    def leasing(self) -> Iterator[ReviewLeases]:
        """Lease review items in one transaction, which in Postgres waits for no other writer.

        Raises
        ------
        DatabaseUnavailable
            As for `writer`.
        DatabaseReplaced
            As for `writer`.
        """
        with self._beside(ReviewLeases) as found:
            yield found

    @contextmanager
    def leasing_parts(self) -> Iterator[IngestPartLeases]:
        """Lease ingest parts in one transaction, which in Postgres waits for no other writer.

        Raises
        ------
        DatabaseUnavailable
            As for `writer`.
        DatabaseReplaced
            As for `writer`.
        """
        with self._beside(IngestPartLeases) as found:
            yield found

    def joining(self, writer: Writer, *, is_trial: bool = False) -> "Store":
        """Return a store whose transactions are all part of the writer's, and end with it."""
        joined = _Joined(self._engine, self._log_id, writer)
        joined.is_trial = is_trial or self.is_trial
        return joined

    @contextmanager
    def clustering(self) -> Iterator[bool]:
        """Claim the clustering of this index for the block; give whether it was free.

        Nobody else has the claim meanwhile, and it ends with the process, however that ends.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached, or its folder cannot be written.
        """
        with claim(self._engine, Work.CLUSTERING) as free:
            yield free

    @contextmanager
    def learning_templates(self) -> Iterator[bool]:
        """Claim the learning of templates for the block, as `clustering` does; give the same.

        Raises
        ------
        DatabaseUnavailable
            As for `clustering`.
        """
        with claim(self._engine, Work.TEMPLATES) as free:
            yield free

    @contextmanager
    def feeding(self, engine: str) -> Iterator[bool]:
        """Claim the feeding of a vector engine for the block, as `clustering` does; give the same.

        Parameters
        ----------
        engine : str
            Its address.

        Raises
        ------
        DatabaseUnavailable
            As for `clustering`.
        """
        with claim(self._engine, Work.FEEDING, engine) as free:
            yield free

    @contextmanager
    def noting(self) -> Iterator[EnginePositions]:
        """Write positions of engines in one transaction; in Postgres it waits for no other writer.

        Raises
        ------
        DatabaseUnavailable
            As for `writer`.
        DatabaseReplaced
            As for `writer`.
        """
        with self._beside(EnginePositions) as found:
            yield found

    @contextmanager
    def _beside(self, kind: type[_DatedT]) -> Iterator[_DatedT]:
        """Write through one repository in a transaction that does not take the log's lock."""
        with writing(self._engine, log=False) as connection:
            self._identity.check(connection)
            yield kind(connection, datetime.now(UTC))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Joined(Store):
    """A store within the transaction of one writer."""

    def __init__(self, engine: Engine, log_id: str, writer: Writer) -> None:
        super().__init__(engine, log_id)
        self._joined = writer

    @contextmanager
    def reader(self) -> Iterator[Catalog]:
        yield self._joined

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        yield self._joined

    def close(self) -> None:
        """Leave the connections to the store that this one was made of."""


def open_store(url: str, audit_key: bytes | None = None) -> Store:
    """Open a metadata database.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: `sqlite:////folder/lookalike.db` or `postgresql://user:password@host/name`.
    audit_key : bytes, optional
        Seals the rows of the audit log that are written; without one they are only chained.

    Raises
    ------
    SettingsError
        The URL is not one of those.
    DatabaseUnavailable
        The database cannot be reached.
    IndexNotInitialised
        It holds no tables yet.
    SchemaMismatch
        Its schema is not this version's.
    """
    engine = make_engine(parse_address(url))
    try:
        require_current(engine)
        with reading(engine) as connection:
            log_id = connection.execute(select(CatalogInfo.log_id)).scalar_one()
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, log_id, audit_key)
