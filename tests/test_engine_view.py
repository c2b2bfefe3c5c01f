"""A gallery in an engine is searched as one in memory is, whatever befalls the engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from indexer.engines import EngineAddress, known_schemes, parse_engine_address
from indexer.engines.base import Rows, keys_of, row_ids
from indexer.engines.engine_choice import choose_engine, open_engine_view
from indexer.engines.engine_schemes import connect_engine
from indexer.engines.engine_view import EngineView
from indexer.errors import EngineMismatch, EngineUnavailable, SettingsError
from indexer.matching.recall_guard import RecallGuard
from indexer.settings import Settings
from indexer.store import EmbeddingFeed, Store
from indexer.types import (
    BankKind,
    Completeness,
    CompletenessKind,
    Embeddings,
    EngineState,
    Space,
)
from indexer.vector_views import open_views
from indexer.vectors import KeySet, SimilarityHits, SimilarityRangeHits
from indexer.vectors.faiss_index import FloatIndex
from support.catalog import DIMENSION, add, bind
from support.numpy_engine import NumpyEngine

ADDRESS = parse_engine_address("qdrant://:secret@vectors.example:6333")


@dataclass
class Gallery:
    """An index whose embeddings are in an engine."""

    store: Store
    space: Space
    engine: NumpyEngine

    def open(self, address: EngineAddress = ADDRESS) -> EngineView:
        with patch("indexer.engines.engine_choice.connect_engine", lambda *_: self.engine):
            return open_engine_view(self.store, self.space, Settings(), address)

    def truth(self) -> FloatIndex:
        """Make an index in memory of what the log has."""
        index = FloatIndex(DIMENSION)
        changes = EmbeddingFeed(self.store, self.space.id).read(0, 10_000)
        index.add(changes.keys, changes.vectors)
        return index


@pytest.fixture
def gallery(store: Store) -> Gallery:
    return Gallery(store, bind(store), NumpyEngine())


def bank(store: Store) -> int:
    with store.writer() as writer:
        return writer.banks.create("unsafe", BankKind.BLOCK).id


def queries(count: int, seed: int = 99) -> Embeddings:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return cast("Embeddings", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def assert_same(found: SimilarityHits, expected: SimilarityHits) -> None:
    assert_array_equal(found.keys, expected.keys)
    assert_allclose(found.similarities, expected.similarities, atol=1e-6)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Have no failure remembered, and nobody waited for."""
    with (
        patch("indexer.engines.circuit_breaker._FIRST", 0.0),
        patch("indexer.engines.circuit_breaker._LONGEST", 0.0),
        patch("indexer.engines.engine_view.PATIENCE", 0.0),
        patch("indexer.engines.engine_feeder.PATIENCE", 0.0),
    ):
        yield


@pytest.mark.postgres
def test_the_gallery_is_searched_as_in_memory(gallery: Gallery) -> None:
    ids = add(gallery.store, gallery.space, *range(40), frames=2, tiles=1)
    view = gallery.open()
    view.catch_up()
    asked, truth = queries(5), gallery.truth()
    some = KeySet(ids[::3])

    for k in (1, 7, 100):
        assert_same(view.index.search(asked, k), truth.search(asked, k))
        assert_same(view.index.search(asked, k, some), truth.search(asked, k, some))
        assert_same(view.index.search(asked, k, exact=True), truth.search(asked, k))
    for exact in (False, True):
        near = view.index.range_search(asked, 0.3, exact=exact)
        expected = truth.range_search(asked, 0.3)
        assert_array_equal(near.offsets, expected.offsets)
        assert_array_equal(near.keys, expected.keys)
    assert len(view.index) == len(truth) == 160
    assert_array_equal(view.index.keys(), truth.keys())
    for mine, theirs in zip(
        view.index.reconstruct(ids[3:5]), truth.reconstruct(ids[3:5]), strict=True
    ):
        assert_array_equal(mine, theirs)
    assert view.check_index() == []


def test_a_range_search_asks_for_more_until_it_has_passed_the_threshold(gallery: Gallery) -> None:
    add(gallery.store, gallery.space, *range(60))
    view = gallery.open()
    view.catch_up()
    with patch("indexer.engines.engine_index._RANGE", 2):
        near = view.index.range_search(queries(3), -0.2)

    expected = gallery.truth().range_search(queries(3), -0.2)
    assert_array_equal(near.keys, expected.keys)
    assert gallery.engine.searches > 1


