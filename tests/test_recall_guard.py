"""Recall in production: canaries that every refresh must find, and shadow queries."""

from pathlib import Path
from random import Random
from typing import cast

import numpy as np
import pytest

from indexer.matching import Query, SearchOptions
from indexer.matching.recall_guard import RecallGuard
from indexer.matching.shadow_queries import ShadowQueries, ShadowResult
from indexer.model import Encoder, load_encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import EXACT, Space, Vectors
from indexer.vector_views import Views, open_views
from indexer.vectors import VectorView
from indexer.vectors.canaries import PLANTED, Canaries
from indexer.vectors.faiss_index import FloatIndex
from search_api.jobs.shadow_query_job import ShadowQueryJob
from support.catalog import add, bind
from support.commands import PHOTOS
from support.lossy import MEASURED, LossyIndex
from support.shelf import Shelf

IMAGES = range(40)


def caught_up(store: Store, space: Space, tmp_path: Path) -> Views:
    views = open_views(store, space, Settings(home=tmp_path))
    for view in views:
        view.catch_up()
    return views


@pytest.fixture
def space(store: Store) -> Space:
    space = bind(store)
    add(store, space, *IMAGES)
    return space


@pytest.fixture
def views(store: Store, space: Space, tmp_path: Path) -> Views:
    return caught_up(store, space, tmp_path)


def lose(view: VectorView, *keys: int) -> None:
    view.index = LossyIndex.like(cast("FloatIndex", view.index), keys)


def planted(view: VectorView) -> list[int]:
    canaries = Canaries(view.feed)
    canaries.count_missed(view.index)
    keys: list[int] = canaries.keys.tolist()
    return keys


def store_vector(view: VectorView, key: int) -> Vectors:
    return view.index.reconstruct(np.array([key]))[1]


# --- canaries ------------------------------------------------------------------------------------


def test_every_process_plants_the_same_canaries_whatever_was_added_since(
    store: Store, space: Space, views: Views, tmp_path: Path
) -> None:
    before = planted(views.embeddings)
    add(store, space, 40)

    after = planted(caught_up(store, space, tmp_path / "another").embeddings)

    assert len(before) == PLANTED
    assert len(set(before) & set(after)) >= PLANTED - 1


def test_what_an_index_loses_is_missed(views: Views) -> None:
    view, canaries = views.embeddings, Canaries(views.embeddings.feed)
    assert canaries.count_missed(view.index) == 0

    lose(view, *planted(view)[:3])

    assert canaries.count_missed(view.index) == 3


def test_a_removed_canary_is_not_missed(store: Store, views: Views) -> None:
    view, canaries = views.embeddings, Canaries(views.embeddings.feed)
    canaries.count_missed(view.index)
    with store.writer() as writer:
        writer.images.remove(planted(view)[:2])
    view.catch_up()

    assert canaries.count_missed(view.index) == 0
    assert len(canaries) == PLANTED - 2


def test_canaries_are_planted_anew_when_half_are_gone(store: Store, views: Views) -> None:
    view, canaries = views.embeddings, Canaries(views.embeddings.feed)
    canaries.count_missed(view.index)
    with store.writer() as writer:
        writer.images.remove(planted(view)[:10])
    view.catch_up()

    assert canaries.count_missed(view.index) == 0
    assert len(canaries) == PLANTED


def test_copies_that_crowd_a_canary_out_do_not_count_as_a_miss(views: Views) -> None:
    view, canaries = views.embeddings, Canaries(views.embeddings.feed)
    canaries.count_missed(view.index)
    key = planted(view)[0]
    lose(view, key)
    assert canaries.count_missed(view.index) == 1

    view.index.add(np.arange(100, 110), np.tile(store_vector(view, key), (10, 1)))

    assert canaries.count_missed(view.index) == 0


def test_a_view_that_misses_a_canary_is_searched_exactly_until_it_finds_all(
    views: Views, store: Store, space: Space
) -> None:
    guard, view = RecallGuard(views), views.embeddings
    lost = planted(view)[0]
    lose(view, lost)
    query = store_vector(view, lost)

    guard.check()
    hits, completeness = guard.search(view, query, 1)

    assert guard.missed == {"embedding": 1, "pdq": 0}
    assert "does not find 1 of 16 planted vectors" in guard.warnings[0]
    assert (hits.keys[0, 0], completeness) == (lost, EXACT)

    lose(view)  # nothing any more
    add(store, space, 41)
    view.catch_up()
    guard.check()

    assert guard.missed["embedding"] == 0
    assert guard.warnings == []
    assert guard.search(view, query, 1)[1] == MEASURED


