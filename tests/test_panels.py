"""Where tiles lie: panels on a plain background are found exactly, the grid covers everything."""

import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from indexer.images.panels import Box, grid, overlap, panels
from support import pictures

pytestmark = pytest.mark.numeric

sides = st.integers(200, 3000)
boxes = st.builds(Box, *[st.integers(0, 50)] * 2, *[st.integers(1, 50)] * 2)


def saved_and_read(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def long_page(background: str = "white") -> Image.Image:
    """Return a page of text with the photo (480 x 320) at 300, 2000."""
    page = Image.new("RGB", (1080, 4000), background)
    draw = ImageDraw.Draw(page)
    for top in range(40, 3900, 44):
        draw.text((60, top), "Some words of a long page. " * 2, fill="grey", font_size=24)
    page.paste(background, (0, 1960, 1080, 2360))
    page.paste(pictures.photo().resize((480, 320)), (300, 2000))
    return page


def assert_near(box: Box, expected: tuple[int, int, int, int], pixels: int) -> None:
    assert np.abs(np.subtract(box, expected)).max() <= pixels, box


@pytest.mark.parametrize("background", ["white", "black", "navy"])
@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_photo_on_a_page_of_text_is_found_to_a_few_pixels(background: str, quality: int) -> None:
    (panel,) = panels(np.asarray(saved_and_read(long_page(background), quality)))

    assert_near(panel, (300, 2000, 480, 320), 4)


def test_the_cells_of_a_collage_are_found() -> None:
    collage = Image.new("RGB", (1000, 800), "black")
    cells = [
        (20 + 330 * column, 20 + 260 * row, 300, 230) for row in range(3) for column in range(3)
    ]
    for left, top, width, height in cells:
        collage.paste(pictures.photo().resize((width, height)), (left, top))

    found = panels(np.asarray(saved_and_read(collage, 90)))

    for panel, cell in zip(sorted(found, key=lambda box: (box.top, box.left)), cells, strict=True):
        assert_near(panel, cell, 4)


def test_a_photo_alone_has_no_panel() -> None:
    assert panels(np.asarray(pictures.photo())) == []


def test_an_empty_page_has_no_panel() -> None:
    assert panels(np.full((2000, 1000, 3), 255, np.uint8)) == []


def test_the_largest_panel_comes_first() -> None:
    page = Image.new("RGB", (1200, 1200), "white")
    for side, top in ((100, 20), (400, 200), (200, 700)):
        page.paste(pictures.photo().resize((side, side)), (50, top))

    assert [box.width for box in panels(np.asarray(page))] == [400, 200, 100]


@settings(deadline=None)
@given(st.binary(min_size=12, max_size=48), st.integers(1, 4))
def test_panels_lie_within_the_picture_and_apart(data: bytes, columns: int) -> None:
    cells = np.frombuffer(data, np.uint8)[: len(data) // columns * columns].reshape(-1, columns)
    grey = np.kron(cells, np.ones((100, 100), np.uint8))
    rgb = np.repeat(grey[..., np.newaxis], 3, axis=2)

    found = panels(rgb)

    for box in found:
        assert 0 <= box.left <= box.left + box.width <= rgb.shape[1]
        assert 0 <= box.top <= box.top + box.height <= rgb.shape[0]
    assert all(overlap(a, b) == 0 for n, a in enumerate(found) for b in found[:n])


@given(sides, sides, st.integers(1, 40))
def test_the_grid_is_bounded_and_inside_the_picture(width: int, height: int, most: int) -> None:
    tiles = grid(width, height, most)

    assert len(tiles) == len(set(tiles)) <= most
    for box in tiles:
        assert box.left >= 0 <= box.top
        assert box.left + box.width <= width
        assert box.top + box.height <= height


@settings(deadline=None)
@given(sides, sides)
def test_sixteen_tiles_cover_a_picture(width: int, height: int) -> None:
    covered = np.zeros((height, width), np.bool_)
    for left, top, w, h in grid(width, height, 16):
        covered[top : top + h, left : left + w] = True

    assert covered[: height // 2 * 2, : width // 2 * 2].all()


def test_the_tiles_of_a_long_picture_are_squares_that_overlap_by_half() -> None:
    tiles = grid(500, 3000, 16)

    assert {(box.width, box.height) for box in tiles} == {(500, 500)}
    assert {below.top - above.top for above, below in pairwise(tiles)} == {250}
    assert [box[1::-1] for box in grid(3000, 500, 16)] == [box[:2] for box in tiles]


@given(boxes, boxes)
def test_overlap_is_symmetric_and_whole_for_the_same_box(one: Box, other: Box) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert (overlap(one, other) == 1) == (one == other)
    assert 0 <= overlap(one, other) <= 1
