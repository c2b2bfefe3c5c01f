"""Two hundred damaged, lying and hostile files, and what must become of each.

What a person could still see is accepted, because a picture must not escape the index by a broken
block of metadata or by an archive behind its last byte; everything else has the code of its error.
"""

import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from indexer.errors import CostlyImage, EmptyImage, ImageTooLarge, LookalikeError, UnreadableImage
from indexer.images.decode import decode
from indexer.settings import Settings
from support import bombs, crafted, pictures, small
from support.crafted import jpeg_segment, jpeg_with, png, png_header, png_pixels, png_with

Maker = Callable[[], bytes]
ACCEPTED = "accepted"
_SIDE = 64  # of pictures of which the content does not matter
_GREY_ROWS = (b"\0" + bytes(_SIDE)) * _SIDE  # a grey picture of that side, as PNG filters it


def _archive() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("index.html", "<script>alert(1)</script>")
    return buffer.getvalue()


# --- cut short -----------------------------------------------------------------------------------

_WHOLE: Mapping[str, Maker] = {
    "baseline.jpg": small.jpeg,
    "progressive.jpg": small.progressive,
    "photo.png": small.png,
    "interlaced.png": lambda: crafted.interlaced_png(np.asarray(small.photo())),
    "photo.gif": small.gif,
    "lossy.webp": lambda: pictures.encode(small.photo(), "WEBP", quality=80),
    "lossless.webp": lambda: pictures.encode(small.photo(), "WEBP", lossless=True),
    "photo.bmp": lambda: pictures.encode(small.photo(), "BMP"),
    "raw.tiff": lambda: small.tiff("raw"),
    "lzw.tiff": lambda: small.tiff("tiff_lzw"),
    "photo.avif": small.avif,
}


