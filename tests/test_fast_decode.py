"""The fast way through a JPEG gives Pillow's pixels, and at half size what matters of them."""

import csv
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from indexer.embedding_space import decode_size
from indexer.errors import ImageTooLarge, UnreadableImage
from indexer.images.decode import decode
from indexer.images.fingerprints import hamming, pdq
from indexer.images.jpeg_decode import decode_jpeg
from indexer.images.rgb import to_rgb
from indexer.images.webp_decode import decode_webp
from indexer.model import Encoder, load_encoder
from indexer.settings import SHIPPED_MODEL, ImageLimits, Settings
from indexer.types import Rgb
from support import pictures
from support.bad_corpus import judge
from support.extent import extent
from support.forked import measure

pytestmark = pytest.mark.numeric

LIMITS = Settings().image_limits
ROOT = Path(__file__).parents[1]
PHOTOS = sorted((ROOT / "photos").glob("*.jpg"))
BENCH = ROOT.parent / "shared" / "bench" / "dev"
COSINE = 0.999
LARGE_WEBP = 4100, 4000
PDQ_BITS = 10  # of the 31 that make a near duplicate; most photos move by none or 2


def by_pillow(data: bytes) -> Rgb:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def jpeg(picture: Image.Image, **options: object) -> bytes:
    return pictures.encode(picture, "JPEG", **options)


def enlarged(photo: Image.Image, short_side: int) -> bytes:
    factor = short_side / min(photo.size)
    size = round(photo.width * factor), round(photo.height * factor)
    return jpeg(photo.resize(size, Image.Resampling.LANCZOS), quality=90)


# --- the whole picture ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", PHOTOS[:: extent(3, 1)], ids=lambda path: path.stem)
def test_a_photo_has_the_pixels_that_pillow_gives(path: Path) -> None:
    data = path.read_bytes()
    height, width, _ = by_pillow(data).shape
    fast = decode_jpeg(data, (width, height), halve=False)

    assert fast is not None
    assert np.array_equal(fast, by_pillow(data))
    assert np.array_equal(decode(data, LIMITS).rgb, fast)


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": 0},
        {"subsampling": 1},
        {"subsampling": 2},
        {"progressive": True},
        {"quality": 5},
        {"restart_marker_blocks": 3},
        {"keep_rgb": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_kind_of_jpeg_has_the_pixels_that_pillow_gives(
    mode: str, options: dict[str, object]
) -> None:
    data = jpeg(pictures.photo().convert(mode), **options)

    assert np.array_equal(decode(data, LIMITS).rgb, by_pillow(data))


def test_the_pixels_may_be_written_to() -> None:
    assert decode(pictures.plain_jpeg(), LIMITS).rgb.flags.writeable
    half = decode(pictures.plain_jpeg(), LIMITS, at_least=(10, 10)).rgb
    assert half.flags.writeable
    assert half.flags.c_contiguous


# --- half of it ----------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    at_least=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    orientation=st.integers(1, 8),
)
@example(size=(2, 3), at_least=(1, 1), orientation=1)  # a quarter would be enough
def test_a_jpeg_is_halved_only_where_both_halves_are_enough(
    size: tuple[int, int], at_least: tuple[int, int], orientation: int
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = jpeg(Image.new("RGB", size, "red"), exif=exif)

    picture = decode(data, LIMITS, at_least=at_least)

    upright = size if orientation < 5 else size[::-1]
    width, height = upright
    assert (picture.width, picture.height) == upright
    if width >= 2 * at_least[0] and height >= 2 * at_least[1]:
        assert picture.rgb.shape == (-(-height // 2), -(-width // 2), 3)
    else:
        assert picture.rgb.shape == (height, width, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_halved_picture_is_upright(orientation: int) -> None:
    half = decode(pictures.exif_rotated(orientation), LIMITS, at_least=(320, 200)).rgb

    expected = np.asarray(pictures.photo().resize((320, 214), Image.Resampling.BOX))
    assert half.shape == expected.shape
    assert np.abs(half.astype(np.int16) - expected).mean() < 8


@pytest.mark.parametrize(
    "maker",
    [pictures.rgba_png, pictures.gif, pictures.webp, pictures.cmyk_jpeg, pictures.grey_16_bit_png],
)
def test_other_formats_and_cmyk_are_decoded_whole(maker: object) -> None:
    data = maker()  # type: ignore[operator]
    with patch("indexer.images.decode.decode_jpeg") as fast:
        picture = decode(data, LIMITS, at_least=(1, 1))

    fast.assert_not_called()
    assert picture.rgb.shape[:2] == (picture.height, picture.width) == (427, 640)


def test_a_telephone_s_jpeg_with_a_second_picture_takes_the_fast_way() -> None:
    data = pictures.encode(
        pictures.photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))]
    )
    picture = decode(data, LIMITS, at_least=(300, 200))

    assert (picture.format, picture.frame_count) == ("MPO", 2)
    assert (picture.width, picture.height) == (640, 427)
    assert picture.rgb.shape == (214, 320, 3)


# --- what is not in order ------------------------------------------------------------------------


# --- large WebPs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"quality": 60}),
        pytest.param("RGB", {"lossless": True}, marks=pytest.mark.long),
        ("RGBA", {"lossless": True}),
        pytest.param(
            "RGB",
            {"save_all": True, "duration": 50, "append_images": [Image.new("RGB", LARGE_WEBP)]},
            marks=pytest.mark.long,
        ),
    ],
    ids=["lossy", "lossless", "clear", "moving"],
)
def test_a_large_webp_has_the_pixels_that_pillow_gives(
    mode: str, options: dict[str, object]
) -> None:
    picture = Image.effect_mandelbrot(LARGE_WEBP, (-2, -1, 1, 1), 30).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(LARGE_WEBP))
    data = pictures.encode(picture, "WEBP", method=0, **options)
    with Image.open(BytesIO(data)) as opened:
        pixels = decode_webp(opened, data)
        expected = to_rgb(opened)

        assert pixels is not None
        assert np.array_equal(pixels, np.asarray(opened))
    assert np.array_equal(decode(data, LIMITS).rgb, expected)


