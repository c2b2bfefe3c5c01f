"""The contract of vector engines, held by every engine, and by yours: see docs/engines.md.

pytest tests/test_engines_contract.py --live milvus://host:19530
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from indexer.engines import VectorEngine
from indexer.engines.base import PLACES, keys_of, row_ids
from indexer.errors import DimensionMismatch
from indexer.types import Keys
from support.engines import (
    DIMENSION,
    connected,
    emptied,
    engine_url,
    eventually,
    held_rows,
    unit,
    unused_name,
)
from support.postgres import postgres_database

KINDS = ["qdrant", "pgvector", "milvus", "weaviate", "pinecone"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    live = metafunc.config.getoption("--live")
    if "place" in metafunc.fixturenames:
        kinds = ["live"] if live else KINDS
        metafunc.parametrize("place", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """URL of an engine, and the name of a collection that nobody has."""
    if request.param == "live":
        yield request.config.getoption("--live"), unused_name()
        return
    if request.param == "pgvector":
        with postgres_database(request.getfixturevalue("postgres_url")) as url:
            yield url.replace("postgresql", "pgvector", 1), unused_name()
        return
    folder: Path = tmp_path_factory.mktemp(request.param)
    with engine_url(request.param, folder) as url:
        yield url, unused_name()


@pytest.fixture(scope="module")
def made(place: tuple[str, str]) -> Iterator[VectorEngine]:
    """Make a collection of the tests' own, and drop it afterwards; touch no other."""
    engine = connected(*place)
    if not engine.ensure():
        pytest.fail(f"the collection {place[1]} exists already; it is left as it is")
    yield engine
    engine.drop()
    engine.close()


@pytest.fixture
def engine(made: VectorEngine) -> VectorEngine:
    emptied(made)
    return made


def stored(engine: VectorEngine, keys: Keys, seed: int = 0) -> np.ndarray[Any, Any]:
    """Store a random vector for each of the keys, and wait until all are seen."""
    vectors = unit(len(keys), seed)
    rows = row_ids(keys)
    engine.upsert(rows, vectors)
    assert eventually(engine, lambda: held_rows(engine) == sorted(rows.tolist()))
    return vectors


def test_a_collection_is_created_once(engine: VectorEngine) -> None:
    assert not engine.ensure()


@pytest.mark.usefixtures("engine")
def test_a_collection_of_vectors_of_another_length_is_refused(place: tuple[str, str]) -> None:
    if place[0].startswith("qdrant+local://"):
        pytest.skip("a second client in memory is another database")
    with (
        closing(connected(*place, dimension=DIMENSION + 1)) as other,
        pytest.raises(DimensionMismatch, match=f"length {DIMENSION + 1}.*length {DIMENSION}"),
    ):
        other.ensure()


def test_an_empty_collection_nominates_nothing(engine: VectorEngine) -> None:
    assert engine.count() == 0
    assert held_rows(engine) == []
    assert [len(each) for each in engine.nominate(unit(2), k=5)] == [0, 0]


def test_no_queries_get_no_nominations(engine: VectorEngine) -> None:
    assert len(engine.nominate(unit(0), k=5)) == 0


def test_nothing_can_be_stored_and_removed(engine: VectorEngine) -> None:
    engine.upsert(np.zeros(0, np.int64), unit(0))
    engine.remove(np.zeros(0, np.int64))
    assert engine.count() == 0


def test_vectors_sent_twice_are_stored_once(engine: VectorEngine) -> None:
    keys = np.arange(1, 41)
    vectors = stored(engine, keys)
    engine.upsert(row_ids(keys), vectors)
    assert eventually(engine, lambda: engine.count() == 40)
    assert held_rows(engine) == row_ids(keys).tolist()


def test_a_vector_replaces_the_one_of_the_same_row(engine: VectorEngine) -> None:
    keys = np.arange(1, 41)
    vectors = stored(engine, keys)
    rows = row_ids(keys)
    engine.upsert(rows[:1], -vectors[:1])
    assert eventually(engine, lambda: rows[0] not in engine.nominate(vectors[:1], k=20)[0])
    assert engine.nominate(-vectors[:1], k=1)[0].tolist() == [rows[0]]


def test_all_vectors_of_a_key_are_removed_together(engine: VectorEngine) -> None:
    keys = np.array([1, 2, 2, 2, 3])
    stored(engine, keys)
    engine.remove(np.array([2]))
    left = row_ids(keys)[[0, 4]].tolist()
    assert eventually(engine, lambda: held_rows(engine) == left)
    assert eventually(engine, lambda: engine.count() == 2)
    assert sorted(engine.nominate(unit(1), k=5)[0].tolist()) == left


def test_removing_what_is_not_there_changes_nothing(engine: VectorEngine) -> None:
    keys = np.array([1, 2, 3])
    stored(engine, keys)
    engine.remove(np.array([4, 70_000, 2**46]))
    engine.remove(np.array([3]))
    engine.remove(np.array([3]))
    assert eventually(engine, lambda: held_rows(engine) == row_ids(keys)[:2].tolist())


