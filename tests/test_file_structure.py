import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import UnreadableImage
from indexer.images.file_structure import examine
from support import bombs, crafted, pictures

MAX_FRAMES = 1000
PREFIXES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"")


@given(st.sampled_from(PREFIXES), st.binary(max_size=200))
def test_whatever_follows_a_known_beginning_is_counted_or_refused(
    prefix: bytes, rest: bytes
) -> None:
    try:
        structure = examine(prefix + rest, MAX_FRAMES)
    except UnreadableImage:
        return
    assert structure.passes >= 1
    assert structure.frames is None or 1 <= structure.frames <= MAX_FRAMES + 1


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (pictures.plain_jpeg, (None, 1)),
        (pictures.jpeg_with_zip_behind, (None, 1)),
        (lambda: pictures.encode(pictures.photo(), "JPEG", progressive=True), (None, 10)),
        (pictures.animated_gif, (3, 1)),
        (pictures.gif, (1, 1)),
        (pictures.multi_page_tiff, (3, 1)),
        (lambda: pictures.encode(pictures.photo(), "TIFF", big_tiff=True), (1, 1)),
        (pictures.cmyk_tiff, (1, 1)),
        (pictures.animated_png, (None, 1)),
        (pictures.webp, (None, 1)),
        (pictures.avif, (None, 1)),
        (pictures.bmp, (None, 1)),
    ],
)
def test_ordinary_pictures_are_counted(
    make: Callable[[], bytes], expected: tuple[int | None, int]
) -> None:
    structure = examine(make(), MAX_FRAMES)

    assert (structure.frames, structure.passes) == expected


def test_pictures_within_a_jpegs_metadata_are_not_counted() -> None:
    thumbnail = pictures.encode(pictures.photo().resize((160, 107)), "JPEG", progressive=True)
    segment = crafted.jpeg_segment(0xE1, b"Exif\0\0" + thumbnail)
    assert examine(crafted.jpeg_with(pictures.plain_jpeg(), segment), MAX_FRAMES).passes == 1


def test_counting_frames_stops_behind_the_limit() -> None:
    assert examine(pictures.gif_of_many_frames(500), 10).frames == 11
    assert examine(pictures.tiff_of_many_pages(500), 10).frames == 11


def test_a_file_with_as_many_pieces_as_a_large_one_needs_passes() -> None:
    # 8 KB a chunk is what most encoders write; 32 MiB is the most bytes that a file may have
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1500, 3), np.uint8)
    data = pictures.encode(Image.fromarray(noise), "PNG", compress_level=0)
    chunks = crafted.png_with(data, *[(b"prVt", bytes(2000))] * 10_000)
    assert examine(chunks, MAX_FRAMES).data == chunks


@pytest.mark.parametrize("name", bombs.MANY_PIECES)
def test_a_file_of_too_many_pieces_is_refused_at_once(name: str) -> None:
    data = bombs.MANY_PIECES[name]()
    begun = time.process_time()
    with pytest.raises(UnreadableImage, match="segments, chunks"):
        examine(data, MAX_FRAMES)
    assert time.process_time() - begun < 1