@pytest.mark.postgres
def test_changes_reach_the_engine_once_they_are_committed(gallery: Gallery) -> None:
    first = add(gallery.store, gallery.space, 1, 2, 3)
    view, other = gallery.open(), gallery.open()
    view.catch_up()
    later = add(gallery.store, gallery.space, 4)
    with gallery.store.writer() as writer:
        writer.images.remove(first[:1])
        writer.images.purge(first[1:2])

    assert view.lag() > 0
    assert view.catch_up() > 0

    assert view.lag() == 0
    assert gallery.engine.keys() == [first[2], *later]
    assert other.catch_up() == view.watermark  # it reads how far the first one came
    assert len(other.index) == 2


@pytest.mark.postgres
def test_only_one_program_sends_and_the_others_wait_for_it(gallery: Gallery) -> None:
    add(gallery.store, gallery.space, 1)
    view = gallery.open()
    with gallery.store.feeding(view.address) as free, no_waiting():
        assert free
        view.catch_up()

    assert (view.watermark, gallery.engine.upserts) == (0, [])
    view.catch_up()
    assert view.lag() == 0


def test_a_batch_whose_acknowledgement_got_lost_is_sent_twice_and_changes_nothing(
    gallery: Gallery,
) -> None:
    add(gallery.store, gallery.space, *range(5), frames=1)
    gallery.engine.fails_after_upserts = 1
    with no_waiting():
        view = gallery.open()
        view.catch_up()
        assert view.watermark == 0
        assert view.outage is not None

        view.catch_up()

    assert view.outage is None
    assert len(gallery.engine.upserts) == 2
    assert gallery.engine.upserts[0] == gallery.engine.upserts[1]
    assert view.check_index() == []


def test_banks_are_searched_while_the_engine_is_down_and_nothing_is_lost(gallery: Gallery) -> None:
    known = add(gallery.store, gallery.space, *range(8), bank_id=bank(gallery.store))
    add(gallery.store, gallery.space, 20, 21)
    gallery.engine.is_down = True
    within = KeySet(known)
    with no_waiting():
        view = gallery.open()
        view.catch_up()

        found = view.index.search(queries(4), 3, within, exact=True)
        assert_same(found, gallery.truth().search(queries(4), 3, within))
        with pytest.raises(EngineUnavailable):
            view.index.search(queries(4), 3)
        with pytest.raises(EngineUnavailable):
            view.require_current()

        gallery.engine.is_down = False
        view.catch_up()

    view.require_current()
    assert_same(view.index.search(queries(4), 3), gallery.truth().search(queries(4), 3))