def test_what_was_removed_can_be_stored_again(engine: VectorEngine) -> None:
    keys = np.arange(1, 21)
    vectors = stored(engine, keys)
    engine.remove(keys)
    assert eventually(engine, lambda: engine.count() == 0)
    stored(engine, keys)
    assert [each.tolist() for each in engine.nominate(vectors, k=1)] == [
        [row] for row in row_ids(keys).tolist()
    ]


def test_the_nearest_are_nominated(engine: VectorEngine) -> None:
    keys = np.arange(1, 401)
    vectors = stored(engine, keys)
    queries = unit(30, seed=1)
    nearest = np.argsort(-queries @ vectors.T, axis=1)[:, :10] + 1
    nominated = engine.nominate(queries, k=10)
    assert all(len(set(each.tolist())) == 10 for each in nominated)
    found = [
        len(set(keys_of(got).tolist()) & set(wanted))
        for got, wanted in zip(nominated, nearest.tolist(), strict=True)
    ]
    assert sum(found) >= 0.95 * 300


def test_all_are_nominated_where_there_are_fewer_than_k(engine: VectorEngine) -> None:
    keys = np.arange(1, 31)
    stored(engine, keys)
    (nominated,) = engine.nominate(unit(1, seed=1), k=100)
    assert sorted(nominated.tolist()) == row_ids(keys).tolist()


def test_as_many_as_the_engine_says_can_be_asked_for(engine: VectorEngine) -> None:
    keys = np.arange(1, 31)
    stored(engine, keys)
    (nominated,) = engine.nominate(unit(1, seed=1), k=engine.capabilities.max_k)
    assert sorted(nominated.tolist()) == row_ids(keys).tolist()


def test_a_floor_leaves_out_nothing_above_it(engine: VectorEngine) -> None:
    keys = np.arange(1, 101)
    vectors = stored(engine, keys)
    queries = unit(10, seed=1)
    for query, nominated in zip(queries, engine.nominate(queries, k=100, floor=0.3), strict=True):
        near = row_ids(keys)[vectors @ query >= 0.3 + 1e-4]
        assert set(near.tolist()) <= set(nominated.tolist())
        if engine.capabilities.floor:
            far = row_ids(keys)[vectors @ query < 0.3 - 1e-4]
            assert not set(far.tolist()) & set(nominated.tolist())


def test_the_lowest_and_the_highest_rows_are_kept_apart(engine: VectorEngine) -> None:
    keys = np.array([0, 0, 1, 2**47 - 3, 2**47 - 2])
    rows = row_ids(keys)
    rows[-1] += 2**PLACES - 1
    vectors = unit(5)
    engine.upsert(rows, vectors)
    assert eventually(engine, lambda: held_rows(engine) == rows.tolist())
    assert [each.tolist() for each in engine.nominate(vectors, k=1)] == [[row] for row in rows]
    engine.remove(np.array([0, 2**47 - 2]))
    assert eventually(engine, lambda: held_rows(engine) == rows[2:4].tolist())


def test_rows_are_listed_in_order_from_any_row_on(engine: VectorEngine) -> None:
    keys = np.concatenate([np.arange(1, 400), np.full(30, 70_000)])
    stored(engine, keys)
    rows = row_ids(keys)
    assert engine.rows(-1, 7).tolist() == rows[:7].tolist()
    assert engine.rows(int(rows[6]), 250).tolist() == rows[7:257].tolist()
    assert engine.rows(int(rows[6]), 3).tolist() == rows[7:10].tolist()
    assert engine.rows(int(rows[100]) + 1, 3).tolist() == rows[101:104].tolist()
    assert engine.rows(int(rows[-2]), 10).tolist() == rows[-1:].tolist()
    assert engine.rows(int(rows[-1]), 10).tolist() == []


@pytest.mark.long
def test_thousands_are_stored_and_removed_at_once(engine: VectorEngine) -> None:
    keys = np.arange(1, 2501)
    stored(engine, keys)
    assert eventually(engine, lambda: engine.count() == 2500)
    engine.remove(keys[:2400])
    assert eventually(engine, lambda: held_rows(engine) == row_ids(keys[2400:]).tolist())


def test_a_collection_can_be_dropped_and_made_again(engine: VectorEngine) -> None:
    stored(engine, np.arange(1, 11))
    engine.drop()
    engine.drop()
    assert engine.ensure()
    assert eventually(engine, lambda: engine.count() == 0)
    assert held_rows(engine) == []


def test_pgvector_keeps_vectors_in_half_precision(postgres_url: str) -> None:
    name = unused_name()
    with postgres_database(postgres_url) as url:
        with closing(connected(url.replace("postgresql", "pgvector", 1), name)) as engine:
            engine.ensure()
        with psycopg.connect(url) as connection:
            held = connection.execute(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = to_regclass(%s) AND attname = 'embedding'",
                [name],
            ).fetchone()
    assert held == (f"halfvec({DIMENSION})",)
