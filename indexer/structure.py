"""What a file is made of, counted before a library reads it piece by piece.

Pillow walks the blocks of a file in Python, and some of its walks take time that grows with the
square of their number. A file of 5 MB can keep it busy for minutes before any pixel is reached;
these walks are as fast as Python can be, and give up.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

import structlog

from indexer.errors import UnreadableImage

log = structlog.get_logger(__name__)

_MOST_PIECES: Final = 2**17
"""Pieces that any file may have: Pillow takes about a second for them."""
_LEAST_BYTES: Final = 128
"""Bytes that a piece has on average in the largest files: those of a GIF have 255 at most."""

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AMONG_PIXELS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN, _END = 0xDA, 0xD9
# Pillow takes these for markers without a body; what follows is skipped byte by byte then.
_WITHOUT_LENGTH: Final = frozenset({0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
_TIFF_BYTES: Final = frozenset({1, 2, 6, 7})
"""Types of which Pillow keeps the bytes as they are; of other values it makes Python numbers."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What decoding will cost."""

    frames: int | None = None  # of GIF and TIFF, which Pillow would have to walk; one at least
    passes: int = 1  # over all pixels


def examine(data: bytes, max_frames: int) -> Structure:
    """Walk the pieces of a file of a format whose pieces are read in Python.

    Parameters
    ----------
    data : bytes
        The whole file, of any format.
    max_frames : int
        Frames after which counting them ends, one later.

    Raises
    ------
    UnreadableImage
        There are so many pieces that reading them would take seconds or more.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return Structure(passes=_count_jpeg_scans(data))
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _walk_png(data)
    elif data.startswith((b"GIF87a", b"GIF89a")):
        return Structure(frames=_count_gif_frames(data, max_frames))
    elif data.startswith((b"II", b"MM")):
        return Structure(frames=_count_tiff_pages(data, max_frames))
    return Structure()


def _check(pieces: int, data: bytes) -> None:
    if pieces > max(_MOST_PIECES, len(data) // _LEAST_BYTES):
        raise UnreadableImage(
            f"The file is made of more than {_MOST_PIECES:,} pieces (segments, chunks, blocks, "
            "tags or strips), which no ordinary picture is. If it can be trusted, open it in an "
            "image editor and export it again."
        )


def _count_jpeg_scans(data: bytes) -> int:
    """Walk the segments of a JPEG to its end (ITU T.81, annex B)."""
    pieces = scans = 0
    marker, at = _MARKER, 2
    while found := marker.search(data, at):
        if not scans:
            pieces += found.start() - at  # what lies between segments is skipped byte by byte
        pieces += 1
        _check(pieces, data)
        kind, at = data[found.start() + 1], found.end()
        if kind == _SCAN:
            scans += 1
            marker = _MARKER_AMONG_PIXELS
        elif kind == _END and scans:
            break
        if kind not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return max(1, scans)


def _walk_png(data: bytes) -> None:
    """Walk the chunks of a PNG to its end."""
    at, pieces = 8, 0
    while at + 8 <= len(data) and data[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        pieces += 1
        _check(pieces, data)


def _count_gif_frames(data: bytes, max_frames: int) -> int:
    """Walk the blocks of a GIF (GIF89a specification, section 17 on) to where they end."""

    def palette_size(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    frames = pieces = 0
    try:
        at = 13 + palette_size(data[10])
        while frames <= max_frames:
            if data[at] == ord(","):  # image descriptor, its palette, the LZW code size
                frames += 1
                at += 11 + palette_size(data[at + 9])
            elif data[at] == ord("!"):  # extension and its label
                at += 2
            else:
                break
            while data[at]:  # sub-blocks, each led by its length; 0 ends them
                at += 1 + data[at]
                pieces += 1
                _check(pieces, data)
            at += 1
    except IndexError:
        log.debug("GIF ends without its trailer", frames=frames)
    return max(1, frames)


def _count_tiff_pages(data: bytes, max_frames: int) -> int:
    """Follow the directories of a TIFF (TIFF 6.0, section 2, and BigTIFF) to the last one."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:3] == b"\x2b"  # only this byte is looked at by Pillow, too
    count, tag, offset, first = ("Q", "HHQ8x", "Q", 8) if big else ("H", "HHI4x", "I", 4)
    tag_size = struct.calcsize(f"{order}{tag}")
    seen: set[int] = set()
    pieces = 0
    try:
        (at,) = struct.unpack_from(f"{order}{offset}", data, first)
        while 0 < at < len(data) and at not in seen and len(seen) <= max_frames:
            (tags,) = struct.unpack_from(f"{order}{count}", data, at)
            seen.add(at)
            pieces += tags
            _check(pieces, data)
            start = at + struct.calcsize(f"{order}{count}")
            end = start + tags * tag_size
            whole = data[start:end]
            whole = whole[: len(whole) // tag_size * tag_size]
            for _, kind, values in struct.iter_unpack(f"{order}{tag}", whole):
                pieces += 0 if kind in _TIFF_BYTES else values
            _check(pieces, data)
            (at,) = struct.unpack_from(f"{order}{offset}", data, end)
    except struct.error:
        log.debug("the last TIFF directory is damaged", pages=len(seen))
    return max(1, len(seen))
