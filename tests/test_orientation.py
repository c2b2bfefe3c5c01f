"""The orientation is read without a library, and as the library reads it."""

import time
import warnings

import pytest
from PIL import Image

from indexer.images.decode import decode, decode_frames
from indexer.images.orientation import exif_orientation, xmp_orientation
from indexer.settings import Settings
from support import crafted, nasty, pictures

LIMITS = Settings().image_limits


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(kind: str, orientation: int) -> None:
    photo = pictures.photo().resize((60, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.encode(photo, kind, exif=exif)

    picture = decode(data, LIMITS)

    sideways = orientation > 4
    assert (picture.width, picture.height) == ((40, 60) if sideways else (60, 40))
    assert picture.rgb.shape[:2] == (picture.height, picture.width)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_later_frames_are_turned_as_the_first(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames_of = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue", "green")]
    data = pictures.encode(
        frames_of[0], kind, save_all=True, append_images=frames_of[1:], exif=exif
    )

    shapes = {rgb.shape for _, rgb in decode_frames(data, [1, 2], LIMITS)}

    assert shapes == {decode(data, LIMITS).rgb.shape} == {(60, 40, 3)}


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_both_byte_orders_are_read(endian: str, prefix: bytes) -> None:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a maker whose name stands elsewhere"
    exif[0x0112] = 6

    assert exif_orientation(prefix + exif.tobytes()[6:]) == 6


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"MM\0*\0\0\0\x08\0\x05",
        crafted.exif((crafted.ORIENTATION, crafted.SHORT, 2**32 - 1, 8)),
        crafted.exif((crafted.ORIENTATION, crafted.ASCII, 4, 0x36)),
    ],
)
def test_a_broken_block_states_no_orientation(block: bytes) -> None:
    assert exif_orientation(block) is None


def test_the_orientation_of_an_editor_that_writes_xmp_alone_is_read() -> None:
    packet = b'<x><rdf:Description tiff:Orientation="8"/></x>'
    data = crafted.jpeg_with(
        pictures.plain_jpeg(),
        crafted.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
    )

    assert xmp_orientation(packet) == 8
    assert decode(data, LIMITS).width == pictures.photo().height


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff"])
@pytest.mark.parametrize("broken", ["beyond_the_end", "of_4_billion_values"])
def test_sixty_thousand_broken_tags_cost_no_time_and_no_warning(kind: str, broken: str) -> None:
    suffix = "jpg" if kind == "jpeg" else kind
    data = nasty.NASTY[f"{kind}-exif_{broken}.{suffix}"]()

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        begun = time.process_time()
        decode(data, LIMITS)
        took = time.process_time() - begun

    assert not warned
    assert took < 1
