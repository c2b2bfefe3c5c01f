"""What is cut out of a query: the picture within a border, and nothing where there is none."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from indexer.images.crops import contents, crops
from indexer.images.panels import Box
from indexer.settings import QueryViews
from indexer.types import PartKind, Rgb
from support.layouts import collage
from support.pictures import encode

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"
CLOSE = 6  # pixels: JPEG spreads colour over 16
sides = st.integers(8, 120)
"""Pixels of a border; a thinner one may be less than what PDQ minds."""


def photo(name: str = "hedgehog.jpg", width: int = 400, height: int = 300) -> Image.Image:
    with Image.open(PHOTOS / name) as opened:
        return opened.convert("RGB").resize((width, height))


def saved(image: Image.Image) -> Rgb:
    """Return the pixels as they come out of a JPEG, with its traces along every edge."""
    with Image.open(BytesIO(encode(image, "JPEG", quality=75))) as opened:
        return np.asarray(opened)


def framed(picture: Image.Image, box: Box, size: tuple[int, int], colour: str) -> Image.Image:
    page = Image.new("RGB", size, colour)
    page.paste(picture.resize((box.width, box.height)), (box.left, box.top))
    return page


def assert_close(found: Box, expected: Box) -> None:
    assert np.abs(np.subtract(found, expected)).max() <= CLOSE, (found, expected)


@pytest.mark.parametrize("colour", ["white", "black", "navy"])
@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(60, 40, 400, 300), (520, 380)),
        (Box(0, 80, 400, 300), (400, 460)),
        (Box(0, 0, 400, 300), (400, 330)),
    ],
    ids=["padding", "letterbox", "bar below"],
)
def test_the_picture_within_a_border_is_found(box: Box, size: tuple[int, int], colour: str) -> None:
    found = contents(saved(framed(photo(), box, size, colour)))

    assert_close(found[0], box)


def test_the_picture_below_a_caption_is_found() -> None:
    box = Box(0, 110, 400, 300)
    page = framed(photo(), box, (400, 410), "white")
    ImageDraw.Draw(page).text((30, 30), "WHEN YOU SEE IT", fill="black", font_size=36)

    assert_close(contents(saved(page))[-1], box)


def test_the_picture_of_a_screenshot_is_found_without_its_letterbox() -> None:
    page = framed(photo(), Box(40, 500, 400, 300), (480, 1000), "white")
    draw = ImageDraw.Draw(page)
    for top in (60, 120, 180, 400, 900):
        draw.text((40, top), "Some words of a page", fill="grey", font_size=24)
    draw.rectangle((40, 470, 439, 499), fill="black")

    found = contents(saved(page))

    assert_close(found[-2], Box(40, 470, 400, 330))
    assert_close(found[-1], Box(40, 500, 400, 300))


@pytest.mark.parametrize("name", ["hedgehog.jpg", "coffee.jpg", "bee.jpg", "koala.jpg"])
def test_a_photo_without_a_border_is_left_whole(name: str) -> None:
    assert contents(np.asarray(photo(name))) == []


@pytest.mark.parametrize(
    "rgb",
    [
        np.full((300, 400, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((4, 3000, 3), 7, np.uint8),
        saved(framed(photo(), Box(200, 200, 20, 20), (400, 400), "white")),
    ],
    ids=["flat", "one pixel", "a line", "too small a picture"],
)
def test_nothing_is_cut_out_of_what_holds_no_picture(rgb: Rgb) -> None:
    assert contents(rgb) == []


def test_a_collage_stays_whole_but_for_its_border() -> None:
    names = ("moose.jpg", "sheep.jpg", "crab.jpg", "bee.jpg")
    page = saved(collage([photo(name) for name in names], 40))

    (box,) = contents(page)

    assert_close(box, Box(40, 40, 1240, 940))


def test_boxes_are_in_pixels_of_the_whole_picture() -> None:
    large = framed(photo(), Box(300, 250, 2000, 1500), (2600, 2000), "white")
    halved = np.asarray(large.resize((1300, 1000)))

    ((part, rgb),) = crops(halved, "trim", (2600, 2000))

    assert part.kind is PartKind.CROP
    assert part.box is not None
    assert np.abs(np.subtract(part.box, (300, 250, 2000, 1500))).max() <= 2 * CLOSE
    assert np.abs(np.subtract(rgb.shape, (750, 1000, 3))).max() <= CLOSE


@pytest.mark.parametrize(("views", "cuts"), [("none", 0), ("trim", 1), ("insets", 2), ("crops", 7)])
def test_the_setting_says_what_is_cut(views: QueryViews, cuts: int) -> None:
    page = saved(framed(photo(), Box(60, 40, 400, 300), (520, 380), "white"))

    cut = crops(page, views)

    assert [part.number for part, _ in cut] == list(range(cuts))


@trials(deadline=None, max_examples=50)
@given(st.integers(0, 255), sides, sides, sides, sides, st.integers(0, 2**32))
def test_any_plain_border_is_taken_off_to_the_pixel(
    level: int, left: int, top: int, right: int, bottom: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (150, 200, 3), np.uint8)
    around = ((top, bottom), (left, right), (0, 0))

    found = contents(np.pad(noise, around, constant_values=level))

    assert found == [Box(left, top, 200, 150)]


@trials(deadline=None, max_examples=50)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32))
def test_each_cut_lies_within_the_one_before(width: int, height: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.choice(np.array([0, 9, 255], np.uint8), (5, 5, 3)))
    rgb = np.asarray(coarse.resize((width, height), Image.Resampling.NEAREST))

    outer = Box(0, 0, width, height)
    for box in contents(rgb):
        assert outer.left <= box.left
        assert outer.top <= box.top
        assert box.left + box.width <= outer.left + outer.width
        assert box.top + box.height <= outer.top + outer.height
        assert box.area < outer.area
        outer = box
