"""A server tells how complete its searches are: in answers, metrics, readiness and the console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import httpx
import pytest

from indexer.model import Encoder, load_encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.vectors.faiss_index import FloatIndex
from search_api.settings import ServeSettings
from support.commands import PHOTOS
from support.lossy import LossyIndex
from support.serving import app_like, client_of
from support.shelf import Shelf

pytestmark = pytest.mark.anyio
CRAB = (PHOTOS / "crab.jpg").read_bytes()
MEASURED = {"kind": "measured", "recall": 0.992, "queries": 1000}
REMARK = "Gallery searched approximately: recall 0.992"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(str(tiny_model), "cpu")


@pytest.fixture
def shelf(store: Store, encoder: Encoder, tmp_path: Path) -> Shelf:
    shelf = Shelf(store, encoder, Settings(home=tmp_path))
    shelf.add(CRAB)
    shelf.add((PHOTOS / "bee.jpg").read_bytes())
    return shelf


def lose(shelf: Shelf, *keys: int) -> None:
    view = shelf.matcher.views.embeddings
    view.index = LossyIndex.like(cast("FloatIndex", view.index), keys)


@asynccontextmanager
async def served(shelf: Shelf) -> AsyncIterator[httpx.AsyncClient]:
    serve = ServeSettings(shadow_share=1, poll_interval=0.05, metrics_open=True)
    app = app_like(shelf.store, shelf.matcher, shelf.settings, serve)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def metric(client: httpx.AsyncClient, name: str, value: str) -> None:
    """Wait until a metric has a value."""
    with anyio.fail_after(30):
        while f"{name} {value}\n" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
            await anyio.sleep(0.05)


@pytest.mark.long
async def test_answers_have_the_recall_of_the_gallery(shelf: Shelf) -> None:
    lose(shelf)
    async with served(shelf) as client:
        verdict = (await client.post("/v1/search", files={"image": ("a.jpg", CRAB)})).json()
        similar = (await client.get("/v1/images/1/similar")).json()
        page = (await client.get("/console/images/1")).text
        card = await client.post("/console/search", files={"image": ("a.jpg", CRAB)})

    for answer in (verdict, similar):
        assert answer["completeness"]["banks"] == "exact"
        assert answer["completeness"]["gallery"].items() >= MEASURED.items()
    assert REMARK in page
    assert REMARK in card.text


@pytest.mark.long
async def test_live_queries_are_asked_again_when_the_server_is_idle(shelf: Shelf) -> None:
    lose(shelf)
    async with served(shelf) as client:
        await client.post("/v1/search/image/1")

        of_view = 'lookalike_shadow_queries_total{outcome="complete",view="embedding"}'
        await metric(client, of_view, "1.0")
        await metric(client, 'lookalike_search_recall{view="embedding"}', "1.0")


async def test_a_view_that_misses_canaries_is_exact_with_a_warning(shelf: Shelf) -> None:
    lose(shelf, 2)
    async with served(shelf) as client:
        await metric(client, 'lookalike_canaries_missed{view="embedding"}', "1.0")
        ready = await client.get("/readyz")
        verdict = (await client.post("/v1/search/image/1")).json()

    assert ready.status_code == 200
    assert "is searched exactly" in ready.json()["warnings"][0]
    assert verdict["completeness"]["gallery"]["kind"] == "exact"
