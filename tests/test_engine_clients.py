"""Milvus, Weaviate and Pinecone: addresses, secrets, limits of requests, and what goes wrong."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from indexer.engines import Collection, VectorEngine, connect_engine, parse_engine_address
from indexer.engines.base import row_ids
from indexer.errors import EngineUnavailable, SettingsError
from support.engine_rows import EngineRows
from support.engines import connected, engine_url, held_rows, unit, unused_name

NOWHERE = "127.0.0.1:9"  # the discard service, which nobody runs
STAND_INS = ["weaviate", "pinecone"]


@pytest.fixture(params=STAND_INS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a kind that has a stand-in; its changes wait for a third of a second."""
    kind: str = request.param
    monkeypatch.setattr(f"indexer.engines.{kind}.PATIENCE", 0.3)
    return kind


@contextmanager
def running(kind: str, rows: EngineRows, folder: Path) -> Iterator[VectorEngine]:
    """Run a stand-in, and an engine that speaks to it."""
    with (
        engine_url(kind, folder, rows) as url,
        closing(connected(url, unused_name())) as engine,
    ):
        assert engine.ensure()
        yield engine


@pytest.mark.parametrize(
    "url",
    [
        f"milvus://root:hunter2@{NOWHERE}",
        f"weaviate://:hunter2@{NOWHERE}",
        pytest.param(f"pinecone://:hunter2@{NOWHERE}", marks=pytest.mark.long),  # it tries 4 times
    ],
)
def test_an_engine_that_is_away_is_named_without_its_secret(url: str) -> None:
    with closing(connected(url, unused_name(), timeout=0.5)) as engine:
        began = monotonic()
        with pytest.raises(EngineUnavailable, match=NOWHERE) as caught:
            engine.nominate(unit(1), k=1)
        assert monotonic() - began < 15
    assert "hunter2" not in str(caught.value)


def test_an_invalid_api_key_is_reported_and_not_shown(kind: str, tmp_path: Path) -> None:
    rows = EngineRows()
    with running(kind, rows, tmp_path) as engine:
        rows.api_key = "another"
        with pytest.raises(EngineUnavailable, match="invalid api key") as caught:
            engine.count()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "variable"), [("weaviate", "WEAVIATE_API_KEY"), ("pinecone", "PINECONE_API_KEY")]
)
def test_the_api_key_is_taken_from_the_environment(
    scheme: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "of-the-environment")
    rows = EngineRows()
    rows.api_key = "of-the-environment"
    with (
        engine_url(scheme, tmp_path, rows) as url,
        closing(connected(url.replace(":secret@", ""), unused_name())) as engine,
    ):
        assert engine.ensure()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("milvus://", "needs a host"),
        ("milvus://host?index=hnsw", "no option 'index'"),
        ("milvus://user:hunter2@host?tls=false", "only sent with TLS"),
        ("milvus+local:///folder", "a file *.db"),
        ("weaviate://", "needs a host"),
        ("weaviate://:hunter2@host?tls=false", "only sent with TLS"),
        ("weaviate://host?grpc_port=none", "whole number"),
        ("pinecone://", "PINECONE_API_KEY"),
        ("pinecone://:hunter2@host?tls=false", "only sent with TLS"),
    ],
)
def test_an_incomplete_address_is_refused_before_anything_is_connected(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PINECONE_API_KEY", raising=False)
    with pytest.raises(SettingsError) as caught:
        connect_engine(parse_engine_address(url), Collection("name", 16, 1.0))
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.long
def test_a_change_whose_answer_is_lost_can_be_sent_again(kind: str, tmp_path: Path) -> None:
    rows, keys = EngineRows(), row_ids(np.arange(1, 6))
    with running(kind, rows, tmp_path) as engine:
        rows.lose_answers(count=4)
        with pytest.raises(EngineUnavailable):
            engine.upsert(keys, unit(5))
        rows.release()
        assert held_rows(engine) == keys.tolist()
        engine.upsert(keys, unit(5))
        assert held_rows(engine) == keys.tolist()
        rows.lose_answers(count=4)
        with pytest.raises(EngineUnavailable):
            engine.remove(np.array([1]))
        rows.release()
        engine.remove(np.array([1]))
        assert held_rows(engine) == keys[1:].tolist()


def test_a_change_that_is_applied_twice_is_the_same_as_once(kind: str, tmp_path: Path) -> None:
    rows, keys = EngineRows(), row_ids(np.array([1, 2, 2, 3]))
    with running(kind, rows, tmp_path) as engine:
        rows.repeats = True
        engine.upsert(keys, unit(4))
        engine.remove(np.array([2]))
        assert held_rows(engine) == [keys[0], keys[3]]
        assert engine.count() == 2


def test_vectors_that_the_engine_refuses_are_an_error(kind: str, tmp_path: Path) -> None:
    rows = EngineRows()
    with running(kind, rows, tmp_path) as engine:
        engine.upsert(row_ids(np.array([1])), unit(1))
        with pytest.raises(EngineUnavailable, match="dimension 7"):
            engine.upsert(row_ids(np.array([2])), unit(1)[:, :7])
        assert held_rows(engine) == row_ids(np.array([1])).tolist()


def test_pinecone_is_sent_no_request_above_two_megabytes(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 768)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with (
        engine_url("pinecone", tmp_path) as url,
        closing(connected(url, unused_name(), dimension=768)) as engine,
    ):
        assert engine.ensure()
        engine.upsert(row_ids(np.arange(500)), vectors)
        assert engine.count() == 500


def test_pinecone_shows_what_was_written_later(tmp_path: Path) -> None:
    rows, keys = EngineRows(), row_ids(np.array([1, 2]))
    with running("pinecone", rows, tmp_path) as engine:
        with rows.lagging():
            engine.upsert(keys, unit(2))
            assert engine.count() == 0
        assert engine.count() == 2
        assert not engine.capabilities.read_after_write
