"""The pictures of a collage are found by their seams, and none in a picture that is whole."""

from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from indexer.images.collages import cells
from indexer.images.crops import crops
from indexer.images.panels import Box, overlap
from indexer.types import Rgb
from support.pictures import encode

pytestmark = pytest.mark.numeric

PHOTOS = sorted((Path(__file__).parents[1] / "photos").glob("*.jpg"))
CELL = (300, 240)  # pixels
GRIDS = [(2, 1), (1, 2), (3, 1), (1, 3), (2, 2), (3, 2), (2, 3), (3, 3)]
"""Columns and rows."""


def open_photo(path: Path, size: tuple[int, int] = CELL) -> Image.Image:
    return ImageOps.fit(Image.open(path).convert("RGB"), size)


def collage(columns: int, rows: int, gap: int, first: int = 0) -> tuple[Image.Image, list[Box]]:
    """Return a collage of the photos from one on, white between them, and where they lie."""
    width, height = CELL
    across, down = width + gap, height + gap
    made = Image.new("RGB", (columns * across - gap, rows * down - gap), "white")
    boxes = []
    for number, path in enumerate(islice(cycle(PHOTOS), first, first + columns * rows)):
        row, column = divmod(number, columns)
        made.paste(open_photo(path), (column * across, row * down))
        boxes.append(Box(column * across, row * down, *CELL))
    return made, boxes


def saved(image: Image.Image, quality: int) -> Rgb:
    with Image.open(BytesIO(encode(image, "JPEG", quality=quality))) as opened:
        return np.asarray(opened)


def best_overlap(box: Box, found: list[Box]) -> float:
    return max((overlap(box, other) for other in found), default=0.0)


@pytest.mark.parametrize("gap", [0, 4, 14])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: "{} by {}".format(*grid))
def test_each_picture_of_a_collage_is_cut_out(grid: tuple[int, int], gap: int) -> None:
    found = shown = 0
    for first in range(0, len(PHOTOS), 4):
        made, boxes = collage(*grid, gap, first)
        cut = [Box(*part.box) for part, _ in crops(saved(made, 85), "insets") if part.box]
        found += sum(best_overlap(box, cut) > 0.9 for box in boxes)
        shown += len(boxes)

    assert found >= 0.7 * shown  # as for two or three in a row; of four 0.95


def test_a_collage_is_found_again_when_it_was_saved_badly_and_shrunk() -> None:
    made, _ = collage(2, 2, 0)
    small = made.resize((made.width * 3 // 5, made.height * 3 // 5), Image.Resampling.BICUBIC)

    found = cells(saved(small, 60))

    assert len(found) == 4
    width, height = small.width // 2, small.height // 2
    assert best_overlap(Box(width, 0, width, height), found) > 0.95


def test_a_collage_within_a_border_is_found() -> None:
    made, boxes = collage(2, 2, 0)
    page = ImageOps.expand(made, (20, 150, 20, 300), "black")

    cut = [Box(*part.box) for part, _ in crops(saved(page, 85), "insets") if part.box]

    moved = [box._replace(left=box.left + 20, top=box.top + 150) for box in boxes]
    assert all(best_overlap(box, cut) > 0.9 for box in moved)


def test_the_cells_cover_the_picture() -> None:
    made, _ = collage(3, 2, 0)

    found = cells(np.asarray(made))

    assert len(found) == 6
    assert sum(box.area for box in found) == made.width * made.height


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
def test_a_photo_has_no_cells(path: Path) -> None:
    assert cells(np.asarray(Image.open(path).convert("RGB"))) == []


def test_tiles_that_look_alike_are_one_picture() -> None:
    tile = open_photo(PHOTOS[0])
    wall = Image.new("RGB", (2 * tile.width, 2 * tile.height))
    for left, top in ((0, 0), (tile.width, 0), (0, tile.height), (tile.width, tile.height)):
        wall.paste(tile, (left, top))

    assert cells(np.asarray(wall)) == []


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 2**32))
def test_whatever_the_picture_there_are_at_most_nine_cells_and_all_lie_within(
    width: int, height: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.choice(np.array([0, 90, 255], np.uint8), (6, 6, 3)))
    rgb = np.asarray(coarse.resize((width, height), Image.Resampling.NEAREST))

    found = cells(rgb)

    assert len(found) in {0, 2, 3, 4, 6, 9}
    for box in found:
        assert min(box.left, box.top) >= 0
        assert box.left + box.width <= width
        assert box.top + box.height <= height
        assert min(box.width, box.height) > 0