def _cut(whole: Maker, percent: int) -> Maker:
    return lambda: whole()[: max(24, len(whole()) * percent // 100)]


_TRUNCATED = {
    f"cut_at_{percent:02}_{name}": _cut(whole, percent)
    for name, whole in _WHOLE.items()
    for percent in (3, 33, 66, 95)
}
_TRUNCATED["without_end_marker.jpg"] = lambda: small.jpeg()[:-2]
_CUT_BEHIND_THE_PIXELS: Mapping[str, Maker] = {
    "without_trailer.gif": lambda: small.gif()[:-1],
    "without_end_chunk.png": lambda: small.png()[:-12],
    "second_frame_cut.gif": lambda: small.animated_gif()[: len(small.animated_gif()) * 9 // 10],
}

# --- two things at once --------------------------------------------------------------------------

_PAGE = b"*/=1;alert(1)/*<html><script>alert(1)</script></html>"
_POLYGLOTS: Mapping[str, Maker] = {
    "zip_behind.jpg": pictures.jpeg_with_zip_behind,
    "zip_behind.png": lambda: small.png() + _archive(),
    "zip_in_a_chunk.png": lambda: png_with(small.png(), (b"ziPf", _archive())),
    "gifar.gif": lambda: small.gif() + _archive(),
    "page_in_its_comment.jpg": lambda: jpeg_with(small.jpeg(), jpeg_segment(0xFE, _PAGE)),
    "page_in_its_comment.gif": lambda: crafted.gif(
        3, 1, crafted.gif_extension(0xFE, _PAGE), crafted.gif_frame(1, 1)
    ),
    "script.bmp": lambda: crafted.bmp(_SIDE, _SIDE, _PAGE.ljust(3 * _SIDE * _SIDE, b" ")),
    "document_in_a_segment.jpg": lambda: jpeg_with(
        small.jpeg(), jpeg_segment(0xE6, b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF")
    ),
    "program_behind.webp": lambda: _WHOLE["lossy.webp"]() + b"\x7fELF" + bytes(64),
}
_WRONG_NAMES: Mapping[str, Maker] = {
    "really_a_png.jpg": lambda: png_with(small.png(), (b"tEXt", b"Title\0named .jpg")),
    "really_a_jpeg.gif": lambda: jpeg_with(small.jpeg(), jpeg_segment(0xFE, b"named .gif")),
    "really_a_webp.png": lambda: pictures.encode(small.photo(), "WEBP", quality=70),
}
_NO_PICTURES: Mapping[str, Maker] = {
    "text.jpg": pictures.text,
    "page.jpg": lambda: b"<!DOCTYPE html><title>404</title>Not found",
    "archive.png": _archive,
    "document.jpg": lambda: pictures.encode(small.photo(), "PDF"),
    "page_before.jpg": lambda: _PAGE + small.jpeg(),
    "postscript.jpg": pictures.eps,
    "vectors.png": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"/></svg>',
    "laughs.png": lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><svg>&b;</svg>',
    "video.jpg": lambda: b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(64),
    "telephone.jpg": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    "program.png": lambda: b"\x7fELF\x02\x01\x01" + bytes(57),
    "zeros.jpg": lambda: bytes(4096),
    "icon.png": lambda: pictures.encode(small.photo(), "ICO"),
    "icons.png": lambda: pictures.encode(small.photo().resize((64, 64)), "ICNS"),
    "layers.png": lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(64),
    "jpeg2000.jpg": lambda: pictures.encode(small.photo(), "JPEG2000"),
    "targa.png": lambda: pictures.encode(small.photo(), "TGA"),
    "pixmap.png": lambda: pictures.encode(small.photo(), "PPM"),
    "paintbrush.png": lambda: pictures.encode(small.photo(), "PCX"),
    "surface.png": lambda: pictures.encode(small.photo(), "DDS"),
}

# --- broken metadata: the picture is there -------------------------------------------------------


def _jpeg_with_exif(block: bytes) -> Maker:
    return lambda: jpeg_with(small.jpeg(), jpeg_segment(0xE1, block))


_BROKEN_METADATA: Mapping[str, Maker] = {
    "exif_garbage.jpg": pictures.broken_exif,
    "exif_loop.jpg": _jpeg_with_exif(
        crafted.exif((crafted.ORIENTATION, crafted.SHORT, 1, 1), following=8)
    ),
    "exif_in_itself.jpg": _jpeg_with_exif(crafted.exif((crafted.EXIF_POINTER, crafted.LONG, 1, 8))),
    "exif_wild_offset.jpg": _jpeg_with_exif(
        crafted.exif(
            (0x010F, crafted.ASCII, 2**31, 2**31), (crafted.ORIENTATION, crafted.SHORT, 1, 1)
        )
    ),
    "exif_of_4_billion_values.jpg": _jpeg_with_exif(
        crafted.exif((crafted.ORIENTATION, crafted.SHORT, 2**32 - 1, 8))
    ),
    "orientation_99.jpg": _jpeg_with_exif(
        crafted.exif((crafted.ORIENTATION, crafted.SHORT, 1, 99))
    ),
    "orientation_0.jpg": _jpeg_with_exif(crafted.exif((crafted.ORIENTATION, crafted.SHORT, 1, 0))),
    "orientation_text.jpg": _jpeg_with_exif(
        crafted.exif((crafted.ORIENTATION, crafted.ASCII, 4, 0x36))
    ),
    "orientation_by_zero.jpg": _jpeg_with_exif(
        crafted.exif((crafted.ORIENTATION, crafted.RATIONAL, 1, 26)) + bytes(8)
    ),
    "exif_of_60000_tags.png": lambda: png_with(
        small.png(),
        (b"eXIf", crafted.exif(*[(tag, crafted.SHORT, 1, 1) for tag in range(60_000)])[6:]),
    ),
    "exif_not_hexadecimal.png": lambda: png_with(
        small.png(), (b"tEXt", b"Raw profile type exif\0\nexif\n  99999\nnot hexadecimal\n")
    ),
    "profile_garbage.png": lambda: png_with(small.png(), (b"iCCP", b"ICC\0\0not deflated")),
    "profile_garbage.jpg": lambda: jpeg_with(
        small.jpeg(), jpeg_segment(0xE2, b"ICC_PROFILE\0\xff\0" + bytes(40))
    ),
    "pictures_without_number.jpg": lambda: jpeg_with(
        small.jpeg(),
        jpeg_segment(
            0xE2, b"MPF\0" + crafted.exif((0xB001, crafted.LONG, 1, 2**31), (0xB002, 7, 16, 38))[6:]
        ),
    ),
    "next_page_is_this_one.tiff": lambda: crafted.tiff(
        _SIDE, _SIDE, bytes(_SIDE * _SIDE), following=8
    ),
    "next_page_is_nowhere.tiff": lambda: crafted.tiff(
        _SIDE, _SIDE, bytes([9]) * _SIDE * _SIDE, following=2**32 - 2
    ),
    "animation_without_frames.png": lambda: png_with(small.png(), crafted.animation_control(0)),
    "animation_of_missing_frames.png": lambda: png_with(
        small.png(), crafted.animation_control(5), crafted.frame_control(0, 240, 160)
    ),
    "wrong_pixel_checksum.png": lambda: crafted.flipped(small.png(), [8 * (len(small.png()) - 14)]),
    "flipped_bits.jpg": lambda: crafted.flipped(
        small.jpeg(), range(len(small.jpeg()) * 4, len(small.jpeg()) * 5, 997)
    ),
}

# --- without contrast: NaN is near ---------------------------------------------------------------


def _plain(size: tuple[int, int], colour: object, mode: str = "RGB") -> Maker:
    return lambda: pictures.encode(Image.new(mode, size, colour), "PNG")  # type: ignore[arg-type]


_CONSTANT: Mapping[str, Maker] = {
    "black.png": _plain((300, 200), "black"),
    "white.png": _plain((300, 200), "white"),
    "red.png": _plain((300, 200), "red"),
    "black.jpg": lambda: pictures.encode(Image.new("RGB", (64, 64)), "JPEG"),
    "white.gif": lambda: crafted.gif(1, 1, crafted.gif_frame(1, 1)),
    "one_black_pixel.png": _plain((1, 1), "black"),
    "one_white_pixel.png": _plain((1, 1), "white"),
    "four_pixels.png": _plain((2, 2), "grey"),
    "narrow.png": _plain((3, 300), "white"),
    "low.png": _plain((300, 3), "black"),
    "clear.png": _plain((64, 64), (255, 0, 0, 0), "RGBA"),
    "grey_16_bit_black.png": _plain((64, 64), 0, "I;16"),
    "bilevel.png": _plain((64, 64), 1, "1"),
}

# --- rare, but in order --------------------------------------------------------------------------


def _cmyk_without_adobe() -> bytes:
    return crafted.jpeg_without(
        pictures.encode(small.photo().convert("CMYK"), "JPEG", quality=88), 0xEE
    )


def _avif_size(width: int, height: int) -> bytes:
    return struct.pack(">4sIII", b"ispe", 0, width, height)


def _colour_16_bit(colour: int, channels: int) -> Maker:
    row = b"\0" + np.linspace(0, 65535, _SIDE * channels).astype(">u2").tobytes()
    return lambda: png(png_header(_SIDE, _SIDE, bits=16, colour=colour), png_pixels(row * _SIDE))


_RARE: Mapping[str, Maker] = {
    "cmyk_without_adobe_marker.jpg": _cmyk_without_adobe,
    "rgb_16_bit.png": _colour_16_bit(2, 3),
    "grey_alpha_16_bit.png": _colour_16_bit(4, 2),
    "rgba_16_bit.png": _colour_16_bit(6, 4),
    "index_beyond_its_palette.png": lambda: png(
        png_header(_SIDE, _SIDE, colour=3),
        (b"PLTE", b"\xff\0\0\0\xff\0"),
        png_pixels((b"\0" + bytes(range(_SIDE))) * _SIDE),
    ),
    "interlaced.png": _WHOLE["interlaced.png"],
    "rows_downwards.bmp": lambda: crafted.bmp(_SIDE, -_SIDE, bytes(range(192)) * _SIDE),
    "white_is_zero.tiff": lambda: crafted.tiff(
        _SIDE, _SIDE, bytes(range(_SIDE)) * _SIDE, tag_262=0
    ),
    "tile_larger_than_its_picture.tiff": lambda: crafted.tiff(
        _SIDE, _SIDE, bytes(4096), tag_322=2**20, tag_323=2**20, tag_324=8, tag_325=4096
    ),
    "frame_beyond_its_screen.gif": lambda: crafted.gif(2, 2, crafted.gif_frame(1, 1, 60, 60)),
    "12_bit.tiff": lambda: crafted.tiff(2, 1, b"\x12\x34\x56", tag_258=12),
}

# --- damaged beyond use --------------------------------------------------------------------------


def _damaged_png(*chunks: tuple[bytes, bytes]) -> Maker:
    return lambda: png(*chunks)


_GOOD_PIXELS = png_pixels(_GREY_ROWS)
_DAMAGED: Mapping[str, Maker] = {
    "no_frame.gif": lambda: crafted.gif(_SIDE, _SIDE),
    "no_pixel.gif": lambda: crafted.gif(_SIDE, _SIDE, crafted.gif_frame(0, 0)),
    "code_size_of_200.gif": lambda: crafted.gif(
        8, 8, crafted.gif_frame(8, 8, codes=b"\xc8\x02\x44\x01\0")
    ),
    "no_codes.gif": lambda: crafted.gif(8, 8, crafted.gif_frame(8, 8, codes=b"\x02\0")),
    "no_width.png": _damaged_png(png_header(0, _SIDE), _GOOD_PIXELS),
    "no_pixels.png": _damaged_png(png_header(_SIDE, _SIDE)),
    "empty_pixels.png": _damaged_png(png_header(_SIDE, _SIDE), (b"IDAT", b"")),
    "no_header.png": _damaged_png(_GOOD_PIXELS),
    "corrupt_pixels.png": _damaged_png(
        png_header(_SIDE, _SIDE), (b"IDAT", b"\x78\x9c" + b"\xff" * 99)
    ),
    "too_few_rows.png": _damaged_png(png_header(_SIDE, _SIDE), png_pixels(_GREY_ROWS[:999])),
    "unknown_filter.png": _damaged_png(
        png_header(_SIDE, _SIDE), png_pixels((b"\x09" + bytes(_SIDE)) * _SIDE)
    ),
    "3_bits.png": _damaged_png(png_header(_SIDE, _SIDE, bits=3), _GOOD_PIXELS),
    "colour_7.png": _damaged_png(png_header(_SIDE, _SIDE, colour=7), _GOOD_PIXELS),
    "wrong_header_checksum.png": lambda: crafted.flipped(small.png(), [8 * 29]),
    "chunk_of_4_gigabytes.png": lambda: (
        small.png()[:33] + b"\xff\xff\xff\xffIDAT" + small.png()[41:]
    ),
    "animation_out_of_sequence.png": lambda: png_with(
        small.png(), crafted.animation_control(2), crafted.frame_control(7, 240, 160)
    ),
    "animation_beyond_its_canvas.png": lambda: png_with(
        small.png(), crafted.animation_control(2), crafted.frame_control(0, 240, 160, 9999, 9999)
    ),
    "adobe_garbage.jpg": lambda: jpeg_with(small.jpeg(), jpeg_segment(0xEE, b"Adobe")),
    "only_markers.jpg": lambda: b"\xff\xd8" + b"\xff\xd9",
    "no_frame_header.jpg": lambda: crafted.jpeg_without(small.jpeg(), 0xC0),
    "no_quantisation.jpg": lambda: crafted.jpeg_without(small.jpeg(), 0xDB),
    "no_height.jpg": lambda: crafted.jpeg_of_size(small.jpeg(), 240, 0),
    "5_bits.jpg": lambda: crafted.jpeg_of_size(small.jpeg(), 240, 160, bits=5),
    "segment_beyond_the_end.jpg": lambda: b"\xff\xd8\xff\xe0\xff\xff" + bytes(99),
    "no_depth.bmp": lambda: crafted.bmp(_SIDE, _SIDE, bytes(_SIDE * _SIDE * 3), bits=0),
    "unknown_compression.bmp": lambda: crafted.bmp(_SIDE, _SIDE, bytes(4096), compression=9),
    "no_pixels.bmp": lambda: crafted.bmp(_SIDE, _SIDE),
    "runs_beyond_the_end.bmp": lambda: crafted.bmp(
        8, 8, b"\xff\1" * 3, bits=8, compression=1, palette=(0, 1)
    ),
    "no_pixels.tiff": lambda: crafted.tiff(_SIDE, _SIDE, tag_273=2**31),
    "pixels_beyond_the_end.tiff": lambda: crafted.tiff(_SIDE, _SIDE, bytes(9)),
    "unknown_compression.tiff": lambda: crafted.tiff(_SIDE, _SIDE, bytes(4096), tag_259=9999),
    "65535_samples.tiff": lambda: crafted.tiff(_SIDE, _SIDE, bytes(4096), tag_277=65535),
    "no_directory.tiff": lambda: struct.pack("<2sHI", b"II", 42, 2**31),
    "floating_point.tiff": pictures.float_tiff,
    "32_bit.tiff": pictures.grey_32_bit_tiff,
    "canvas_without_picture.webp": lambda: crafted.webp(crafted.webp_canvas(64, 64)),
    "animation_without_frames.webp": lambda: crafted.webp(
        crafted.webp_canvas(64, 64, animated=True), (b"ANIM", bytes(6))
    ),
    "no_chunk.webp": crafted.webp,
    "smaller_than_its_pixels.avif": lambda: crafted.patched(
        pictures.encode(Image.new("L", (3000, 3000)), "AVIF", quality=10, speed=10),
        _avif_size(3000, 3000),
        _avif_size(10, 10),
    ),
    "larger_than_its_pixels.avif": lambda: crafted.patched(
        small.avif(), _avif_size(240, 160), _avif_size(2400, 1600)
    ),
    "no_properties.avif": lambda: crafted.patched(small.avif(), b"ispe", b"free"),
}


def _with_code(makers: Mapping[str, Maker], code: str) -> dict[str, tuple[Maker, str]]:
    return {name: (maker, code) for name, maker in makers.items()}


SPECIMENS: Mapping[str, tuple[Maker, str]] = {
    **_with_code({"empty.jpg": bytes}, EmptyImage.code),
    **_with_code(_TRUNCATED, UnreadableImage.code),
    **_with_code(_CUT_BEHIND_THE_PIXELS, ACCEPTED),
    **_with_code(bombs.TOO_LARGE, ImageTooLarge.code),
    **_with_code(bombs.MANY_PIECES, UnreadableImage.code),
    **_with_code(bombs.SLOW, CostlyImage.code),
    **_with_code(bombs.COSTLY, UnreadableImage.code),
    **_with_code(bombs.LARGE_BUT_LEGAL, ACCEPTED),
    **_with_code(_POLYGLOTS, ACCEPTED),
    **_with_code(_WRONG_NAMES, ACCEPTED),
    **_with_code(_NO_PICTURES, UnreadableImage.code),
    **_with_code(_BROKEN_METADATA, ACCEPTED),
    **_with_code(_CONSTANT, ACCEPTED),
    **_with_code(_RARE, ACCEPTED),
    **_with_code(_DAMAGED, UnreadableImage.code),
}
"""What makes each file, and the code of the error that it gives, by the file's name."""

COSTLY = frozenset(
    {
        "at_the_limit.webp",
        "at_the_limit_turned.jpg",
        "profile_of_a_gigabyte.png",
        "strip_of_a_comic.png",
        "text_of_a_gigabyte.png",
    }
)
"""What takes more than a second: `make test` asks about each once, `make test-all` in every way."""


@cache
def specimen(name: str) -> bytes:
    make, _ = SPECIMENS[name]
    return make()


def judge(data: bytes) -> str:
    """Decode with the limits that are the default; return the error's code or `ACCEPTED`."""
    try:
        decode(data, Settings().image_limits)
    except LookalikeError as error:
        return error.code
    return ACCEPTED