def test_an_exact_view_is_not_asked_for_canaries(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = RecallGuard(views)
    monkeypatch.delattr(FloatIndex, "search")

    guard.check()

    assert guard.missed == {"embedding": 0, "pdq": 0}


# --- shadow queries ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(str(tiny_model), "cpu")


@pytest.fixture
def shelf(store: Store, encoder: Encoder, tmp_path: Path) -> Shelf:
    shelf = Shelf(store, encoder, Settings(home=tmp_path))
    for name in ("crab.jpg", "hedgehog.jpg", "bee.jpg"):
        shelf.add((PHOTOS / name).read_bytes())
    return shelf


def drawn(shelf: Shelf, share: float = 1) -> tuple[ShadowQueries, list[ShadowResult]]:
    results: list[ShadowResult] = []
    queries = ShadowQueries(shelf.store, shelf.matcher, share, results.append, Random(7))
    queries.begin()
    return queries, results


def ask_all(queries: ShadowQueries) -> None:
    while queries.ask_next():
        pass


def test_a_miss_of_a_live_search_is_found_out(shelf: Shelf) -> None:
    lose(shelf.matcher.views.embeddings, 2)
    queries, results = drawn(shelf)
    shelf.matcher.matches(Query.stored_image(2))

    ask_all(queries)

    (result,) = results
    assert result == ShadowResult("embedding", "missed", 1, 2 / 3)


def test_recall_is_that_of_all_shadow_queries_together(shelf: Shelf) -> None:
    lose(shelf.matcher.views.embeddings, 2)
    queries, results = drawn(shelf)
    for image in (1, 2, 3):
        shelf.matcher.matches(Query.stored_image(image))
    lose(shelf.matcher.views.embeddings)
    shelf.matcher.matches(Query.stored_image(1))

    ask_all(queries)

    assert [result.outcome for result in results] == ["complete"] * 4
    lose(shelf.matcher.views.embeddings, 1, 2)
    shelf.matcher.matches(Query.stored_image(1))
    ask_all(queries)
    assert results[-1].recall == pytest.approx(13 / 15)


def test_an_exact_search_draws_no_shadow_query(shelf: Shelf) -> None:
    queries, results = drawn(shelf)
    shelf.matcher.matches(Query.stored_image(1))
    lose(shelf.matcher.views.embeddings)
    shelf.matcher.matches(Query.stored_image(1), SearchOptions(exact=True))

    assert not queries.ask_next()
    assert results == []


def test_without_a_share_nothing_is_drawn(shelf: Shelf) -> None:
    lose(shelf.matcher.views.embeddings)
    queries, _ = drawn(shelf, share=0)
    shelf.matcher.matches(Query.stored_image(1))

    assert len(queries) == 0


def test_queries_beyond_the_queue_are_dropped(shelf: Shelf) -> None:
    lose(shelf.matcher.views.embeddings)
    queries, results = drawn(shelf)
    for _ in range(40):
        queries.observe(shelf.matcher.views.embeddings, np.zeros((1, 8), np.float32))

    assert len(queries) == 32
    assert [result.outcome for result in results] == ["dropped"] * 8


def test_shadow_queries_wait_while_a_request_is_processed(shelf: Shelf) -> None:
    lose(shelf.matcher.views.embeddings)
    queries, results = drawn(shelf)
    for image in (1, 2):
        shelf.matcher.matches(Query.stored_image(image))
    turns = iter([False, True, False, True, True])

    job = ShadowQueryJob(queries, lambda: next(turns))
    for expected in (0, 1, 2):
        assert job.attempt()
        assert len(results) == expected


def test_a_change_while_it_is_asked_is_not_taken_for_a_miss(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = shelf.matcher.views.embeddings
    lose(view, 2)
    queries, results = drawn(shelf)
    shelf.matcher.matches(Query.stored_image(1))
    inner = view.index.search

    def search(*arguments: object, exact: bool = False) -> object:
        if exact:
            shelf.add((PHOTOS / "koala.jpg").read_bytes())
        return inner(*arguments, exact=exact)  # type: ignore[arg-type]

    monkeypatch.setattr(view.index, "search", search)
    ask_all(queries)

    assert [result.outcome for result in results] == ["changed"]
