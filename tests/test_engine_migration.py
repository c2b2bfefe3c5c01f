"""A gallery moves into a vector engine and back while it is searched, and no verdict is wrong."""

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
import pytest

from indexer.engines.base import Collection
from indexer.engines.engine_address import parse_engine_address
from indexer.engines.engine_choice import open_engine_view
from indexer.engines.pgvector import PgvectorEngine
from indexer.errors import EngineMismatch, EngineUnavailable, NotFoundError, RecallTooLow
from indexer.settings import Settings
from indexer.store import LOCAL, Store
from indexer.types import BankKind, Completeness, CompletenessKind, EngineState
from indexer.upkeep.engine_migration import drop_engine, migrate, plan_migration
from indexer.upkeep.repair import repair
from indexer.vector_views import open_local_embeddings
from indexer.vectors import KeySet
from support.catalog import add, bind, new_image
from support.commands import PHOTOS, Index
from support.numpy_engine import NumpyEngine
from support.postgres import postgres_database

URL = "qdrant://:secret@vectors.example:6333"
ADDRESS = "qdrant://vectors.example:6333"


PHOTO_FILES = sorted(PHOTOS.rglob("*.jpg"))
KNOWN, GALLERY = PHOTO_FILES[:5], PHOTO_FILES[5:15]


