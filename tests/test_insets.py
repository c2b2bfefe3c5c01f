"""A picture laid into another one is found by its edges."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.images.insets import insets
from indexer.images.panels import Box, overlap
from indexer.types import Rgb

pytestmark = pytest.mark.numeric

PHOTOS = Path(__file__).parents[1] / "photos"


def open_photo(name: str, size: tuple[int, int]) -> Image.Image:
    return Image.open(PHOTOS / f"{name}.jpg").convert("RGB").resize(size)


def laid_onto(background: Image.Image, photo: Image.Image, place: tuple[int, int]) -> Rgb:
    canvas = background.copy()
    canvas.paste(photo, place)
    return np.asarray(canvas)


@pytest.mark.parametrize("background", ["forest-stream", "rock-facade", "sheep"])
@pytest.mark.parametrize("photo", ["clownfish", "tabby-cat", "dandelions"])
def test_a_photo_on_another_is_found(background: str, photo: str) -> None:
    picture = laid_onto(
        open_photo(background, (640, 480)), open_photo(photo, (300, 220)), (90, 130)
    )

    assert max(overlap(box, Box(90, 130, 300, 220)) for box in insets(picture)) > 0.9


def test_a_photo_that_reaches_the_corner_is_found() -> None:
    picture = laid_onto(
        open_photo("snow-at-sunset", (640, 480)), open_photo("koala", (320, 300)), (320, 180)
    )

    assert max(overlap(box, Box(320, 180, 320, 300)) for box in insets(picture)) > 0.9


def test_boxes_are_in_pixels_of_the_picture_whatever_its_size() -> None:
    small = laid_onto(open_photo("sheep", (320, 240)), open_photo("bee", (150, 110)), (45, 65))
    large = np.asarray(Image.fromarray(small).resize((1280, 960), Image.Resampling.NEAREST))

    (first, *_), (again, *_) = insets(small), insets(large)

    assert overlap(first.scaled(4, 4), again) > 0.9


def test_few_rectangles_within_a_photo_are_taken_for_insets() -> None:
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(PHOTOS.glob("*.jpg"))]

    found = [len(insets(photo)) for photo in photos]

    assert np.mean(found) <= 0.25  # 0.8 without a look at the seams


@pytest.mark.parametrize("seed", range(5))
def test_noise_makes_no_insets(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 25, (375, 500, 1))
    photo = np.asarray(open_photo("lake-and-peak", (500, 375)))

    assert insets((photo + noise).clip(0, 255).astype(np.uint8)) == []


def test_a_plain_picture_has_none() -> None:
    assert insets(np.full((300, 400, 3), 90, np.uint8)) == []


def test_no_more_boxes_come_than_are_wanted_and_no_two_of_one_place() -> None:
    canvas = Image.new("RGB", (640, 480), "white")
    for number, name in enumerate(("bee", "crab", "moose", "swans")):
        canvas.paste(
            open_photo(name, (280, 200)), (20 + 310 * (number % 2), 20 + 230 * (number // 2))
        )

    boxes = insets(np.asarray(canvas), most=4)

    assert 1 < len(boxes) <= 4
    assert len(insets(np.asarray(canvas), most=1)) == 1
    assert all(overlap(a, b) < 0.75 for a in boxes for b in boxes if a is not b)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 400), height=st.integers(1, 400), seed=st.integers(0, 99))
def test_boxes_lie_within_any_picture(width: int, height: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    blocks = np.kron(noise[::40, ::40], np.ones((40, 40, 1), np.uint8))[:height, :width]

    for box in insets(blocks):
        assert box.left >= 0
        assert box.top >= 0
        assert box.width > 0
        assert box.height > 0
        assert box.left + box.width <= width
        assert box.top + box.height <= height
