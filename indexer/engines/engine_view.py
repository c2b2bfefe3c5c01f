"""Engine view: an engine kept in step with the log."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Final

import numpy as np
import structlog

from indexer.engines.bank_vectors import BankVectors
from indexer.engines.base import Collection, Rows, VectorEngine, keys_of, row_ids
from indexer.engines.circuit_breaker import CircuitBreaker
from indexer.engines.engine_consistency import row_problems, unfound_problem
from indexer.engines.engine_feeder import CHUNK, LOOKED, PATIENCE, EngineFeeder
from indexer.engines.engine_index import EngineIndex
from indexer.errors import EngineUnavailable
from indexer.store import Catalog, Store
from indexer.types import ChangeFeed, Completeness, Keys

_SLICE: Final = 2.0  # seconds of sending, after which other views get their turn

log = structlog.get_logger(__name__)


class EngineView:
    """The embeddings of an index in an engine, and those of bank entries in this process.

    Of all programs of an index one at a time sends changes; the others read how far it has come.

    While the engine is down, this is logged, `outage` says why, and nothing is lost: what was not
    acknowledged is sent later. The entries of banks go on being found.

    Parameters
    ----------
    name : str
        What the view is called.
    address : str
        The engine's, without credentials.
    collection : Collection
    engine : VectorEngine
    store : Store
    feed : ChangeFeed
    """

    def __init__(
        self,
        *,
        name: str,
        address: str,
        collection: Collection,
        engine: VectorEngine,
        store: Store,
        feed: ChangeFeed,
    ) -> None:
        self.name = name
        self.address = address
        self._store = store
        self._feed = feed
        self._engine = engine
        self._banks = BankVectors(feed, collection.dimension)
        self.index = EngineIndex(engine, feed, collection.dimension, self._banks)
        self._feeder = EngineFeeder(store, address, collection, self.index, feed)
        self._followed = 0  # last change by which the vectors of banks were renewed
        self._bank_change = -1  # last change of the banks by which their images are known
        self._started = False
        self._is_down = False
        self._doubted: EngineUnavailable | None = None  # the last failure that was looked into
        self._catching_up = Lock()
        self._sending = CircuitBreaker()

    @property
    def feed(self) -> ChangeFeed:
        """The log that it follows."""
        return self._feed

    @property
    def watermark(self) -> int:
        """The number of the last change that the engine has acknowledged."""
        return self._feeder.watermark

    @property
    def outage(self) -> EngineUnavailable | None:
        """Why the engine could not be used when it was last tried; None if it could."""
        return self.index.searching.error or self._sending.error

    def lag(self) -> int:
        """Count the committed changes that the engine has not acknowledged."""
        return max(0, self._feed.head() - self.watermark)

    def catch_up(self) -> int:
        """Send what was committed until now, or wait for the program that does; renew the banks.

        The first call sends everything; later ones stop after two seconds, so that other views get
        their turn.

        Returns
        -------
        int
            Changes acknowledged.
        """
        with self._catching_up:
            before = self.watermark
            try:
                with self._sending.calling():
                    self._follow()
            except EngineUnavailable as error:
                self._note_outage(error)
            else:
                self._note_success()
            self._started = True
            self._follow_banks()
            return self.watermark - before

    def advance(self) -> None:
        """Send changes for two seconds at most, before any other program may.

        Raises
        ------
        EngineUnavailable
            The engine cannot be used, or another program goes on sending.
        """
        with self._feeder.alone():
            self._feeder.send(self._feed.head(), monotonic() + _SLICE)

    def _follow(self) -> None:
        head = self._feed.head()
        self._feeder.refresh()
        error = self.index.searching.error
        if error is not None and error is not self._doubted:  # somebody may have dropped it
            self._doubted = error
            self._feeder.distrust()
        elif self._started and self.watermark >= head:
            return
        until = monotonic() + (_SLICE if self._started else PATIENCE)
        while True:
            with self._feeder.claim() as free:
                if free:
                    self._feeder.send(head, until if self._started else None)
                    return
            self._feeder.refresh()
            if self._started or self.watermark >= head or monotonic() > until:
                return
            sleep(LOOKED)

    def _note_outage(self, error: EngineUnavailable) -> None:
        """Log the first failure of several; have the collection looked for again afterwards."""
        if not self._is_down:
            log.warning("vector engine unavailable", engine=self.address, reason=str(error))
        self._is_down = True
        self._feeder.distrust()

    def _note_success(self) -> None:
        if self._is_down:
            log.info("vector engine available again", engine=self.address)
        self._is_down = False

    def _follow_banks(self) -> None:
        """Hold the vectors of all bank entries as the catalog has them."""
        with self._store.reader() as catalog:
            bank_change = catalog.log.last_of_banks()
            keys = None if bank_change == self._bank_change else _images_of_banks(catalog)
            changed, followed = self._changed_images(catalog)
        if changed is not None:
            self._banks.renew(changed)
        if keys is not None:
            self._banks.keep(keys)
        self._bank_change, self._followed = bank_change, followed

    def _changed_images(self, catalog: Catalog) -> tuple[Keys | None, int]:
        """Return the images that the log names since the last time, and the log's head."""
        if not len(self._banks):
            return None, catalog.log.head()
        ids = set[int]()
        after, head = self._followed, catalog.log.head()
        while after < head:
            found, after = catalog.log.images_after(after, CHUNK)
            ids.update(found)
        return np.array(sorted(ids), np.int64), head

    def snapshot(self, *, alone: bool = False) -> Path | None:
        """Return None: the engine keeps what it holds."""
        return None

    def improve(self, on_progress: Callable[[], None] = lambda: None) -> bool:
        """Return False: the engine chooses its own structures."""
        return False

    def check_snapshots(self) -> list[str]:
        """Return no problem: nothing is on disk."""
        return []

    def check_index(self, *, sample: int | None = None, seed: int = 0) -> list[str]:
        """Compare the engine's rows with the log, and look for sampled vectors by themselves.

        Returns
        -------
        list of str
            A sentence for each problem.

        Raises
        ------
        EngineUnavailable
            The engine cannot be used.
        """
        missing, surplus = self._differences()
        problems = row_problems(self.address, self._feed.subject, missing, surplus)
        unfound = self._unfound_problem(sample, seed)
        return [*problems, unfound] if unfound else problems

    def mend(self, *, sample: int | None = None, seed: int = 0) -> None:
        """Send again what the engine lacks, and remove what the log does not have.

        If too many of the sampled vectors are not found, the collection is filled anew.

        Raises
        ------
        EngineUnavailable
            The engine cannot be used.
        """
        missing, surplus = self._differences()
        with self._feeder.alone():
            wrong = np.concatenate([keys_of(missing), keys_of(surplus)])
            self._feeder.send_again(np.unique(wrong))
        if self._unfound_problem(sample, seed):
            self.rebuild()

    def rebuild(self) -> None:
        """Drop the collection and send everything again.

        Raises
        ------
        EngineUnavailable
            The engine cannot be used; the next program goes on from what was acknowledged.
        """
        with self._feeder.alone():
            self._engine.drop()
            self._feeder.distrust()
            self._feeder.send(self._feed.head())

    def note_recall(self, measured: Completeness) -> None:
        """Keep the recall that was measured: searches of all programs say so from now on."""
        self._feeder.note_recall(measured)

    def require_current(self) -> None:
        """Make sure that the engine has acknowledged all that is committed.

        Raises
        ------
        EngineUnavailable
            It has not.
        """
        if error := self._sending.error:
            raise error.with_traceback(None)
        if lag := self.lag():
            raise EngineUnavailable(
                f"The vector engine {self.address} has not acknowledged the last {lag} changes "
                "yet: another program is sending them. Try again."
            )

    def close(self) -> None:
        """Close the connections to the engine."""
        self._engine.close()

    def _differences(self) -> tuple[Rows, Rows]:
        """Return the rows that the engine lacks, and those that it should not hold."""
        until = monotonic() + (0 if self._engine.capabilities.read_after_write else PATIENCE)
        with self._feeder.alone():
            self._feeder.send(self._feed.head())
            logged = self._feed.all_keys()
            while self.watermark != logged.watermark:
                self._feeder.send(self._feed.head())
                logged = self._feed.all_keys()
            expected = row_ids(logged.keys)
            while True:
                held = self.index.rows()
                missing, surplus = np.setdiff1d(expected, held), np.setdiff1d(held, expected)
                if not (len(missing) or len(surplus)) or monotonic() > until:
                    return missing, surplus
                sleep(LOOKED)

    def _unfound_problem(self, sample: int | None, seed: int) -> str | None:
        return unfound_problem(self.address, self._feed, self.index, sample, seed)


def _images_of_banks(catalog: Catalog) -> Keys:
    return catalog.entries.image_ids(None, datetime.now(UTC))
