"""Pictures behind veils, and reveals: only one person sees clear pixels, and it is on record."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from indexer.errors import NotFoundError
from indexer.keys import create_key
from indexer.reviews.picture_access import reveal_image, revealed_picture
from indexer.store import AuditQuery, open_store
from indexer.types import Person, Scope, Veil
from search_api.client import Lookalike, NotAllowed, NotFound
from support.commands import PHOTOS, Index
from support.openapi import OPERATIONS

SEEN, UNSEEN = 1, 2
DOTS = 16
"""Pixels of a side to which a veiled picture is reduced and back without visible loss."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Index a photo with a thumbnail and one without."""
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_MODEL": str(tiny_model)})
    index.run_here("init")
    index.run_here("index", "add", PHOTOS / "coffee.jpg")
    without = replace(index, extra={**index.extra, "LOOKALIKE_KEEP_THUMBNAILS": "false"})
    without.run_here("index", "add", PHOTOS / "bee.jpg")
    return index


@pytest.fixture(scope="module")
def server(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@pytest.fixture(scope="module")
def people(index: Index, server: httpx.Client) -> Iterator[Mapping[str, Lookalike]]:
    scopes = {"jo": Scope.ANALYST, "mo": Scope.ANALYST, "boss": Scope.ADMIN, "app": Scope.CHECK}
    with open_store(index.settings.resolved_database_url) as store:
        tokens = {name: create_key(store, name, [scope]).token for name, scope in scopes.items()}
    clients = {name: Lookalike(str(server.base_url), token) for name, token in tokens.items()}
    yield clients
    for client in clients.values():
        client.close()


def detail(jpeg: bytes) -> float:
    """Return how much of a picture is lost when few dots are left of it, in grey levels."""
    with Image.open(BytesIO(jpeg)) as image:
        grey = image.convert("L")
    few = grey.resize((DOTS, DOTS), Image.Resampling.BOX).resize(
        grey.size, Image.Resampling.BICUBIC
    )
    return float(np.abs(np.asarray(grey, float) - np.asarray(few, float)).mean())


def test_the_default_veil_leaves_nothing_but_blots(people: Mapping[str, Lookalike]) -> None:
    jo = people["jo"]
    revealed = jo.reveal(SEEN, "to compare")

    clear = jo.revealed_picture(revealed.reveal.id)

    assert detail(clear) > 8
    assert detail(jo.image_preview(SEEN)) < 2


@pytest.mark.parametrize("veil", Veil)
def test_each_veil_covers_more_when_it_is_stronger(
    veil: Veil, people: Mapping[str, Lookalike]
) -> None:
    previews = [people["jo"].image_preview(SEEN, veil, strength=n, size=160) for n in range(1, 6)]

    shown = [len(jpeg) for jpeg in previews]  # a JPEG is the smaller, the less it shows
    assert shown == sorted(shown, reverse=True)
    assert {max(Image.open(BytesIO(jpeg)).size) for jpeg in previews} == {160}


def test_a_preview_is_kept_by_no_cache_and_asks_for_a_scope(
    server: httpx.Client, people: Mapping[str, Lookalike]
) -> None:
    response = server.get(f"/v1/images/{SEEN}/preview")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "image/jpeg"
    for ask in (people["app"].image_preview, lambda image: people["app"].reveal(image, "why")):
        with pytest.raises(NotAllowed, match="analyst"):
            ask(SEEN)


def test_an_image_without_a_thumbnail_has_no_picture(people: Mapping[str, Lookalike]) -> None:
    for ask in (people["jo"].image_preview, lambda image: people["jo"].reveal(image, "why")):
        with pytest.raises(NotFound, match="LOOKALIKE_KEEP_THUMBNAILS=true"):
            ask(UNSEEN)
        with pytest.raises(NotFound, match="No image 99"):
            ask(99)
    assert list(people["boss"].reveals(image_id=UNSEEN)) == []


def test_a_reveal_is_for_one_person_and_until_it_ends(people: Mapping[str, Lookalike]) -> None:
    jo, mo = people["jo"], people["mo"]
    opened = jo.reveal(SEEN, "is this a statue?")
    reveal = opened.reveal
    assert opened.picture == f"/v1/reveals/{reveal.id}/picture"
    assert jo.revealed_picture(reveal.id)

    with pytest.raises(NotFound, match="not yours"):
        mo.revealed_picture(reveal.id)
    with pytest.raises(NotFound, match="not yours"):
        mo.end_reveal(reveal.id)
    ended = jo.end_reveal(reveal.id, 1e9)

    assert ended.seconds is not None
    assert 0 < ended.seconds <= (reveal.expires_at - reveal.created_at).total_seconds()
    assert jo.end_reveal(reveal.id, 0) == ended
    with pytest.raises(NotFound, match="has ended"):
        jo.revealed_picture(reveal.id)


def test_each_reveal_is_listed_and_in_the_audit_log(
    index: Index, people: Mapping[str, Lookalike]
) -> None:
    jo, boss = people["jo"], people["boss"]
    reveal = boss.reveal(SEEN, "an appeal").reveal
    boss.end_reveal(reveal.id, 0.0)

    assert reveal.id in {each.id for each in boss.reveals(mine=True)}
    assert {each.name for each in boss.reveals(limit=2)} >= {"jo", "boss"}
    assert {each.name for each in jo.reveals()} == {"jo"}
    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        query = AuditQuery(action="reveal.", subject=f"image:{SEEN}", newest_first=True)
        end, begin = (record.shown() for record in catalog.audit.page(query, limit=2))
    assert begin.actor.name.startswith("boss")
    assert begin.detail == {"reveal": reveal.id, "reason": "an appeal"}
    assert (end.action, end.detail) == ("reveal.end", {"reveal": reveal.id, "seconds": 0.0})


def test_a_reveal_runs_out_by_itself(index: Index) -> None:
    jo = Person("anybody", "jo")
    with open_store(index.settings.resolved_database_url) as store:
        reveal = reveal_image(store, jo, SEEN, "why", lease=timedelta(0))
        with store.reader() as catalog, pytest.raises(NotFoundError, match="has ended"):
            revealed_picture(catalog, jo, reveal.id)


def test_no_other_route_answers_with_a_picture() -> None:
    pictures = {
        name
        for name, operation in OPERATIONS.items()
        for response in operation["responses"].values()
        if any(kind.startswith("image/") for kind in response.get("content", ()))
    }

    assert {name for name in pictures if not name.endswith("/preview")} == {
        "GET /v1/reveals/{reveal_id}/picture"
    }
