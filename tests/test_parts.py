"""Parts of a picture: evenly spaced frames, and tiles whose boxes say where they lie."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.images.decode import decode
from indexer.images.parts import frame_numbers, frames, parts, tiles
from indexer.settings import Settings, TileRules
from indexer.types import PartKind
from support import pictures

pytestmark = pytest.mark.numeric

SETTINGS = Settings()
LIMITS, RULES = SETTINGS.image_limits, SETTINGS.tile_rules
LEVELS = [0, 40, 80, 120, 160, 200, 240, 20, 60]  # a grey of its own for each frame


def animation(levels: list[int], format: str = "GIF", **options: Any) -> bytes:
    stills = [Image.new("RGB", (64, 48), (level, level, level)) for level in levels]
    # a duration of its own for each frame keeps Pillow from merging equal ones
    durations = [100 + 10 * number for number in range(len(levels))]
    return pictures.encode(
        stills[0], format, save_all=True, append_images=stills[1:], duration=durations, **options
    )


def sampled(data: bytes, most: int) -> list[tuple[int, int]]:
    """Return number and grey level of the sampled frames."""
    picture = decode(data, LIMITS)
    return [(part.number, int(rgb.mean())) for part, rgb in frames(data, picture, LIMITS, most)]


@given(st.integers(1, 2000), st.integers(1, 50))
def test_frames_are_spread_evenly_to_the_last(frame_count: int, most: int) -> None:
    numbers = list(frame_numbers(frame_count, most))

    assert len(numbers) == min(most, frame_count - 1)
    if numbers:
        steps = np.diff([0, *numbers])
        assert numbers[-1] == frame_count - 1
        assert 1 <= steps.min() <= steps.max() <= steps.min() + 1


@pytest.mark.parametrize(
    ("format_name", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})]
)
def test_each_frame_is_the_one_that_its_number_says(
    format_name: str, options: dict[str, Any]
) -> None:
    found = sampled(animation(LEVELS, format_name, **options), 4)

    assert [number for number, _ in found] == [2, 4, 6, 8]
    assert [level for _, level in found] == pytest.approx([80, 160, 240, 60], abs=2)


def test_the_pages_of_a_tiff_are_frames() -> None:
    assert [number for number, _ in sampled(pictures.multi_page_tiff(), 4)] == [1, 2]


def test_a_short_animation_is_taken_whole() -> None:
    assert [number for number, _ in sampled(animation(LEVELS[:5]), 4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("make", [pictures.plain_jpeg, pictures.gif, pictures.webp])
def test_a_still_picture_has_no_further_frame(make: Any) -> None:
    assert sampled(make(), 4) == []


def test_no_frame_is_decoded_where_none_is_wanted() -> None:
    assert sampled(animation(LEVELS), 0) == []


def test_a_frame_that_shows_the_same_again_is_left_out() -> None:
    assert sampled(animation([0, 80, 0, 80, 160], "PNG"), 4) == [(1, 80), (4, 160)]


def test_the_second_picture_of_a_telephone_is_no_frame() -> None:
    second = Image.new("RGB", (64, 48), "red")
    data = pictures.encode(pictures.photo(), "MPO", save_all=True, append_images=[second])

    assert decode(data, LIMITS).frame_count == 2
    assert sampled(data, 4) == []


def test_a_damaged_frame_ends_the_sampling_not_the_picture() -> None:
    data = animation(LEVELS, "PNG")

    found = sampled(data[: len(data) * 2 // 3], 4)

    assert 0 < len(found) < 4
    assert found == sampled(data, 4)[: len(found)]


def test_an_animation_that_takes_too_long_is_sampled_from_its_beginning() -> None:
    data = animation(LEVELS)
    assert decode(data, LIMITS).reachable_frames > len(LEVELS)
    picture = replace(decode(data, LIMITS), reachable_frames=4)

    assert [part.number for part, _ in frames(data, picture, LIMITS, 4)] == [1, 2, 3]


@pytest.mark.parametrize("size", [(1023, 800), (600, 301), (150, 90)])
def test_a_small_picture_is_left_whole(size: tuple[int, int]) -> None:
    assert tiles(np.zeros((size[1], size[0], 3), np.uint8), RULES) == []


@settings(deadline=None)
@given(st.integers(20, 900), st.integers(20, 900), st.integers(1, 20))
def test_a_tile_shows_what_its_box_says(width: int, height: int, most: int) -> None:
    rows, columns = np.mgrid[0:height, 0:width]
    rgb = np.stack([rows % 251, columns % 251, rows // 251 * 16 + columns // 251], -1).astype(
        np.uint8
    )

    cut = tiles(rgb, TileRules(min_side=1, min_aspect=1, most=most))

    assert len(cut) <= most
    assert [part.number for part, _ in cut] == list(range(len(cut)))
    for part, tile in cut:
        assert part.kind is PartKind.TILE
        assert part.box is not None
        left, top, w, h = part.box
        assert np.array_equal(tile, rgb[top : top + h, left : left + w])
        assert min(w, h) >= 96


def test_the_boxes_of_a_reduced_picture_are_in_full_size_pixels() -> None:
    page = Image.new("RGB", (1200, 3000), "white")
    page.paste(pictures.photo(), (280, 1000))  # 640 x 427
    reduced = np.asarray(page.resize((600, 1500)))

    part, tile = tiles(reduced, RULES, full_size=page.size)[0]

    assert part.box == pytest.approx((280, 1000, 640, 427), abs=4)
    assert tile.shape[:2] == pytest.approx((214, 320), abs=2)


def test_panels_come_before_the_grid_and_are_not_cut_twice() -> None:
    collage = Image.new("RGB", (1300, 900), "white")
    for left in (10, 655):
        for top in (10, 455):
            collage.paste(pictures.photo().resize((635, 435)), (left, top))

    found = [part.box for part, _ in tiles(np.asarray(collage), RULES)]

    assert found[:4] == [
        (10, 10, 635, 435),
        (655, 10, 635, 435),
        (10, 455, 635, 435),
        (655, 455, 635, 435),
    ]
    assert len(found) == 4 + 5  # of the nine tiles of the grid the four corners show the same


def test_a_picture_has_tiles_only_when_they_are_wanted() -> None:
    buffer = io.BytesIO()
    pictures.photo().resize((1400, 900)).save(buffer, "JPEG")
    data = buffer.getvalue()
    picture = decode(data, LIMITS)

    assert list(parts(data, picture, SETTINGS, tiled=False)) == []
    assert {part.kind for part, _ in parts(data, picture, SETTINGS, tiled=True)} == {PartKind.TILE}


def test_an_animation_has_frames_and_its_first_one_tiles() -> None:
    stills = [pictures.photo().resize((1400, 900)), Image.new("RGB", (1400, 900), "blue")]
    data = pictures.encode(stills[0], "GIF", save_all=True, append_images=stills[1:])

    found = parts(data, decode(data, LIMITS), SETTINGS, tiled=True)

    assert [part.kind for part, _ in found] == [*[PartKind.TILE] * 9, PartKind.FRAME]