def test_a_large_webp_takes_at_most_14_bytes_a_pixel() -> None:
    data = pictures.encode(Image.new("RGB", (5000, 5000)), "WEBP", method=0)

    assert measure(judge, data).peak < 14 * 5000**2


def test_a_small_webp_is_left_to_pillow() -> None:
    data = pictures.webp()
    with Image.open(BytesIO(data)) as opened:
        assert decode_webp(opened, data) is None


def test_a_large_webp_without_its_pixels_is_left_to_pillow_which_refuses_it() -> None:
    data = bytearray(pictures.encode(Image.new("RGB", LARGE_WEBP), "WEBP", method=0))
    data[30:] = bytes(len(data) - 30)
    with Image.open(BytesIO(data)) as opened:
        assert decode_webp(opened, bytes(data)) is None
    with pytest.raises(UnreadableImage):
        decode(bytes(data), LIMITS)


@pytest.mark.parametrize("at_least", [None, (100, 100)])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.98])
def test_a_truncated_jpeg_is_refused(share: float, at_least: tuple[int, int] | None) -> None:
    data = pictures.plain_jpeg()

    with pytest.raises(UnreadableImage):
        decode(data[: int(len(data) * share)], LIMITS, at_least=at_least)


def test_faults_that_pillow_reads_over_are_read_over() -> None:
    data = bytearray(pictures.plain_jpeg())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\x00\x11\x22\x33"
    damaged = bytes(data)

    assert decode_jpeg(damaged, (640, 427), halve=False) is None
    assert np.array_equal(decode(damaged, LIMITS).rgb, by_pillow(damaged))
    picture = decode(damaged, LIMITS, at_least=(10, 10))
    assert picture.rgb.shape == (427, 640, 3)


def test_a_header_that_says_two_sizes_is_left_to_pillow() -> None:
    with patch("simplejpeg.decode_jpeg") as decoder:
        assert decode_jpeg(pictures.plain_jpeg(), (64, 64), halve=False) is None

    decoder.assert_not_called()


def test_limits_are_checked_before_the_fast_way_begins() -> None:
    limits = ImageLimits(max_bytes=2**20, max_pixels=640 * 427 - 1, max_frames=1)
    with patch("indexer.images.decode.decode_jpeg") as fast, pytest.raises(ImageTooLarge):
        decode(pictures.plain_jpeg(), limits, at_least=(10, 10))

    fast.assert_not_called()


# --- what half of it is worth --------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(model_cache: Path) -> Encoder:
    return load_encoder(SHIPPED_MODEL, "cpu", cache=model_cache)


def differences(encoder: Encoder, data: bytes) -> tuple[float, int]:
    """Return the cosine and the PDQ distance between the halved picture and the whole one."""
    whole = decode(data, LIMITS)
    half = decode(data, LIMITS, at_least=decode_size(encoder))
    assert half.rgb.shape[0] == -(-whole.height // 2)
    first, second = encoder.encode([whole.rgb, half.rgb]).embeddings
    hashes = [np.frombuffer(pdq(rgb).bits, np.uint8)[np.newaxis] for rgb in (whole.rgb, half.rgb)]
    return float(first @ second), int(hamming(*hashes)[0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("short_side", [2_688, pytest.param(3_400, marks=pytest.mark.long)])
def test_a_halved_photo_of_ours_embeds_and_hashes_like_the_whole(
    shipped: Encoder, short_side: int
) -> None:
    for path in PHOTOS[:: extent(6, 2)]:
        with Image.open(path) as photo:
            cosine, bits = differences(shipped, enlarged(photo.convert("RGB"), short_side))
        assert cosine >= COSINE, path.stem
        assert bits <= PDQ_BITS, path.stem


def bench_photos() -> Iterator[Path]:
    with (BENCH / "refs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "photo":
                yield BENCH / row["reference_path"]


@pytest.mark.long
@pytest.mark.skipif(not BENCH.exists(), reason="the benchmark's photos are not beside the checkout")
def test_a_halved_photo_of_the_benchmark_embeds_and_hashes_like_the_whole(
    shipped: Encoder,
) -> None:
    for path in list(bench_photos())[::10]:
        with Image.open(path) as photo:
            cosine, bits = differences(shipped, enlarged(photo.convert("RGB"), 2_700))
        assert cosine >= COSINE, path.stem
        assert bits <= PDQ_BITS, path.stem


def test_the_shipped_model_asks_for_six_pixels_for_each_that_it_sees(shipped: Encoder) -> None:
    assert shipped.decode_size == decode_size(shipped) == (1344, 1344)
