"""What a picture may cost is bounded before its pixels are decoded, and while they are there."""

import struct
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from indexer.errors import CostlyImage, ImageTooLarge, UnreadableImage
from indexer.images import pixel_budget
from indexer.images.decode import check, decode, decoded
from indexer.images.pixel_budget import SMALL, limit_pixels
from indexer.settings import Settings
from support import crafted, pictures
from support.nasty import NASTY

LIMITS = Settings().image_limits


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    monkeypatch.setattr(pixel_budget, "_budget", None)
    return limit_pixels


def plain(width: int, height: int, kind: str = "PNG") -> bytes:
    return pictures.encode(Image.new("L", (width, height), 90), kind)


@pytest.mark.parametrize(("width", "height"), [(800, 40_000), (40_000, 800), (65_535, 700)])
def test_panoramas_and_comics_in_one_strip_pass(width: int, height: int) -> None:
    check(plain(width, height), LIMITS)


@pytest.mark.parametrize(
    ("width", "height", "setting"),
    [
        (65_536, 700, "LOOKALIKE_MAX_IMAGE_SIDE"),
        (700, 65_536, "LOOKALIKE_MAX_IMAGE_SIDE"),
        (10_100, 100, "LOOKALIKE_MAX_IMAGE_ASPECT"),
        (1, 101, "LOOKALIKE_MAX_IMAGE_ASPECT"),
    ],
)
def test_a_picture_too_long_or_too_thin_is_refused(width: int, height: int, setting: str) -> None:
    with pytest.raises(ImageTooLarge, match=setting):
        check(plain(width, height), LIMITS)


def test_the_limits_of_side_and_aspect_can_be_raised() -> None:
    check(plain(1, 70_000), replace(LIMITS, max_side=70_000, max_aspect=70_000))


@pytest.mark.parametrize(
    "name",
    [
        "bmp-ends_of_lines.bmp",
        "bmp-runs_of_one.bmp",
        "bmp-runs_beyond_their_row.bmp",
        "tiff-beyond_its_edges.tiff",
        "png-16_bits_of_6_interlaced.png",
    ],
)
def test_what_would_take_seconds_to_decode_is_refused_by_its_header(name: str) -> None:
    with pytest.raises(CostlyImage, match="of a core"):
        check(NASTY[name](), LIMITS)


def test_an_avif_that_all_else_would_wait_for_is_refused_by_its_header() -> None:
    sizes = ((5600, 5600), (6000, 6000))  # Pillow copies 94 and 108 MB of them at once
    fair, large = (pictures.encode(Image.new("L", size), "AVIF", speed=10) for size in sizes)

    check(fair, LIMITS)
    with pytest.raises(CostlyImage, match="everything else waiting"):
        check(large, LIMITS)


def test_a_small_bmp_of_run_lengths_is_read() -> None:
    runs = (b"\x40\1" + b"\0\0") * 64 + b"\0\1"
    data = crafted.bmp(64, 64, runs, bits=8, compression=1, palette=(0, 0xFFFFFF))

    assert decode(data, LIMITS).rgb.mean() == 255


@pytest.mark.parametrize("name", ["smaller_than_coded", "larger_than_coded"])
def test_an_avif_whose_header_states_another_size_is_refused(name: str) -> None:
    with pytest.raises(UnreadableImage, match="does not state the size"):
        check(NASTY[f"avif-{name}.avif"](), LIMITS)


def test_an_animated_avif_whose_track_states_another_size_is_refused() -> None:
    frames = [Image.new("RGB", (64, 48), level) for level in ("red", "blue")]
    data = pictures.encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    check(data, LIMITS)
    item, entry = struct.pack(">II", 64, 48), struct.pack(">HH", 64, 48)
    lying = crafted.patched(data, item, struct.pack(">II", 10, 10))
    lying = crafted.patched(lying, entry, struct.pack(">HH", 10, 10))

    with pytest.raises(UnreadableImage, match="does not state the size"):
        check(lying, LIMITS)


def test_strips_that_share_their_bytes_are_refused() -> None:
    with pytest.raises(UnreadableImage, match="share their bytes"):
        check(NASTY["tiff-shared_deflate.tiff"](), LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_very_large_picture_is_reduced_once_it_is_decoded(kind: str) -> None:
    gradient = np.linspace(0, 255, 5000).astype(np.uint8)
    data = pictures.encode(Image.fromarray(np.tile(gradient, (4000, 1))), kind)

    picture = decode(data, LIMITS)

    assert (picture.width, picture.height) == (5000, 4000)
    assert picture.rgb.shape == (2000, 2500, 3)
    assert np.abs(picture.rgb[0, :, 0].astype(int) - gradient[::2]).max() <= 2


def test_a_16_megapixel_picture_keeps_every_pixel() -> None:
    assert decode(plain(4000, 4000), LIMITS).rgb.shape == (4000, 4000, 3)


def test_pixels_count_until_the_work_on_them_is_done(budget: Callable[[int], None]) -> None:
    data = plain(2500, 2000)
    budget(SMALL + 1)
    second = threading.Event()

    def ask() -> None:
        with decoded(data, LIMITS):
            second.set()

    with decoded(data, LIMITS):
        asking = threading.Thread(target=ask)
        asking.start()
        assert not second.wait(0.3)
    asking.join(20)
    assert second.is_set()


def test_what_fails_within_the_block_is_not_taken_for_a_damaged_picture(
    budget: Callable[[int], None],
) -> None:
    budget(SMALL + 1)
    with pytest.raises(KeyError), decoded(plain(2500, 2000), LIMITS):
        raise KeyError("something else")
    with decoded(plain(2500, 2000), LIMITS) as picture:  # its pixels were given back
        assert picture.width == 2500
