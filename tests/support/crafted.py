"""Picture files put together by hand, block by block: what no encoder would write."""

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from indexer.types import Rgb

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Of each pass over an interlaced PNG: first column and row, steps to the next."""

# --- PNG -----------------------------------------------------------------------------------------


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(
    width: int, height: int, *, bits: int = 8, colour: int = 0, interlace: int = 0
) -> tuple[bytes, bytes]:
    """Return an IHDR chunk; colour 0 is grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)


def png_pixels(raw: bytes) -> tuple[bytes, bytes]:
    """Return an IDAT chunk of rows that each begin with their filter byte."""
    return b"IDAT", zlib.compress(raw)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks, and IEND."""
    return PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in (*chunks, (b"IEND", b"")))


def png_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Put chunks behind the header of a PNG."""
    end = len(PNG_SIGNATURE) + 25
    return data[:end] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[end:]


def interlaced_png(rgb: Rgb) -> bytes:
    height, width, _ = rgb.shape
    rows = (
        b"\0" + row.tobytes()
        for left, top, across, down in ADAM7
        for row in rgb[top::down, left::across]
    )
    return png(png_header(width, height, colour=2, interlace=1), png_pixels(b"".join(rows)))


def animation_control(frames: int) -> tuple[bytes, bytes]:
    return b"acTL", struct.pack(">II", frames, 0)


def frame_control(
    sequence: int, width: int, height: int, left: int = 0, top: int = 0
) -> tuple[bytes, bytes]:
    return b"fcTL", struct.pack(">IIIIIHHBB", sequence, width, height, left, top, 1, 10, 0, 0)


# --- GIF -----------------------------------------------------------------------------------------


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    """Return a GIF of these blocks, with a palette of black and white."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + screen + b"".join(blocks) + b";"


def gif_frame(
    width: int, height: int, left: int = 0, top: int = 0, *, codes: bytes = b"\x02\x02\x44\x01\0"
) -> bytes:
    """Return a frame; `codes` are its LZW code size and sub-blocks: by default one white pixel."""
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + codes


def gif_extension(label: int, *sub_blocks: bytes) -> bytes:
    body = b"".join(bytes([len(block)]) + block for block in sub_blocks)
    return b"!" + bytes([label]) + body + b"\0"


# --- TIFF ----------------------------------------------------------------------------------------

GREY_TAGS = {258: 8, 259: 1, 262: 1, 277: 1}
"""BitsPerSample, Compression (none), PhotometricInterpretation (black is zero), samples."""


def tiff(
    width: int, height: int, pixels: bytes = b"", *, following: int = 0, **changes: int
) -> bytes:
    """Return a little-endian TIFF of one page of uncompressed grey, its directory at byte 8.

    Parameters
    ----------
    width, height : int
        What the tags say.
    pixels : bytes
        The one strip.
    following : int
        Where the directory of the next page is; 0 is none.
    changes : int
        Values of further or other tags, each named `tag_` and its number.
    """
    tags = {256: width, 257: height, **GREY_TAGS, 278: height, 279: len(pixels)}
    tags |= {int(name.removeprefix("tag_")): value for name, value in changes.items()}
    start = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags.setdefault(273, start)
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return struct.pack("<2sHI", b"II", 42, 8) + directory + pixels


SHORT, LONG, ASCII, RATIONAL = 3, 4, 2, 5
"""Types of values."""
ORIENTATION, EXIF_POINTER = 0x0112, 0x8769
"""Tags."""


def exif(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """Return an EXIF block: (tag, type, count, value or offset) each, then the next directory's."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + body + struct.pack("<I", following)
    return b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + directory


# --- JPEG ----------------------------------------------------------------------------------------


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def jpeg_with(data: bytes, *segments: bytes) -> bytes:
    """Put segments behind the first marker of a JPEG."""
    return data[:2] + b"".join(segments) + data[2:]


def jpeg_without(data: bytes, *markers: int) -> bytes:
    """Leave out the segments with these markers, of those before the first scan."""
    kept, at = data[:2], 2
    while data[at + 1] != 0xDA:
        size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in markers:
            kept += data[at : at + size]
        at += size
    return kept + data[at:]


def jpeg_of_size(data: bytes, width: int, height: int, *, bits: int = 8) -> bytes:
    """Let the header of a JPEG say another size."""
    at = next(at for marker in (b"\xff\xc0", b"\xff\xc2") if (at := data.find(marker)) > 0)
    return data[: at + 4] + struct.pack(">BHH", bits, height, width) + data[at + 9 :]


def progressive_scans(data: bytes, repeats: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * repeats + b"\xff\xd9"


# --- WebP, BMP -----------------------------------------------------------------------------------


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_canvas(width: int, height: int, *, animated: bool = False) -> tuple[bytes, bytes]:
    """Return a VP8X chunk."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes([0x02 if animated else 0, 0, 0, 0]) + size


def webp_lossless_header(width: int, height: int) -> tuple[bytes, bytes]:
    """Return a VP8L chunk that ends behind its header."""
    return b"VP8L", b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(8)


def bmp(
    width: int,
    height: int,
    pixels: bytes = b"",
    *,
    bits: int = 24,
    compression: int = 0,
    palette: Sequence[int] = (),
) -> bytes:
    """Return a BMP; a negative height means that its rows run downwards."""
    colours = b"".join(struct.pack("<I", colour) for colour in palette)
    start = 14 + 40 + len(colours)
    file = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, len(palette), 0
    )
    return file + info + colours + pixels


# --- any -----------------------------------------------------------------------------------------


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes that occur."""
    if old not in data:
        raise ValueError(f"{old!r} does not occur")
    return data.replace(old, new)


def flipped(data: bytes, bits: Iterable[int]) -> bytes:
    """Flip bits, counted from the first byte's lowest."""
    array = np.frombuffer(data, np.uint8).copy()
    for bit in bits:
        array[bit // 8] ^= 1 << bit % 8
    return array.tobytes()
