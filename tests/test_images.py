"""Decoding: every odd but good picture is read right, every bad one gives its typed error."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from indexer.errors import EmptyImage, ImageTooLarge, InputError, UnreadableImage
from indexer.images.decode import decode
from indexer.settings import ImageLimits, Settings
from indexer.types import Rgb
from support import pictures

LIMITS = Settings().image_limits
# Pillow warns of metadata it cannot read; outside the tests that is a line on stderr, no error.
odd_metadata = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_image: ImageFile.ImageFile) -> None:
        pytest.fail("pixels were decoded before the limits were checked")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)


def mean_difference(left: Rgb, right: Rgb) -> float:
    return float(np.abs(left.astype(np.int16) - right).mean())


def grey(rgb: Rgb) -> Rgb:
    return np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))


@odd_metadata
@pytest.mark.parametrize("name", pictures.GOOD)
def test_pixels_are_upright_contiguous_8_bit_rgb(name: str) -> None:
    rgb = decode(pictures.GOOD[name](), LIMITS).rgb
    assert rgb.shape == (427, 640, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable


@odd_metadata
@pytest.mark.parametrize("name", pictures.GOOD)
def test_every_good_picture_looks_like_the_photo(name: str) -> None:
    rgb = decode(pictures.GOOD[name](), LIMITS).rgb[24:, 24:]  # without the transparent corner
    plain = np.asarray(pictures.photo())[24:, 24:]
    expected = grey(plain) if "grey" in name else plain
    assert mean_difference(rgb, expected) < 9  # palettes of 256 colours are the coarsest


@pytest.mark.parametrize("name", ["rgba_png", "grey_alpha_png", "palette_png_with_alpha"])
def test_transparency_is_laid_on_white(name: str) -> None:
    assert (decode(pictures.GOOD[name](), LIMITS).rgb[:20, :20] == 255).all()


@pytest.mark.parametrize("maker", [pictures.grey_16_bit_png, pictures.grey_16_bit_tiff])
def test_16_bit_grey_is_scaled_exactly(maker: Callable[[], bytes]) -> None:
    eight_bit = np.asarray(pictures.photo().convert("L"))
    assert np.array_equal(decode(maker(), LIMITS).rgb[..., 0], eight_bit)


def test_a_transparent_value_of_16_bit_grey_is_white() -> None:
    values = np.array([[0, 300, 65535]], np.uint16)
    data = pictures.encode(Image.fromarray(values), "PNG", transparency=300)
    assert decode(data, LIMITS).rgb[0, :, 0].tolist() == [0, 255, 255]


def test_a_bilevel_picture_is_black_and_white() -> None:
    assert set(np.unique(decode(pictures.bilevel_png(), LIMITS).rgb)) == {0, 255}


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int, format_name: str) -> None:
    rgb = decode(pictures.exif_rotated(orientation, format_name), LIMITS).rgb
    assert mean_difference(rgb, np.asarray(pictures.photo())) < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_grey_is_turned_upright_as_well(orientation: int) -> None:
    rgb = decode(pictures.exif_rotated_16_bit_png(orientation), LIMITS).rgb
    assert np.array_equal(rgb, grey(np.asarray(pictures.photo())))


@pytest.mark.parametrize(
    ("maker", "format_name"),
    [
        (pictures.animated_gif, "GIF"),
        (pictures.animated_png, "PNG"),
        (pictures.animated_webp, "WEBP"),
        (pictures.multi_page_tiff, "TIFF"),
    ],
)
def test_an_animation_gives_its_first_frame_and_their_number(
    maker: Callable[[], bytes], format_name: str
) -> None:
    picture = decode(maker(), LIMITS)
    assert (picture.format, picture.frame_count) == (format_name, 3)
    assert mean_difference(picture.rgb, np.asarray(pictures.photo())) < 9


@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("make", [pictures.gif_of_many_frames, pictures.tiff_of_many_pages])
def test_frames_are_counted_up_to_the_limit(make: Callable[[int], bytes], count: int) -> None:
    assert decode(make(count), LIMITS).frame_count == count


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("make", [pictures.gif_of_many_frames, pictures.tiff_of_many_pages])
def test_too_many_frames_are_refused_within_a_second(make: Callable[[int], bytes]) -> None:
    data = make(100_000)
    started = time.process_time()
    with pytest.raises(ImageTooLarge, match="1,000 frames"):
        decode(data, LIMITS)
    assert time.process_time() - started < 1


def test_a_damaged_second_page_does_not_lose_the_first() -> None:
    data = pictures.tiff_of_many_pages(2)
    broken = bytearray(data)
    broken[10 + 114 + 2 + 2 * 12 + 8] = 7  # second page: bits per sample 7, which is no mode
    assert decode(bytes(broken), LIMITS).rgb.tolist() == [[[128, 128, 128]]]


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("side", [30_000, 10_000, 8_500])  # above Pillow's error, warning, neither
def test_a_decompression_bomb_is_refused_within_a_second(side: int) -> None:
    data = pictures.png_bomb(side)
    assert len(data) < 2**20
    started = time.process_time()
    with pytest.raises(ImageTooLarge, match="LOOKALIKE_MAX_IMAGE_PIXELS"):
        decode(data, LIMITS)
    assert time.process_time() - started < 1


@pytest.mark.usefixtures("no_decoding")
def test_the_pixel_limit_is_ours_not_pillows() -> None:
    limits = ImageLimits(max_bytes=2**20, max_pixels=640 * 427 - 1, max_frames=1)
    with pytest.raises(ImageTooLarge, match="640 x 427"):
        decode(pictures.plain_jpeg(), limits)


def test_a_picture_of_exactly_the_limits_is_decoded() -> None:
    data = pictures.plain_jpeg()
    limits = ImageLimits(max_bytes=len(data), max_pixels=640 * 427, max_frames=1)
    assert decode(data, limits).format == "JPEG"


@pytest.mark.usefixtures("no_decoding")
def test_one_byte_more_than_the_limit_is_refused() -> None:
    data = pictures.plain_jpeg()
    limits = ImageLimits(max_bytes=len(data) - 1, max_pixels=10**6, max_frames=1)
    with pytest.raises(ImageTooLarge, match="LOOKALIKE_MAX_IMAGE_BYTES"):
        decode(data, limits)


def test_no_bytes_are_an_empty_image() -> None:
    with pytest.raises(EmptyImage):
        decode(b"", LIMITS)


@pytest.mark.parametrize(
    "maker",
    [
        pictures.plain_jpeg,
        pictures.palette_png,
        pictures.rgba_png,
        pictures.gif,
        pictures.webp,
        pictures.bmp,
        pictures.grey_16_bit_tiff,
        pictures.avif,
    ],
)
def test_a_truncated_picture_is_unreadable(maker: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableImage, match=r"again|Check the file"):
        decode(pictures.truncated(maker()), LIMITS)


@pytest.mark.parametrize("maker", [pictures.text, pictures.eps])
def test_what_is_no_picture_of_ours_is_unreadable(maker: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableImage, match="not an image in a supported format"):
        decode(maker(), LIMITS)


@pytest.mark.parametrize("maker", [pictures.float_tiff, pictures.grey_32_bit_tiff])
def test_values_without_a_known_white_are_unreadable(maker: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableImage, match="of unknown range"):
        decode(maker(), LIMITS)


@odd_metadata
@pytest.mark.parametrize("name", pictures.GOOD)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_a_typed_error(name: str, data: st.DataObject) -> None:
    damaged = bytearray(pictures.GOOD[name]())
    places = st.integers(0, min(len(damaged), 2_000) - 1)  # headers are where readers trip
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=12)):
        damaged[place] = value
    end = data.draw(st.integers(1, len(damaged)))
    try:
        rgb = decode(bytes(damaged[:end]), LIMITS).rgb
    except InputError:
        return
    assert rgb.ndim == 3


@odd_metadata
def test_decoding_is_the_same_from_eight_threads_at_once() -> None:
    files = [maker() for maker in pictures.GOOD.values()]
    alone = [decode(data, LIMITS).rgb for data in files]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda data: decode(data, LIMITS).rgb, files * 3))
    assert all(map(np.array_equal, together, alone * 3))
