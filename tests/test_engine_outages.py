"""What befalls a vector engine loses nothing, doubles nothing and never changes a bank's answer."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final
from unittest.mock import patch

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from indexer.engines import parse_engine_address
from indexer.engines.base import Rows
from indexer.engines.engine_choice import open_engine_view
from indexer.engines.engine_view import EngineView
from indexer.errors import EngineUnavailable
from indexer.settings import Settings
from indexer.store import EmbeddingFeed, Store
from indexer.types import BankKind, Embeddings, Space
from indexer.vectors import KeySet
from indexer.vectors.faiss_index import FloatIndex
from support.catalog import DIMENSION, add, bind
from support.engine_rows import EngineRows
from support.engines import engine_url, held_rows
from support.milvus_server import running_milvus
from support.postgres import Ending, own_postgres

CODE: Final = """
import sys
from unittest.mock import patch
from indexer.engines import parse_engine_address
from indexer.engines.engine_choice import open_engine_view
from indexer.settings import Settings
from indexer.store import open_store

url, database = sys.argv[1:]
kind = url.partition(":")[0]
sent = {"weaviate": "_SENT", "pinecone": "_MOST_SENT"}[kind]
with patch(f"indexer.engines.{kind}.{sent}", 16), open_store(database) as store:
    with store.reader() as catalog:
        space = catalog.spaces.active()
    open_engine_view(store, space, Settings(), parse_engine_address(url)).catch_up()
"""
COUNT: Final = 60  # images, of which each has a second vector
KNOWN: Final = 7  # of them, entries of a bank


@dataclass
class Outages:
    """An index whose gallery is in a stand-in."""

    store: Store
    space: Space
    rows: EngineRows
    url: str
    known: KeySet
    images: list[int]
    opened: ExitStack = field(repr=False)

    def open(self) -> EngineView:
        view = open_engine_view(self.store, self.space, Settings(), parse_engine_address(self.url))
        return self.opened.enter_context(closing(view))

    def truth(self) -> FloatIndex:
        """Make an index in memory of what the log has."""
        index = FloatIndex(DIMENSION)
        changes = EmbeddingFeed(self.store, self.space.id).read(0, 10_000)
        index.add(changes.keys, changes.vectors)
        return index

    def assert_banks_are_exact(self, view: EngineView) -> None:
        found = view.index.search(queries(), 5, self.known, exact=True)
        expected = self.truth().search(queries(), 5, self.known)
        assert_array_equal(found.keys, expected.keys)
        assert_allclose(found.similarities, expected.similarities, atol=1e-6)

    def assert_nothing_lost_or_doubled(self, view: EngineView) -> None:
        """Compare the engine's rows, and what is found, with the log."""
        truth = self.truth()
        assert view.lag() == 0
        assert view.check_index() == []
        assert len(view.index) == len(truth)
        assert_array_equal(view.index.keys(), truth.keys())
        found, expected = view.index.search(queries(), 10), truth.search(queries(), 10)
        assert_array_equal(found.keys, expected.keys)
        self.assert_banks_are_exact(view)


