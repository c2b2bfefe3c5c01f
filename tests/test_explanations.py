"""What explanations say of pictures whose answer is known."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.attribution import draw_match, explain_class, explain_match
from indexer.embedding_space import open_encoder
from indexer.errors import InputError
from indexer.matching import Matcher, open_matcher
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.store import Store, open_store
from search_api.client import Lookalike
from support.commands import PHOTOS, Index

LIMITS = Settings().image_limits
LEFT, TOP, WIDTH, HEIGHT = 100, 350, 300, 400  # of the pasted copy
PAGE = 700, 900
KOALA, COFFEE = 1, 2


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    for name in ("koala.jpg", "coffee.jpg"):
        index.run_here("index", "add", PHOTOS / name)
    return index


@pytest.fixture(scope="module")
def store(index: Index) -> Iterator[Store]:
    with open_store(index.settings.resolved_database_url) as store:
        yield store


@pytest.fixture(scope="module")
def matcher(index: Index, store: Store) -> Matcher:
    return open_matcher(store, index.settings)


@pytest.fixture(scope="module")
def page() -> bytes:
    """Paste a mirrored copy of the koala into a page."""
    with Image.open(PHOTOS / "koala.jpg") as photo:
        copy = ImageOps.mirror(photo).resize((WIDTH, HEIGHT))
    page = Image.new("RGB", PAGE, (230, 230, 240))
    page.paste(copy, (LEFT, TOP))
    return png(page)


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(data: bytes) -> NDArray[np.int16]:
    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"), np.int16)


@pytest.mark.parametrize(("row", "column"), [(0, 4), (4, 0)])
def test_the_map_of_a_class_is_strong_where_the_photo_is(
    row: int, column: int, matcher: Matcher
) -> None:
    flat = np.full((256, 256, 3), 128, np.uint8)
    collage = flat.copy()
    with Image.open(PHOTOS / "coffee.jpg") as photo:
        top, left = 32 * row, 32 * column
        collage[top : top + 128, left : left + 128] = np.asarray(photo.resize((128, 128)))
    before, after = matcher.classifier.encoder.encode([flat, collage]).probabilities
    added = matcher.classifier.encoder.card.labels[
        int((after - before).argmax())
    ]  # what the photo speaks for

    found = explain_class(
        matcher.classifier.encoder, LIMITS, png(Image.fromarray(collage)), "", added
    )

    cells = np.array(found.cells)
    inside = cells[row : row + 4, column : column + 4]
    outside = (np.abs(cells).sum() - np.abs(inside).sum()) / 48
    assert cells.shape == (8, 8)
    assert inside.mean() > 0
    assert np.abs(inside).mean() > 2 * outside


def test_a_class_that_the_model_lacks_is_refused_with_those_it_has() -> None:
    encoder = open_encoder(SHIPPED_MODEL, Settings())
    photo = (PHOTOS / "bee.jpg").read_bytes()

    with pytest.raises(InputError, match=r"no class 'cat'\. Its classes: Drawing, Hentai, Neutral"):
        explain_class(encoder, LIMITS, photo, "bee.jpg", "cat")


def test_details_of_a_mirrored_copy_lie_where_it_was_pasted(
    matcher: Matcher, store: Store, page: bytes
) -> None:
    found = explain_match(matcher, store, LIMITS, page, "page.png", KOALA)

    assert found.tier == "near_duplicate"
    assert found.is_mirrored
    assert found.query_size == PAGE
    assert len(found.details) >= 20
    for detail in found.details:
        x = WIDTH * (1 - detail.x / found.image_size[0])
        y = HEIGHT * detail.y / found.image_size[1]
        assert abs(detail.query_x - (LEFT + x)) < 8
        assert abs(detail.query_y - (TOP + y)) < 8


def test_a_stranger_has_next_to_nothing_in_common(
    matcher: Matcher, store: Store, page: bytes
) -> None:
    found = explain_match(matcher, store, LIMITS, page, "page.png", COFFEE)

    assert found.tier == "none"
    assert len(found.details) < 8


def test_pictures_are_veiled_unless_asked_otherwise(
    matcher: Matcher, store: Store, page: bytes
) -> None:
    with store.reader() as catalog:
        thumbnail = catalog.thumbnails.get_many([COFFEE])[COFFEE]
    regions = explain_match(matcher, store, LIMITS, page, "page.png", COFFEE)

    veiled = pixels(draw_match(regions, page, thumbnail, LIMITS))
    clear = pixels(draw_match(regions, page, thumbnail, LIMITS, is_veiled=False))
    missing = pixels(draw_match(regions, page, None, LIMITS))

    assert veiled.shape == clear.shape == missing.shape
    assert np.abs(np.diff(clear, axis=1)).mean() > 2 * np.abs(np.diff(veiled, axis=1)).mean()


def test_the_command_prints_a_map_and_draws_it(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    printed = index.run_here("model", "explain", PHOTOS / "coffee.jpg", "--picture", path)

    drawn = pixels(path.read_bytes())
    lines = printed.stdout.splitlines()
    assert drawn.shape == (320, 480, 3)
    assert (drawn[..., 0] > drawn[..., 2]).any()  # red on grey
    assert f"Picture: {path}" in lines
    assert any("##" in line for line in lines)
    assert max(map(len, lines[:-1])) <= 80  # the path may be longer


def test_the_command_explains_a_match(index: Index, page: bytes, tmp_path: Path) -> None:
    query, path = tmp_path / "page.png", tmp_path / "match.png"
    query.write_bytes(page)
    printed = index.run_here("model", "explain", query, "--match", KOALA, "--picture", path)

    assert "near_duplicate" in printed.stdout
    assert "(the query mirrored)" in printed.stdout
    assert pixels(path.read_bytes()).shape[0] == 480


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--class", "Porn", "--match", 1], 2, "exclude each other"),
        (["--clear"], 2, "--clear needs --picture FILE"),
        (["--picture", "map.jpg"], 2, "must end in .png"),
        (["--picture", "/no/such/folder/map.png"], 2, "There is no folder /no/such/folder"),
        (["--match", 99], 4, "No image 99 is in the index"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    index: Index, options: list[object], code: int, said: str
) -> None:
    ended = index.end_here("model", "explain", PHOTOS / "coffee.jpg", *options)

    assert ended.code == code
    assert said in " ".join(ended.stderr.split())


def test_the_server_explains_and_draws(index: Index, page: bytes) -> None:
    with index.serve() as http, Lookalike(str(http.base_url)) as client:
        regions = client.explain_match(page, KOALA)
        found = client.explain_class(page, "Drawing")
        form = {"image": ("page.png", page)}
        of_class = http.post("/v1/explanations/class/preview", files=form)
        of_match = http.post(
            "/v1/explanations/match/preview", files=form, params={"image_id": KOALA}
        )
        unknown = http.post("/v1/explanations/match", files=form, params={"image_id": 99})
        no_class = http.post("/v1/explanations/class", files=form, params={"class": "cat"})

    assert regions.is_mirrored
    assert (found.label, len(found.cells)) == ("Drawing", 8)
    assert pixels(of_class.content).shape == (480, 373, 3)
    assert pixels(of_match.content).shape[0] == 480
    assert (unknown.status_code, no_class.status_code) == (404, 422)
