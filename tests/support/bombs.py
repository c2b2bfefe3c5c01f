"""Files that cost much more than they show: memory, time, or both."""

import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from support import crafted, pictures, small
from support.crafted import jpeg_segment, jpeg_with, png, png_header, png_pixels, png_with

_HUGE = 65_000  # pixels a side


def _png_claiming(width: int, height: int, **kinds: int) -> Callable[[], bytes]:
    return lambda: png(png_header(width, height, **kinds), png_pixels(bytes(1000)))


def _webp_of_many_frames() -> bytes:
    canvas = crafted.webp_canvas(1, 1, animated=True)
    pixel = pictures.encode(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    frame = b"ANMF", bytes(6) + bytes(6) + (100).to_bytes(3, "little") + b"\0" + pixel
    return crafted.webp(canvas, (b"ANIM", bytes(6)), *[frame] * 1500)


def _png_of_many_frames() -> bytes:
    pixels = np.zeros((1, 1), np.uint8)
    frames = [Image.fromarray(pixels + value % 2) for value in range(1200)]
    return pictures.encode(frames[0], "PNG", save_all=True, append_images=frames[1:])


def _huge_jpeg_of_many_scans() -> bytes:
    # Each scan is a few hundred bytes and a pass over 64 million pixels.
    large = Image.new("RGB", (8000, 8000), (200, 30, 30))
    return crafted.progressive_scans(pictures.encode(large, "JPEG", progressive=True), 2000)


def _tiff_of_many_strips() -> bytes:
    """Return a TIFF of 4 million rows of one pixel, each a strip with an address of its own."""
    rows = 4_000_000
    page = crafted.tiff(1, rows, tag_278=1, tag_273=0, tag_279=1)
    offsets = len(page)
    single = struct.pack("<HHII", 273, 4, 1, 0)
    many = struct.pack("<HHII", 273, 4, rows, offsets)
    return crafted.patched(page, single, many) + struct.pack("<I", 8) * rows


def _tiff_of_overlapping_pages() -> bytes:
    """Return a TIFF of 900 directories of 60,000 tags, most of which they share."""
    pages, period, number = 900, 12, 60_000
    page = crafted.tiff(1, 1, tag_273=4)
    tags = page[10:-4]
    # A directory that begins at any of the first periods says the same number of tags, as the last
    # two bytes of the tag before. It ends with a page's tags, and an address of its own.
    padding = struct.pack("<HHIHH", 65_000, 1, 1, 0, number)
    first = struct.pack("<2sHIH", b"II", 42, 8, number)
    body = padding * (number - len(tags) // period) + tags
    addresses = b"".join(struct.pack("<I8x", 8 + (page + 1) * period) for page in range(pages))
    return first + body + addresses


def _clear_palette_at_the_limit() -> bytes:
    """Return the largest picture that is accepted, in a palette with transparency."""
    return png(
        png_header(8000, 8000, bits=1, colour=3),
        (b"PLTE", b"\0\0\xff\xff\xff\0"),
        (b"tRNS", b"\x80"),
        png_pixels(bytes(1001) * 8000),
    )


TOO_LARGE: Mapping[str, Callable[[], bytes]] = {
    "claims_4_billion_squared.png": _png_claiming(2**31 - 1, 2**31 - 1),
    "claims_65000_squared.png": _png_claiming(_HUGE, _HUGE, bits=16, colour=6),
    "claims_65000_squared_interlaced.png": _png_claiming(_HUGE, _HUGE, interlace=1),
    "one_pixel_above_the_limit.png": _png_claiming(64_000_001, 1),
    "bomb.png": pictures.png_bomb,
    "claims_65000_squared.gif": lambda: crafted.gif(_HUGE, _HUGE, crafted.gif_frame(1, 1)),
    "frame_larger_than_its_screen.gif": lambda: crafted.gif(1, 1, crafted.gif_frame(_HUGE, _HUGE)),
    "claims_65000_squared.bmp": lambda: crafted.bmp(_HUGE, _HUGE),
    "claims_run_lengths.bmp": lambda: crafted.bmp(
        30_000, 30_000, b"\0\1", bits=8, compression=1, palette=(0, 1)
    ),
    "highest_upside_down.bmp": lambda: crafted.bmp(1, -(2**31)),
    "claims_65000_squared.tiff": lambda: crafted.tiff(_HUGE, _HUGE, bytes(64)),
    "claims_4_billion_squared.tiff": lambda: crafted.tiff(2**32 - 1, 2**32 - 1, bytes(64)),
    "claims_16383_squared.webp": lambda: crafted.webp(crafted.webp_lossless_header(16383, 16383)),
    "claims_a_huge_canvas.webp": lambda: crafted.webp(
        crafted.webp_canvas(16384, 16384, animated=True),
        (b"ANIM", bytes(6)),
        (b"ANMF", bytes(16) + crafted.webp(crafted.webp_lossless_header(1, 1))[12:]),
    ),
    "claims_65000_squared.jpg": lambda: crafted.jpeg_of_size(small.jpeg(), _HUGE, _HUGE),
    "many_frames.gif": lambda: pictures.gif_of_many_frames(5000),
    "many_frames.webp": _webp_of_many_frames,
    "many_frames.png": _png_of_many_frames,
    "claims_4_billion_frames.png": lambda: png_with(
        small.png(), crafted.animation_control(2**31 - 1), crafted.frame_control(0, 240, 160)
    ),
    "many_pages.tiff": lambda: pictures.tiff_of_many_pages(5000),
    "thin_line.png": lambda: png(png_header(1, 2_000_000), png_pixels(b"\0\x80" * 2_000_000)),
    "long_line.png": lambda: png(png_header(5_000_000, 1), png_pixels(b"\0" + bytes(5_000_000))),
    "longest_line.bmp": lambda: crafted.bmp(64_000_000, 1, b"\0\1", bits=8, compression=1),
    "line_down.png": lambda: png(png_header(1, 5000), png_pixels(b"\0\x80" * 5000)),
}
MANY_PIECES: Mapping[str, Callable[[], bytes]] = {
    "many_segments.jpg": lambda: jpeg_with(small.jpeg(), jpeg_segment(0xE5, b"") * 2_000_000),
    "exif_in_crumbs.jpg": lambda: jpeg_with(
        small.jpeg(), jpeg_segment(0xE1, b"Exif\0\0x") * 500_000
    ),
    "junk_before_pixels.jpg": lambda: jpeg_with(
        small.jpeg(), jpeg_segment(0xFE, b"") + bytes(20_000_000)
    ),
    "many_chunks.png": lambda: png_with(small.png(), *[(b"prVt", b"")] * 1_000_000),
    "comment_in_crumbs.gif": lambda: crafted.gif(
        1, 1, crafted.gif_extension(0xFE, *[b"x"] * 2_000_000), crafted.gif_frame(1, 1)
    ),
    "many_comments.gif": lambda: crafted.gif(
        1, 1, crafted.gif_extension(0xFE, b"x") * 1_000_000, crafted.gif_frame(1, 1)
    ),
    "many_strips.tiff": _tiff_of_many_strips,
    "overlapping_pages.tiff": _tiff_of_overlapping_pages,
}
SLOW: Mapping[str, Callable[[], bytes]] = {
    "many_scans.jpg": _huge_jpeg_of_many_scans,
    "runs_of_one.bmp": lambda: crafted.bmp(
        4000, 4000, (b"\1\1" * 4000 + b"\0\0") * 100, bits=8, compression=1, palette=(0, 1)
    ),
    "huge_deflated_tiles.tiff": lambda: crafted.tiff(
        64, 64, bytes(99), tag_259=8, tag_322=2**20, tag_323=2**20, tag_324=8, tag_325=99
    ),
    "64_bits_a_pixel.png": lambda: png(
        png_header(8000, 8000, bits=16, colour=6, interlace=1), png_pixels(bytes(1000))
    ),
}
"""Refused for the time that decoding them would take."""
COSTLY: Mapping[str, Callable[[], bytes]] = {
    "text_of_a_gigabyte.png": lambda: png_with(
        small.png(), (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**30), 1))
    ),
    "texts_of_a_gigabyte.png": lambda: png_with(
        small.png(), *[(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20 - 1)))] * 1000
    ),
    "profile_of_a_gigabyte.png": lambda: png_with(
        small.png(), (b"iCCP", b"ICC\0\0" + zlib.compress(bytes(2**30), 1))
    ),
}
"""Refused for the memory that a part of them would take."""
LARGE_BUT_LEGAL: Mapping[str, Callable[[], bytes]] = {
    "at_the_limit.png": _clear_palette_at_the_limit,
    "at_the_limit.webp": lambda: pictures.encode(
        Image.new("RGB", (8000, 8000), "teal"), "WEBP", lossless=True, method=0
    ),
    "at_the_limit_turned.jpg": lambda: jpeg_with(
        pictures.encode(Image.new("RGB", (8000, 8000), "teal"), "JPEG"),
        jpeg_segment(0xE1, crafted.exif((crafted.ORIENTATION, crafted.SHORT, 1, 6))),
    ),
    "small_frames_on_a_large_screen.gif": lambda: crafted.gif(
        7000, 7000, *[crafted.gif_frame(1, 1, place, 0) for place in range(300)]
    ),
    "strip_of_a_comic.png": lambda: png(
        png_header(800, 64_000, colour=2), png_pixels((b"\0" + bytes(2400)) * 64_000)
    ),
}