def test_an_answer_says_that_the_gallery_was_not_searched(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add(gallery.store, gallery.space, 1)
    gallery.open()
    with patch("indexer.engines.engine_choice.connect_engine", lambda *_: gallery.engine):
        settings = set_to(monkeypatch, URL).model_copy(update={"home": tmp_path})
        guard = RecallGuard(open_views(gallery.store, gallery.space, settings))
    view = guard.views.embeddings
    view.catch_up()
    assert guard.search(view, queries(1), 1)[1].kind is CompletenessKind.UNMEASURED

    gallery.engine.is_down = True
    hits, completeness = guard.search(view, queries(1), 2)

    assert completeness.kind is CompletenessKind.UNSEARCHED
    assert hits.keys.tolist() == [[-1, -1]]


def test_a_search_does_not_wait_for_an_engine_that_was_down_a_moment_ago(gallery: Gallery) -> None:
    add(gallery.store, gallery.space, 1)
    view = gallery.open()
    view.catch_up()
    gallery.engine.is_down = True
    for _ in range(3):
        with pytest.raises(EngineUnavailable):
            view.index.search(queries(1), 3)

    assert gallery.engine.searches == 1


def test_an_engine_that_lost_everything_is_filled_again(gallery: Gallery) -> None:
    add(gallery.store, gallery.space, *range(5))
    gallery.open().catch_up()
    gallery.engine.held = None  # as after a restart without its disk

    view = gallery.open()
    view.catch_up()

    assert len(gallery.engine.keys()) == 5
    assert view.check_index() == []


def test_rows_that_the_log_does_not_have_are_never_hits(gallery: Gallery) -> None:
    ids = add(gallery.store, gallery.space, *range(6))
    view = gallery.open()
    view.catch_up()
    assert gallery.engine.held is not None
    with gallery.store.writer() as writer:
        writer.images.remove(ids[:2])
    view.catch_up()
    gallery.engine.held[ids[0] << 16] = queries(1)[0]  # back from the dead
    gallery.engine.held[77 << 16] = queries(1)[0]  # of no image
    gallery.engine.held[ids[3] << 16] = queries(1)[0]  # of another vector than it says

    hits = view.index.search(queries(1), 6)
    assert_same(hits, gallery.truth().search(queries(1), 6))
    (problem,) = view.check_index()
    assert "holds 2 vectors of 2 images that the log does not" in problem

    view.mend()

    assert view.check_index() == []


def test_rows_with_wrong_vectors_are_sent_again(gallery: Gallery) -> None:
    ids = add(gallery.store, gallery.space, *range(60))
    view = gallery.open()
    view.catch_up()
    assert gallery.engine.held is not None
    for image_id in ids:
        gallery.engine.held[image_id << 16] = queries(1)[0]

    (problem,) = view.check_index()
    assert "does not find 44 of 60 sampled images by their own vectors" in problem
    view.mend()
    assert view.check_index() == []


def test_what_an_engine_lacks_is_found_and_sent_again(gallery: Gallery) -> None:
    ids = add(gallery.store, gallery.space, *range(6), frames=1)
    view = gallery.open()
    view.catch_up()
    assert gallery.engine.held is not None
    del gallery.engine.held[(ids[2] << 16) + 1]

    assert f"lacks 1 vectors of 1 images, the first is {ids[2]}" in view.check_index()[0]
    view.mend()
    assert view.check_index() == []
    gallery.engine.held = {}
    view.rebuild()
    assert view.check_index() == []


def test_a_purge_fails_while_the_engine_still_holds_the_image(gallery: Gallery) -> None:
    ids = add(gallery.store, gallery.space, 1, 2)
    view = gallery.open()
    view.catch_up()
    with gallery.store.writer() as writer:
        writer.images.purge(ids[:1])
    with (
        no_waiting(),
        patch("indexer.engines.engine_index._VISIBLE", 0.0),
        patch.object(gallery.engine, "remove"),
    ):
        view.catch_up()
        with pytest.raises(EngineUnavailable, match=f"1 purged images, the first is {ids[0]}"):
            view.require_current()


def test_the_recall_that_was_measured_is_what_searches_say(gallery: Gallery) -> None:
    add(gallery.store, gallery.space, 1)
    view, other = gallery.open(), gallery.open()
    view.catch_up()
    assert view.index.completeness == Completeness(CompletenessKind.UNMEASURED)

    view.note_recall(Completeness.measured(0.99, 500))
    other.catch_up()

    assert view.index.completeness == other.index.completeness == Completeness.measured(0.99, 500)


class Liar(NumpyEngine):
    """An engine that may answer anything."""

    def __init__(self, answers: list[int] | None) -> None:
        super().__init__()
        self.answers = answers

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:  # noqa: ARG002
        if self.answers is None:
            raise EngineUnavailable("The engine is down.")
        return [np.array(self.answers[:k], np.int64) for _ in queries]


@given(
    st.none() | st.lists(st.integers(0, 2**40), max_size=20),
    st.sets(st.integers(0, 11), min_size=1),
    st.sets(st.integers(0, 11)),
    st.integers(1, 20),
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_engine_changes_what_a_bank_finds(
    gallery: Gallery,
    answers: list[int] | None,
    members: set[int],
    again: set[int],
    k: int,
) -> None:
    ids = add(gallery.store, gallery.space, *range(12), frames=1)
    gallery.engine = Liar(answers)
    view = gallery.open()
    view.catch_up()
    truth = gallery.truth()

    for chosen in (members, again | members):
        within = KeySet([ids[place] for place in chosen])
        found = view.index.search(queries(3), k, within, exact=True)
        assert_same(found, truth.search(queries(3), k, within))
        near = view.index.range_search(queries(3), 0.1, within, exact=True)
        expected = cast("SimilarityRangeHits", truth.range_search(queries(3), 0.1, within))
        assert_array_equal(near.keys, expected.keys)


def test_vectors_of_banks_follow_the_catalog(gallery: Gallery) -> None:
    unsafe = bank(gallery.store)
    ids = add(gallery.store, gallery.space, 1, 2, bank_id=unsafe)
    view, within = gallery.open(), KeySet(ids)
    view.catch_up()
    with gallery.store.writer() as writer:
        writer.images.remove(ids[:1])
    view.catch_up()
    assert view.index.search(queries(1), 5, within, exact=True).keys.tolist() == [
        [ids[1], -1, -1, -1, -1]
    ]

    add(gallery.store, gallery.space, 1, bank_id=unsafe)
    view.catch_up()

    found = view.index.search(queries(1), 2, within, exact=True)
    assert_same(found, gallery.truth().search(queries(1), 2, within))


# The choice of an engine


def set_to(monkeypatch: pytest.MonkeyPatch, url: str | None) -> Settings:
    if url is None:
        monkeypatch.delenv("LOOKALIKE_VECTORS", raising=False)
    else:
        monkeypatch.setenv("LOOKALIKE_VECTORS", url)
    return Settings()


URL = "qdrant://:secret@vectors.example:6333"


@pytest.mark.postgres
def test_an_index_without_images_takes_the_engine_of_the_settings(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_engine(gallery.store, set_to(monkeypatch, None)) is None
    chosen = choose_engine(gallery.store, set_to(monkeypatch, URL))
    assert str(chosen) == "qdrant://vectors.example:6333"
    gallery.open()
    add(gallery.store, gallery.space, 1)

    assert choose_engine(gallery.store, set_to(monkeypatch, URL)) is not None
    with pytest.raises(EngineMismatch, match="searches its gallery in qdrant://vectors"):
        choose_engine(gallery.store, set_to(monkeypatch, None))
    with pytest.raises(EngineMismatch, match="is qdrant://elsewhere"):
        choose_engine(gallery.store, set_to(monkeypatch, "qdrant://elsewhere"))


def test_an_index_with_images_does_not_change_its_engine_by_itself(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery.store, gallery.space, 1)
    with pytest.raises(EngineMismatch, match="index migrate --to URL") as caught:
        choose_engine(gallery.store, set_to(monkeypatch, URL))
    assert "secret" not in str(caught.value)


def test_the_engine_of_before_may_be_used_until_it_is_dropped(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.open()
    add(gallery.store, gallery.space, 1)
    with gallery.store.writer() as writer:
        writer.engines.join("pgvector://db", "c", EngineState.JOINING)
        writer.engines.activate("pgvector://db")

    assert choose_engine(gallery.store, set_to(monkeypatch, URL)) is not None
    assert choose_engine(gallery.store, set_to(monkeypatch, "pgvector://db")) is not None
    with gallery.store.writer() as writer:
        for position in writer.engines.all():
            if position.state is EngineState.FORMER:
                writer.engines.forget(position.address, position.collection)
    with pytest.raises(EngineMismatch):
        choose_engine(gallery.store, set_to(monkeypatch, URL))


# URLs of engines


def test_a_url_is_shown_without_its_credentials() -> None:
    address = parse_engine_address("qdrant://me:p%40ss@host:1234/prefix?api_key=hidden")

    assert (address.user, address.password) == ("me", "p@ss")
    for shown in (str(address), repr(address)):
        assert not any(secret in shown for secret in ("me:", "p@ss", "p%40ss", "hidden"))
    assert str(address) == "qdrant://host:1234/prefix"
    assert str(parse_engine_address("pgvector:///db?host=/tmp/pg")) == "pgvector://%2Ftmp%2Fpg/db"


@pytest.mark.parametrize("url", ["vectors:6333", "milvus", "qdrant://h:port", "qdrant://h?a=1&a=2"])
def test_a_url_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="LOOKALIKE_VECTORS") as caught:
        parse_engine_address(url)
    assert url not in str(caught.value)


def test_an_unknown_scheme_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"no vector engine nothing://. Known: .*qdrant://"):
        connect_engine(parse_engine_address("nothing://host"), None)  # type: ignore[arg-type]
    assert {"pgvector", "qdrant"} <= set(known_schemes())


def test_a_missing_client_library_is_named_with_its_extra() -> None:
    with (
        patch.dict("sys.modules", {"qdrant_client": None, "indexer.engines.qdrant": None}),
        pytest.raises(SettingsError, match=r"pip install 'lookalike\[qdrant\]'"),
    ):
        connect_engine(parse_engine_address("qdrant+local://"), None)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 2**46), min_size=1, max_size=30))
def test_row_ids_name_each_vector_of_a_key_in_order(keys: list[int]) -> None:
    ordered = np.sort(np.array(keys, np.int64))
    rows = row_ids(ordered)

    assert_array_equal(keys_of(rows), ordered)
    assert len(np.unique(rows)) == len(rows)
    assert (np.diff(rows) > 0).all()