def queries() -> Embeddings:
    made = np.random.default_rng(99).standard_normal((4, DIMENSION)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Wait for nobody, remember no failure, and send a few rows at a time."""
    with ExitStack() as patches:
        for name, value in {
            "circuit_breaker._FIRST": 0.0,
            "circuit_breaker._LONGEST": 0.0,
            "engine_view.PATIENCE": 0.0,
            "weaviate.PATIENCE": 0.5,
            "weaviate._SENT": 16,
            "pinecone.PATIENCE": 0.5,
            "pinecone._MOST_SENT": 16,
        }.items():
            patches.enter_context(patch(f"indexer.engines.{name}", value))
        yield


@pytest.fixture(params=["weaviate", pytest.param("pinecone", marks=pytest.mark.long)])
def outages(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Iterator[Outages]:
    rows = EngineRows()
    with engine_url(request.param, tmp_path, rows) as url, ExitStack() as opened:
        yield filled(store, rows, url, opened)


def filled(store: Store, rows: EngineRows, url: str, opened: ExitStack) -> Outages:
    """Fill an index whose gallery is to be in the engine of a URL."""
    space = bind(store)
    with store.writer() as writer:
        unsafe = writer.banks.create("unsafe", BankKind.BLOCK).id
    known = add(store, space, *range(KNOWN), frames=1, bank_id=unsafe)
    images = add(store, space, *range(KNOWN, COUNT), frames=1)
    return Outages(store, space, rows, url, KeySet(known), [*known, *images], opened)


def test_an_engine_that_dies_in_a_batch_gets_the_whole_batch_again(outages: Outages) -> None:
    view = outages.open()
    outages.rows.die_after(writes=4)  # the collection, and three of eight requests
    view.catch_up()

    assert view.watermark == 0
    assert view.outage is not None
    assert 0 < outages.rows.held() < 2 * COUNT
    outages.assert_banks_are_exact(view)

    outages.rows.recover()
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
def test_an_answer_that_comes_after_the_timeout_leads_to_a_second_sending(
    outages: Outages,
) -> None:
    view = outages.open()
    outages.rows.lose_answers(after=2, count=5)
    view.catch_up()
    assert view.outage is not None
    assert 0 < outages.rows.held() < 2 * COUNT
    outages.assert_banks_are_exact(view)

    outages.rows.release()
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
def test_a_change_that_is_acknowledged_twice_is_made_once(outages: Outages) -> None:
    outages.rows.repeats = True
    view = outages.open()
    view.catch_up()
    with outages.store.writer() as writer:
        writer.images.remove(outages.images[20:30])
    view.catch_up()

    outages.assert_nothing_lost_or_doubled(view)


def test_rows_that_come_back_are_no_hits_and_repair_removes_them(outages: Outages) -> None:
    view = outages.open()
    view.catch_up()
    gone = [*outages.images[:2], *outages.images[30:34]]  # two of them are of the bank
    with outages.store.writer() as writer:
        writer.images.remove(gone)
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)

    outages.rows.resurrect()

    found, expected = view.index.search(queries(), 10), outages.truth().search(queries(), 10)
    assert_array_equal(found.keys, expected.keys)
    outages.assert_banks_are_exact(view)
    assert "holds 12 vectors of 6 images that the log does not" in " ".join(view.check_index())
    view.mend()
    outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
def test_a_collection_that_somebody_dropped_is_filled_again(outages: Outages) -> None:
    view = outages.open()
    view.catch_up()
    outages.rows.drop_everything()

    with pytest.raises(EngineUnavailable):
        view.index.search(queries(), 5)
    outages.assert_banks_are_exact(view)
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
def test_a_collection_that_somebody_emptied_is_found_and_mended(outages: Outages) -> None:
    view = outages.open()
    view.catch_up()
    outages.rows.empty_everything()

    outages.assert_banks_are_exact(view)
    assert f"lacks {2 * COUNT} vectors of {COUNT} images" in view.check_index()[0]
    view.mend()
    outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
def test_an_engine_that_is_away_is_caught_up_with_when_it_is_back(outages: Outages) -> None:
    view = outages.open()
    view.catch_up()
    outages.rows.die_after(writes=0)
    added = add(outages.store, outages.space, *range(COUNT, COUNT + 5), frames=1)
    with outages.store.writer() as writer:
        writer.images.remove(outages.images[40:42])
    view.catch_up()
    assert view.lag() > 0
    with pytest.raises(EngineUnavailable):
        view.index.search(queries(), 5)
    outages.assert_banks_are_exact(view)

    outages.rows.recover()
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)
    assert set(added) <= set(view.index.keys().tolist())


@pytest.mark.long
def test_a_postgres_that_is_killed_in_a_batch_gets_the_rest_when_it_is_back(store: Store) -> None:
    with own_postgres() as server, ExitStack() as opened:
        url = server.url.replace("postgresql", "pgvector", 1)
        outages = filled(store, EngineRows(), url, opened)
        view = outages.open()
        with killed_in_the_next_batch(view, lambda: server.end(Ending.KILLED)):
            view.catch_up()
        assert view.watermark == 0
        assert view.outage is not None
        outages.assert_banks_are_exact(view)

        server.start_again()
        view.catch_up()
        outages.assert_nothing_lost_or_doubled(view)


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_milvus_that_is_killed_in_a_batch_gets_the_rest_when_it_is_back(
    store: Store, tmp_path: Path
) -> None:
    with running_milvus(tmp_path) as server, ExitStack() as opened:
        outages = filled(store, EngineRows(), server.url, opened)
        view = outages.open()
        with killed_in_the_next_batch(view, server.kill):
            view.catch_up()
        assert view.watermark == 0
        assert view.outage is not None
        outages.assert_banks_are_exact(view)

        server.start()
        until = monotonic() + 200  # it answers long before it has loaded its collections
        while view.lag() and monotonic() < until:
            view.catch_up()
        outages.assert_nothing_lost_or_doubled(view)


@contextmanager
def killed_in_the_next_batch(view: EngineView, kill: Callable[[], None]) -> Iterator[None]:
    """Kill an engine once it has half of a batch."""
    store_rows = view.index.engine.upsert

    def upsert(rows: Rows, vectors: Embeddings) -> None:
        half = len(rows) // 2
        store_rows(rows[:half], vectors[:half])
        kill()
        with patch("indexer.engines.milvus.PATIENCE", 2.0):
            store_rows(rows[half:], vectors[half:])

    with patch.object(view.index.engine, "upsert", upsert):
        yield


@pytest.mark.long
@pytest.mark.parametrize("writes", [2, 5])
def test_a_program_that_is_killed_in_a_batch_is_taken_over_by_the_next(
    outages: Outages, database_url: str, writes: int
) -> None:
    outages.rows.lose_answers(after=writes, count=100)
    command = [sys.executable, "-c", CODE, outages.url, database_url]
    with subprocess.Popen(command) as program:
        reached = outages.rows.held_back.wait(30)
        program.send_signal(signal.SIGKILL)
    assert reached
    outages.rows.release()
    assert 0 < outages.rows.held() < 2 * COUNT

    view = outages.open()
    view.catch_up()
    outages.assert_nothing_lost_or_doubled(view)
    with closing(view._engine) as engine:  # noqa: SLF001 -- its rows, one by one
        assert len(held_rows(engine)) == 2 * COUNT
