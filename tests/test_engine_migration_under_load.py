"""A gallery is brought into Milvus and back under load, without a wrong verdict."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Final

import numpy as np
import pytest
from pydantic import SecretStr

from indexer.engines.engine_view import EngineView
from indexer.matching import Matcher, Query
from indexer.model import Encoder, load_encoder
from indexer.settings import Settings
from indexer.store import Arrival, Store
from indexer.types import SourceStamp, Verdict
from indexer.upkeep.engine_migration import drop_engine, migrate
from support.catalog import new_image
from support.commands import PHOTOS
from support.milvus_server import running_milvus
from support.shelf import Shelf

KNOWN: Final = ("crab.jpg", "hedgehog.jpg", "koala.jpg")  # entries of a bank
GALLERY: Final = 800  # further images, made up

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(str(tiny_model), "cpu")


@pytest.fixture
def shelf(store: Store, encoder: Encoder, tmp_path: Path) -> Shelf:
    shelf = Shelf(store, encoder, Settings(home=tmp_path, recall_target=0.9))
    for name in KNOWN:
        shelf.add((PHOTOS / name).read_bytes(), bank="known")
    put(shelf, range(GALLERY))
    shelf.matcher.catch_up()
    return shelf


@pytest.mark.parametrize("kind", ["milvus lite", "milvus"])
def test_a_gallery_is_migrated_and_back_under_load_without_a_wrong_verdict(
    shelf: Shelf, kind: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(engine_of(kind, tmp_path))
        load = stack.enter_context(loaded(shelf))
        load.answered(10)

        into = migrate(shelf.store, shelf.settings, url, lambda *_: None)
        beside = load.ask(matcher(shelf, url))
        load.answered(10)
        load.stop_first()  # the program of before is stopped when others have taken over
        back = migrate(shelf.store, with_engine(shelf, url), "local", lambda *_: None)
        load.ask(matcher(shelf, None))
        load.answered(10)
        load.stop()
        assert isinstance(beside.views.embeddings, EngineView)
        beside.views.embeddings.close()
        assert drop_engine(shelf.store, shelf.settings, url) == 1

    assert load.wrong == []
    assert min(load.counts) >= 10
    assert (into.source, back.target) == ("local", "local")
    assert into.vectors >= GALLERY
    assert into.completeness is not None
    assert into.completeness.recall is not None
    assert into.completeness.recall >= 0.9  # images arrive while it is measured


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[str]:
    if kind == "milvus lite":
        yield f"milvus+local://{folder}/milvus.db"
    else:
        (folder / "milvus").mkdir()
        with running_milvus(folder / "milvus") as server:
            yield server.url


def with_engine(shelf: Shelf, url: str | None) -> Settings:
    return shelf.settings.model_copy(update={"vectors": SecretStr(url) if url else None})


def matcher(shelf: Shelf, url: str | None) -> Matcher:
    """Make the matcher of a program that was started with this setting."""
    made = Matcher(shelf.store, shelf.encoder, shelf.space, with_engine(shelf, url))
    made.catch_up()
    return made


def put(shelf: Shelf, seeds: range) -> list[int]:
    """Add made-up images; return their ids."""
    arrivals = []
    for seed in seeds:
        vector = np.random.default_rng(seed).standard_normal(shelf.space.dimension)
        embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
        image = replace(
            new_image(1000 + seed),
            embedding=embedding,
            probabilities=np.full(len(shelf.space.labels), 0.5, np.float32),
        )
        arrivals.append((image, Arrival(SourceStamp(f"/made/{seed}.jpg", seed, "1"))))
    with shelf.store.writer() as writer:
        writer.images.add(arrivals, shelf.space.id)
        known = writer.images.ids_by_sha256([image.sha256 for image, _ in arrivals])
    return list(known.values())


def bank_part(verdict: Verdict) -> list[tuple[object, ...]]:
    """Return what a verdict says of banks."""
    return [
        (each.bank, each.entry_id, each.tier, each.decided_by)
        for each in verdict.matches
        if each.bank
    ]


class Load:
    """Programs that ask, each its own matcher, and one that adds and removes images."""

    def __init__(self, shelf: Shelf) -> None:
        self.wrong: list[object] = []
        self.counts: list[int] = []
        self._shelf = shelf
        self._stops: list[Event] = []
        self._threads: list[Thread] = []
        queries = [(PHOTOS / name).read_bytes() for name in (*KNOWN, "coffee.jpg")]
        self._queries = [Query.picture(data, "query") for data in queries]
        self._expected = [bank_part(shelf.matcher.answer(each)) for each in self._queries]
        assert [len(each) for each in self._expected] == [1, 1, 1, 0]

    def ask(self, asked: Matcher) -> Matcher:
        """Have one more program ask again and again."""
        number, stop = len(self.counts), Event()
        self.counts.append(0)

        def run() -> None:
            while not stop.is_set():
                asked.catch_up()
                for query, expected in zip(self._queries, self._expected, strict=True):
                    if (said := bank_part(asked.answer(query))) != expected:
                        self.wrong.append((number, expected, said))
                self.counts[number] += 1
                stop.wait(0.1)  # leave the engine some of the processor

        self._start(run, stop)
        return asked

    def change(self) -> None:
        """Add and remove images until the end."""
        stop = Event()

        def run() -> None:
            seed = 10_000
            while not stop.wait(0.5):
                added = put(self._shelf, range(seed, seed + 3))
                with self._shelf.store.writer() as writer:
                    writer.images.remove(added[:2])
                seed += 3

        self._start(run, stop)

    def answered(self, more: int) -> None:
        """Wait until every program that runs has gone that many times through all queries."""
        wanted = [count + more for count in self.counts]
        for number, count in enumerate(wanted):
            stop, thread = self._stops[number + 1], self._threads[number + 1]
            while self.counts[number] < count and not stop.wait(0.05):
                assert thread.is_alive(), "a program has ended"

    def stop_first(self) -> None:
        """Stop the program that asked first."""
        self._stops[1].set()
        self._threads[1].join()

    def stop(self) -> None:
        for each in self._stops:
            each.set()
        for each in self._threads:
            each.join()

    def _start(self, run: Callable[[], None], stop: Event) -> None:
        def noted() -> None:
            try:
                run()
            except Exception as error:
                self.wrong.append(error)
                raise

        thread = Thread(target=noted)
        self._stops.append(stop)
        self._threads.append(thread)
        thread.start()


@contextmanager
def loaded(shelf: Shelf) -> Iterator[Load]:
    """Ask and change an index during the block."""
    load = Load(shelf)
    try:
        load.change()
        load.ask(shelf.matcher)
        yield load
    finally:
        load.stop()