def ignore(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def engine() -> Iterator[NumpyEngine]:
    """Give what every URL connects to."""
    engine = NumpyEngine()
    with (
        patch("indexer.engines.engine_choice.connect_engine", lambda *_: engine),
    ):
        yield engine


@pytest.fixture
def filled(store: Store) -> Store:
    with store.writer():
        pass
    add(store, bind(store), *range(30), frames=1)
    with store.writer() as writer:
        writer.spaces.activate(1)
    return store


def states(store: Store) -> dict[str, EngineState]:
    with store.reader() as catalog:
        return {each.address: each.state for each in catalog.engines.all()}


@pytest.mark.postgres
def test_a_migration_fills_the_engine_measures_it_and_chooses_it(
    filled: Store, engine: NumpyEngine, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    planned = plan_migration(filled, URL)
    assert (planned.source, planned.target, planned.vectors) == (LOCAL, ADDRESS, 60)
    assert states(filled) == {}

    told: list[tuple[str, int, int]] = []
    done = migrate(filled, settings, URL, lambda *progress: told.append(progress))

    assert (done.source, done.target, done.vectors) == (LOCAL, ADDRESS, 60)
    assert done.completeness == Completeness.measured(1.0, 500)
    assert told[-1] == ("sending", done.watermark, done.watermark)
    assert states(filled) == {LOCAL: EngineState.FORMER, ADDRESS: EngineState.ACTIVE}
    again = migrate(filled, settings, URL, ignore)
    assert again == replace(done, source=ADDRESS)

    back = migrate(filled, settings, LOCAL, ignore)

    assert back.completeness == Completeness.measured(1.0, 500)
    assert states(filled) == {LOCAL: EngineState.ACTIVE, ADDRESS: EngineState.FORMER}
    with pytest.raises(EngineMismatch, match="searched in local"):
        drop_engine(filled, settings, LOCAL)
    assert drop_engine(filled, settings, URL) == 1
    assert engine.held is None
    with pytest.raises(NotFoundError, match=f"no vector engine {ADDRESS}. It knows: local"):
        drop_engine(filled, settings, URL)


def test_a_migration_ends_though_images_are_added_all_the_time(
    filled: Store, engine: NumpyEngine, tmp_path: Path
) -> None:
    upsert, seeds = engine.upsert, count(1_000)
    with filled.reader() as catalog:
        space = catalog.spaces.get(1)

    def beside_others(*what: Any) -> None:
        upsert(*what)
        add(filled, space, next(seeds))

    with patch.object(engine, "upsert", beside_others):
        settings = Settings(home=tmp_path, recall_target=0.9)  # the last image is not sent yet
        done = migrate(filled, settings, URL, ignore)

    assert states(filled)[ADDRESS] is EngineState.ACTIVE
    assert done.vectors >= 60


def test_a_migration_that_was_cut_off_goes_on_where_it_was(
    filled: Store, engine: NumpyEngine, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    with (
        patch("indexer.engines.engine_feeder.CHUNK", 10),
        patch("indexer.upkeep.engine_migration._OUTAGE", 0.0),
    ):
        engine.fails_after_upserts = 0
        upsert = engine.upsert

        def twice(*what: Any) -> None:
            upsert(*what)
            if len(engine.upserts) == 2:
                raise EngineUnavailable("The connection was lost.")

        with patch.object(engine, "upsert", twice), pytest.raises(EngineUnavailable):
            migrate(filled, settings, URL, ignore)
        sent = len(engine.upserts)
        assert plan_migration(filled, URL).acknowledged > 0
        assert states(filled) == {ADDRESS: EngineState.JOINING}

        done = migrate(filled, settings, URL, ignore)

    assert done.vectors == 60
    assert engine.upserts[sent] == engine.upserts[sent - 1]  # only what was not acknowledged


def test_an_engine_that_finds_too_little_is_not_chosen(
    filled: Store, engine: NumpyEngine, tmp_path: Path
) -> None:
    def half(*what: Any) -> list[Any]:
        return [rows[1:] for rows in NumpyEngine.nominate(engine, *what)]

    with (
        patch.object(engine, "nominate", half),
        pytest.raises(RecallTooLow, match="The recall of the approximate search of qdrant"),
    ):
        migrate(filled, Settings(home=tmp_path), URL, ignore)
    assert states(filled) == {ADDRESS: EngineState.JOINING}


def test_repair_drops_what_an_engine_holds_of_another_model(
    filled: Store, engine: NumpyEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_VECTORS", URL)
    migrate(filled, Settings(home=tmp_path), URL, ignore)
    with filled.writer() as writer:
        writer.engines.join(ADDRESS, "of_another_model", EngineState.ACTIVE)

    with patch.object(engine, "drop") as drop:
        repaired = repair(filled, Settings(home=tmp_path))

    assert "another model (of_another_model): dropped" in " ".join(repaired.mended)
    drop.assert_called_once()
    with filled.reader() as catalog:
        assert "of_another_model" not in {each.collection for each in catalog.engines.all()}


# Against a real pgvector


@pytest.fixture
def vectors_url(postgres_url: str) -> Iterator[str]:
    with postgres_database(postgres_url) as url:
        yield url.replace("postgresql://", "pgvector://")


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> Index:
    index = Index(tmp_path / "home")
    index.run_here("init", "--model", tiny_model)
    index.run_here("index", "add", *GALLERY)
    index.run_here("index", "add", *KNOWN, "--bank", "known")
    return index


def stored(index: Index, url: str) -> int:
    """Count the rows that pgvector holds of an index."""
    name = index.run_here("status", "--json").json["engines"][-1]["collection"]
    engine = PgvectorEngine(parse_engine_address(url), Collection(name, 8, 5.0))
    try:
        return engine.count()
    finally:
        engine.close()


def matches(index: Index, photo: Path) -> list[Any]:
    verdict = index.run_here("search", photo, "--json").json
    return [(m["image_id"], m["tier"], m["similarity"]) for m in verdict["matches"]]


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scheme", ["qdrant+local", "milvus+local", "pgvector"])
def test_a_real_engine_takes_a_gallery_that_grows_and_gives_it_back(
    store: Store, scheme: str, vectors_url: str, tmp_path: Path
) -> None:
    url = vectors_url if scheme == "pgvector" else f"{scheme}://{tmp_path / 'vectors.db'}"
    space, settings = bind(store), Settings(home=tmp_path)
    with store.writer() as writer:
        writer.spaces.activate(space.id)
        unsafe = writer.banks.create("unsafe", BankKind.BLOCK).id
    within = KeySet(add(store, space, *range(40), frames=1, bank_id=unsafe))
    add(store, space, *range(100, 300))
    asked = np.stack([new_image(seed).embedding for seed in (3, 17, 150, 250, 999)])
    old = open_local_embeddings(store, space, settings)
    old.catch_up()
    expected = old.index.search(asked, 10, within, exact=True).keys
    wrong, rounds, stop = list[Any](), 0, Event()

    def load() -> None:
        nonlocal rounds
        while not stop.is_set():
            add(store, space, 1_000 + rounds)
            old.catch_up()
            found = old.index.search(asked, 10, within, exact=True).keys
            if not np.array_equal(found, expected):
                wrong.append(found)
            rounds += 1
            time.sleep(0.02)  # a gallery that grows faster than it is sent would never arrive

    thread = Thread(target=load)
    thread.start()
    try:
        done = migrate(store, settings, url, ignore)
    finally:
        stop.set()
        thread.join()

    assert (wrong, done.completeness) == ([], Completeness.measured(1.0, 500))
    assert rounds > 0
    new = open_engine_view(store, space, settings, parse_engine_address(url))
    new.catch_up()
    old.catch_up()
    assert np.array_equal(new.index.search(asked, 10, within, exact=True).keys, expected)
    assert np.array_equal(new.index.search(asked, 10).keys, old.index.search(asked, 10).keys)
    assert new.check_index() == []
    new.close()
    back = migrate(store, settings, LOCAL, ignore)
    assert back.completeness == Completeness.measured(1.0, 500)
    assert drop_engine(store, settings, url) == 1


@pytest.mark.long
def test_commands_move_a_gallery_to_pgvector_and_back(index: Index, vectors_url: str) -> None:
    photo = GALLERY[3]
    before = matches(index, photo)
    there = replace(index, extra={"LOOKALIKE_VECTORS": vectors_url})
    assert "index migrate --to" in there.run_here("search", photo, code=3).stderr

    plan = index.run_here("index", "migrate", "--to", vectors_url, "--plan").stdout
    assert "local" in plan
    done = index.run_here("index", "migrate", "--to", vectors_url)
    assert "Set LOOKALIKE_VECTORS to this URL" in done.stdout

    assert matches(there, photo) == before
    assert matches(index, photo) == before  # as programs that have not been restarted do
    (engine,) = [
        e for e in there.run_here("status", "--json").json["engines"] if e["state"] == "active"
    ]
    assert (engine["lag"], engine["recall"]) == (0, 1.0)
    assert "vector engine" in there.run_here("doctor", code=0).stdout
    there.run_here("verify")
    assert "Dropped" in there.run_here("index", "migrate", "--drop", "local").stdout
    assert "LOOKALIKE_VECTORS is not set" in index.run_here("search", photo, code=3).stderr

    held = stored(there, vectors_url)
    (own,) = [m for m in before if m[1] == "exact"][:1]
    there.run_here("index", "remove", own[0], "--purge")
    assert stored(there, vectors_url) < held
    there.run_here("index", "rebuild")
    there.run_here("verify")
    there.run_here("repair")

    there.run_here("index", "migrate", "--to", "local")
    index.run_here("verify")
    index.run_here("index", "migrate", "--drop", vectors_url)
    assert [e["address"] for e in index.run_here("status", "--json").json["engines"]] == ["local"]


@pytest.mark.long
@pytest.mark.slow
def test_no_verdict_is_wrong_while_a_gallery_moves_under_load(
    index: Index, vectors_url: str
) -> None:
    photos = [*KNOWN[:3], *GALLERY[:3]]
    there = replace(index, extra={"LOOKALIKE_VECTORS": vectors_url})

    def ask(client: httpx.Client, photo: Path) -> Any:
        response = client.post("/v1/search", files={"image": photo.read_bytes()})
        answer = response.raise_for_status().json()
        assert answer["completeness"]["gallery"]["kind"] != CompletenessKind.UNSEARCHED
        found = [(m["image_id"], m["tier"]) for m in answer["matches"] if m["tier"] != "none"]
        return answer["tier"], found

    asked, wrong = 0, list[Any]()

    def load(client: httpx.Client, expected: dict[Path, Any], stop: Event) -> None:
        nonlocal asked
        while not stop.is_set():
            for photo in photos:
                asked += 1
                if (got := ask(client, photo)) != expected[photo]:
                    wrong.append((photo.name, got, expected[photo]))

    with index.serve() as old:
        expected = {photo: ask(old, photo) for photo in photos}
        stop = Event()
        thread = Thread(target=load, args=(old, expected, stop))
        thread.start()
        try:
            adding = index.start("index", "add", *PHOTO_FILES[15:21])
            begun = index.start("index", "migrate", "--to", vectors_url)
            time.sleep(1.5)  # killed wherever it is by then
            begun.send_signal(signal.SIGKILL)
            begun.communicate()
            index.run("index", "migrate", "--to", vectors_url)
            adding.communicate()
            with there.serve() as new:
                for photo in photos:
                    assert ask(new, photo) == expected[photo]
                there.run("index", "migrate", "--to", "local")
                for photo in photos:
                    assert ask(new, photo) == expected[photo]
        finally:
            stop.set()
            thread.join()

    assert wrong == []
    assert asked > len(photos)
