"""Several embedding spaces: listed, dropped, and changed under a server that answers."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx
import psutil
import pytest

from indexer.settings import Settings
from indexer.store import AuditQuery, open_store
from indexer.types import Tier
from search_api.process.handover import Handover
from search_api.settings import ServeSettings
from support import heartbeats
from support.calibration import aim, calibrated, strangers
from support.commands import PHOTOS, Index
from support.deaths import Death, Moment
from support.forked import Forked, start
from support.ingesting import noise
from support.models import add_descriptor, add_semantic, make_tiny
from support.running import running, running_cold, until

if TYPE_CHECKING:
    from indexer.matching import Matcher

INVALID, MISMATCH, UNKNOWN = 2, 3, 4
STRANGER = PHOTOS / "aqueduct.jpg"
KNOWN = PHOTOS / "bee.jpg"
PLAIN = {"LOOKALIKE_QUERY_VIEWS": "none", "LOOKALIKE_SERVE_QUEUE_TIMEOUT": "60"}
FEW, MANY = 29, 1_999  # images of noise, beside a photo
EASY = -1_000.0  # log-odds that any comparison reaches


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make two models of spaces of their own; the earlier has a semantic head."""
    folder = tmp_path_factory.mktemp("models")
    earlier = add_semantic(make_tiny(folder / "earlier"))
    return earlier, add_descriptor(make_tiny(folder / "later"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, models: tuple[Path, Path]) -> Index:
    """Index 30 images by the earlier model; not to be changed."""
    return filled(tmp_path_factory.mktemp("home"), models[0], FEW)


@pytest.fixture
def index(original: Index, tmp_path: Path) -> Index:
    return original.copy(tmp_path / "home")


def filled(home: Path, model: Path, count: int) -> Index:
    index = Index(home, extra=PLAIN)
    folder = home.parent / f"{home.name}-pictures"
    folder.mkdir()
    (folder / KNOWN.name).write_bytes(KNOWN.read_bytes())
    for seed in range(count):
        noise(folder / f"{seed}.png", seed, (64, 64))
    index.run_here("init", "--model", model)
    index.run_here("index", "add", folder)
    return index


def spaces_of(index: Index) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = index.run_here("space", "list", "--json").json
    return listed


def active_of(index: Index) -> str:
    [active] = [x for x in spaces_of(index) if x["active"] and x["kind"] == "copy"]
    return str(active["fingerprint"])


def add_easy_card(index: Index) -> int:
    """Put a threshold card of the index's space in force by which anything is a lookalike."""
    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        space = writer.spaces.active()
        assert space
        card = calibrated(aim(), strangers(50, 0)).card
        return writer.cards.add(replace(card, space_id=space.id, value=EASY)).id


# --- list and drop -------------------------------------------------------------------------------


def test_spaces_are_listed_and_those_not_in_use_dropped(
    index: Index, models: tuple[Path, Path]
) -> None:
    add_easy_card(index)
    index.run_here("index", "rebuild")
    index.run_here("model", "reembed", "--model", models[1])
    earlier, semantic, later = spaces_of(index)
    assert [each["kind"] for each in (earlier, semantic, later)] == ["copy", "semantic", "copy"]
    assert [each["active"] for each in (earlier, semantic, later)] == [False, False, True]
    assert [each["embedded"] for each in (earlier, semantic, later)] == [FEW + 1] * 3
    assert [each["threshold_cards"] for each in (earlier, semantic, later)] == [1, 0, 0]
    assert earlier["vector_bytes"] == 4 * earlier["vectors"] * earlier["dimension"]
    assert semantic["vector_bytes"] == 2 * semantic["vectors"] * semantic["dimension"]
    assert earlier["semantic_space_id"] == semantic["id"]
    views = index.settings.views_folder
    view = views / f"embedding-{earlier['fingerprint'][:16]}"
    assert view.exists()

    refused = index.run_here("space", "drop", later["id"], "--yes", code=MISMATCH)
    assert "(space_in_use)" in refused.stderr
    assert "`lookalike model reembed" in refused.stderr
    assert "--yes" in index.run_here("space", "drop", earlier["id"], code=INVALID).stderr
    assert "space list" in index.run_here("space", "drop", 9, "--yes", code=UNKNOWN).stderr
    planned = index.run_here("space", "drop", earlier["fingerprint"][:12], "--dry-run").stdout
    assert planned.endswith("would be deleted.\n")
    assert spaces_of(index) == [earlier, semantic, later]
    done = index.run_here("space", "drop", earlier["fingerprint"][:12], "--yes", "--json").json

    assert done["spaces"] == [earlier["fingerprint"], semantic["fingerprint"]]
    assert done["vectors"] == earlier["vectors"] + semantic["vectors"]
    assert [each["vectors"] for each in spaces_of(index)] == [0, 0, later["vectors"]]
    assert not view.exists()
    assert (views / f"embedding-{later['fingerprint'][:16]}").exists()
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        retired = catalog.audit.page(AuditQuery(action="space.retire"))
    assert [row.subject_id for row in retired] == done["spaces"]
    assert index.run_here("search", KNOWN, "--json").json["tier"] == Tier.EXACT
    assert index.run_here("verify").stdout


# --- a change of model under a server ------------------------------------------------------------


class Questions:
    """Asks a server about a known image and about a stranger, on and on, and keeps the answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = Event()
        self._thread = Thread(target=self._ask)
        self.known: list[tuple[str, str]] = []  # space and tier
        self.stranger: list[tuple[str, str, int | None]] = []  # likewise, and card of the match
        self.failures: list[object] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def _ask(self) -> None:
        known, stranger = KNOWN.read_bytes(), STRANGER.read_bytes()
        while not self._over.wait(0.02):
            for data, keep in ((known, self._keep_known), (stranger, self._keep_stranger)):
                try:
                    answer = httpx.post(f"{self._url}/v1/search", files={"image": data}, timeout=60)
                except httpx.TransportError as error:
                    self.failures.append(error)
                    continue
                if answer.status_code != HTTPStatus.OK:
                    self.failures.append(answer.text)
                else:
                    keep(answer.json())

    def _keep_known(self, verdict: dict[str, Any]) -> None:
        self.known.append((verdict["model"], verdict["tier"]))

    def _keep_stranger(self, verdict: dict[str, Any]) -> None:
        best = [*verdict["matches"], verdict["nearest"]][0]
        card = best and best["threshold_card"]
        self.stranger.append((verdict["model"], verdict["tier"], card))


@pytest.mark.long
@pytest.mark.slow
def test_a_server_answers_in_its_space_while_another_is_made_and_then_follows(
    index: Index, models: tuple[Path, Path]
) -> None:
    card = add_easy_card(index)
    before = active_of(index)
    command = ("model", "reembed", "--model", models[1], "--json")
    batches = replace(index, extra={**index.extra, "LOOKALIKE_BATCH_SIZE": "5"})
    server = start(index, "serve", "--port", 0, niceness=0)
    asked = Questions(server.address())
    with asked.running():
        until(lambda: asked.stranger)
        death = Death(Moment.COMMIT, 4)
        start(batches, *command, death=death).die(death)
        [half] = [each for each in spaces_of(index) if each["embedded"] < FEW + 1]
        count = len(asked.stranger)
        until(lambda: len(asked.stranger) > count + 2)
        meanwhile = [*asked.stranger]
        report = json.loads(start(batches, *command).finish())
        until(lambda: "address handed over" in server.stderr)
        followed = len(asked.stranger) + 1
        until(lambda: len(asked.stranger) > followed)
    kill_worker_of(server)
    until(lambda: server.stderr.count("worker ready") == 2)  # the server is its supervisor by now
    again = httpx.get(f"{server.address()}/readyz", timeout=60)
    server.process.terminate()
    server.finish()

    assert half["embedded"] > 0
    assert half["active"] is False
    assert report["embedded"] == FEW + 1 - half["embedded"]
    after = report["space"]
    assert after == active_of(index) != before
    assert asked.failures == []
    assert set(meanwhile) == {(before, Tier.LOOKALIKE, card)}
    assert set(asked.known) == {(before, Tier.EXACT), (after, Tier.EXACT)}
    assert {(space, used) for space, _, used in asked.stranger} == {(before, card), (after, None)}
    assert {space for space, *_ in asked.stranger[followed:]} == {after}
    assert again.status_code == HTTPStatus.OK


def kill_worker_of(server: Forked) -> None:
    for child in psutil.Process(server.process.pid).children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_two_thousand_images_change_their_space_under_a_server_that_follows_by_itself(
    tmp_path: Path, models: tuple[Path, Path], workers: int
) -> None:
    index = filled(tmp_path / "home", models[0], MANY)
    card = add_easy_card(index)
    before = active_of(index)
    command = ("model", "reembed", "--model", models[1], "--json")

    def embedded() -> int:
        later = [each for each in spaces_of(index) if not each["active"]]
        return max((each["embedded"] for each in later if each["kind"] == "copy"), default=0)

    with running_cold(index, "--workers", workers) as server:

        def has_followed() -> bool:
            if workers == 1:
                return "address handed over" in server.log
            return server.log.count("worker ready") == 2 * workers and (
                len(server.workers()) == workers
            )

        if workers > 1:
            until(lambda: server.log.count("worker ready") == workers)
        asked = Questions(server.url)
        with asked.running():
            until(lambda: asked.stranger)
            for least in (300, 900):
                process = index.start(*command)
                until(lambda least=least: embedded() > least)  # type: ignore[misc]
                process.kill()
                process.communicate()
            assert embedded() < MANY
            assert active_of(index) == before
            report = index.run(*command).json
            until(has_followed)
            count = len(asked.stranger)
            until(lambda: len(asked.stranger) > count + 5)

    after = report["space"]
    assert asked.failures == []
    assert set(asked.known) == {(before, Tier.EXACT), (after, Tier.EXACT)}
    assert {(space, used) for space, _, used in asked.stranger} == {(before, card), (after, None)}
    assert {space for space, *_ in asked.stranger[count:]} == {after}


# --- the supervisor ------------------------------------------------------------------------------


def test_workers_that_say_the_index_moved_are_replaced_once(tmp_path: Path) -> None:
    index = Index(tmp_path)
    with running(index, "--workers", 2, prepare=heartbeats.beat_only) as server:
        until(lambda: server.log.count("worker ready") == 2)
        before = server.workers()
        (tmp_path / heartbeats.MOVED).touch()

        until(lambda: server.log.count("worker ready") == 4)
        until(lambda: len(server.workers()) == 2)

        assert not server.workers() & before
        assert server.log.count("worker outdated") == 2


def test_workers_stay_if_their_successor_cannot_start(tmp_path: Path) -> None:
    """As where LOOKALIKE_MODEL names the earlier model."""
    index = Index(tmp_path)
    with running(index, "--workers", 2, prepare=heartbeats.beat_only) as server:
        until(lambda: server.log.count("worker ready") == 2)
        before = server.workers()
        (tmp_path / heartbeats.MOVED).write_text(heartbeats.BROKEN)

        until(lambda: "old workers kept" in server.log)

        assert server.workers() >= before


def test_a_server_that_stops_as_the_index_moves_starts_no_successor(tmp_path: Path) -> None:
    """Its listener is closed before its event loop ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    handover = Handover(listener, Settings(home=tmp_path), ServeSettings())
    listener.close()

    handover.look(cast("Matcher", SimpleNamespace(is_outdated=True)), pytest.fail)

    assert handover.successor is None
