"""Augmentations: random edits that a descriptor is trained on."""

from random import Random

import numpy as np
import pytest
from PIL import Image

from indexer.model.training.augmentations import generative, geometric, layouts, screens
from indexer.model.training.augmentations.base import Edit

RED, BLUE = (200, 0, 20), (0, 60, 200)
SEEDS = range(40)


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (180, 120), colour)


def noise() -> Image.Image:
    """Return a picture in which no two places are alike."""
    values = np.random.default_rng(1).integers(0, 256, (120, 180, 3), dtype=np.uint8)
    return Image.fromarray(values)


def slope() -> Image.Image:
    """Return a picture that is dark to the left and bright to the right."""
    return Image.linear_gradient("L").rotate(90).resize((180, 120)).convert("RGB")


def share_of(colour: tuple[int, int, int], picture: Image.Image) -> float:
    return float((np.asarray(picture) == colour).all(axis=2).mean())


@pytest.mark.parametrize(
    "change",
    [
        generative.inpaint,
        generative.stylise,
        geometric.crop_mirrored,
        layouts.collage,
        screens.show_in_app,
    ],
)
@pytest.mark.parametrize("size", [(16, 16), (16, 300), (300, 16), (401, 263)])
def test_an_edit_takes_any_size_and_repeats_itself_from_the_same_state(
    change: Edit, size: tuple[int, int]
) -> None:
    picture = noise().resize(size)
    before = picture.copy()

    for seed in range(6):
        edited = change(picture, Random(seed), noise)

        assert edited.mode == "RGB"
        assert edited == change(picture, Random(seed), noise)
    assert picture == before


def test_an_app_shows_the_picture_large_enough_to_be_known() -> None:
    shares = [
        share_of(RED, screens.show_in_app(plain(RED), Random(seed), lambda: plain(BLUE)))
        for seed in SEEDS
    ]

    assert min(shares) > 0.08
    assert max(shares) < 0.9


def test_an_app_is_light_or_dark_and_no_two_are_alike() -> None:
    pages = [screens.show_in_app(plain(RED), Random(seed), lambda: plain(BLUE)) for seed in SEEDS]

    corners = [sum(page.getpixel((0, page.height // 2 + 1))) for page in pages]
    assert min(corners) < 300
    assert max(corners) > 600
    assert len({page.tobytes() for page in pages}) == len(pages)


def test_a_collage_shows_the_picture_once_among_one_to_eight_others() -> None:
    ratios = []
    for seed in SEEDS:
        picture = layouts.collage(plain(RED), Random(seed), lambda: plain(BLUE))
        ratios.append(round(share_of(BLUE, picture) / share_of(RED, picture)))

    assert {1, 3, 5, 8} <= set(ratios)
    assert max(ratios) == 8


def test_inpainting_changes_a_part_and_leaves_the_rest() -> None:
    before = np.asarray(noise())
    for seed in SEEDS:
        after = np.asarray(generative.inpaint(noise(), Random(seed), noise))

        assert 0.2 < (after == before).all(axis=2).mean() < 0.999


def test_a_style_changes_colours_and_keeps_what_is_where() -> None:
    before = np.asarray(slope().convert("L"), float).ravel()
    kept = []
    for seed in SEEDS:
        styled = generative.stylise(slope(), Random(seed), noise)

        assert styled.size == (180, 120)
        assert styled != slope()
        after = np.asarray(styled.convert("L"), float).ravel()
        if after.std() > 5:  # a drawing of a slope may be blank
            kept.append(abs(np.corrcoef(before, after)[0, 1]))
    assert np.median(kept) > 0.7


def test_a_mirrored_crop_is_bright_where_the_picture_was_dark() -> None:
    for seed in SEEDS:
        part = np.asarray(geometric.crop_mirrored(slope(), Random(seed), noise).convert("L"))

        left, right = part[:, 0].mean(), part[:, -1].mean()
        assert (left > right) != (slope().getpixel((0, 0)) > slope().getpixel((179, 0)))
