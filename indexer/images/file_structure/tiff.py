"""TIFF directories (TIFF 6.0, section 2, and BigTIFF)."""

import struct
from dataclasses import dataclass
from typing import Final

import structlog

from indexer.errors import UnreadableImage
from indexer.images.file_structure.base import Cost, Structure, check_pieces

log = structlog.get_logger(__name__)

_MOST_TAGS: Final = 4096
"""Tags of a page: there are some 500 in all, and Pillow reads each up to six times."""
_BYTES: Final = frozenset({1, 2, 6, 7})
"""Types of which Pillow keeps the bytes as they are; of other values it makes Python numbers."""
_NUMBERS: Final = {3: "H", 4: "I", 16: "Q"}
_NO_TYPE: Final = b"\0\0"
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _SAMPLES = 256, 257, 258, 259, 274, 277
_STRIPS, _STRIP_SIZES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 273, 279, 322, 323, 324, 325
_FURTHER: Final = frozenset({34665, 34853, 40965})  # EXIF, GPS, interoperability: not needed here
_JPEG: Final = frozenset({6, 7})
_SLOW: Final = {34925: 60.0, 34926: 60.0, 50001: 60.0}
"""Nanoseconds that a byte of compressed data takes at worst: LZMA, and WebP."""
_LEAST_SHARED: Final = 2**16  # bytes; that little may be used twice, as blank tiles are


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag of a directory."""

    place: int  # of the entry in the file
    kind: int
    count: int
    numbers: tuple[int, ...]  # empty where they are no numbers, or not all there


_Directory = dict[int, _Entry]


def walk_tiff(data: bytes, max_frames: int) -> Structure:
    """Count the pages; leave out what only tells of the first one, but for its orientation.

    Raises
    ------
    UnreadableImage
        There are too many tags or strips, or several strips share their bytes.
    """
    layout = _Layout(data)
    pages, pieces = layout.pages, 0
    directories: list[_Directory] = []
    at = layout.first
    try:
        while 0 < at < len(data) and at not in pages and len(pages) <= max_frames:
            count, start, end = layout.span(at)
            if count > _MOST_TAGS:
                check_pieces(2**62, data)
            pages.add(at)
            pieces += count
            check_pieces(pieces, data)
            directory, values = layout.read(start, end)
            pieces += values
            check_pieces(pieces, data)
            directories.append(directory)
            at = layout.next(end)
    except struct.error:
        log.debug("last TIFF directory damaged", pages=len(pages))
    if not directories:
        return Structure(data, frames=max(1, len(pages)))
    for directory in directories:
        _check_shared(directory, data)
    first, pixels = directories[0], [_pixels(directory) for directory in directories]
    return Structure(
        layout.without_details(directories),
        frames=max(1, len(pages)),
        passes=max(_scans(directory, data) for directory in directories),
        pixels=pixels[0],
        largest=max(pixels),
        orientation=_first(first, _ORIENTATION) or None,
        cost=max(_cost(directory) for directory in directories),
    )


class _Layout:
    """How the numbers of a file are written."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data.startswith(b"II") else ">"
        self.big = data[2:3] == b"\x2b"  # only this byte is looked at by Pillow, too
        self._count, self._tag, self._offset, first = (
            ("Q", "HHQ8s", "Q", 8) if self.big else ("H", "HHI4s", "I", 4)
        )
        self._tag_size = struct.calcsize(f"{self.order}{self._tag}")
        self.pages: set[int] = set()
        try:
            (self.first,) = struct.unpack_from(f"{self.order}{self._offset}", data, first)
        except struct.error:
            self.first = 0

    def span(self, at: int) -> tuple[int, int, int]:
        """Return the number of tags of a directory, and where they begin and end."""
        (count,) = struct.unpack_from(f"{self.order}{self._count}", self.data, at)
        start = at + struct.calcsize(f"{self.order}{self._count}")
        return count, start, start + count * self._tag_size

    def next(self, end: int) -> int:
        """Return where the directory after one that ends there begins; 0 after the last."""
        return int(struct.unpack_from(f"{self.order}{self._offset}", self.data, end)[0])

    def read(self, start: int, end: int) -> tuple[_Directory, int]:
        """Return the tags of a directory, and how many values Pillow makes numbers of."""
        whole = self.data[start:end]
        whole = whole[: len(whole) // self._tag_size * self._tag_size]
        directory: _Directory = {}
        values = 0
        for number, (tag, kind, count, inline) in enumerate(
            struct.iter_unpack(f"{self.order}{self._tag}", whole)
        ):
            values += 0 if kind in _BYTES else count
            check_pieces(values, self.data)
            if tag not in directory:
                numbers = self._numbers(kind, count, inline)
                directory[tag] = _Entry(start + number * self._tag_size, kind, count, numbers)
        return directory, values

    def _numbers(self, kind: int, count: int, inline: bytes) -> tuple[int, ...]:
        if kind not in _NUMBERS:
            return ()
        wanted = f"{self.order}{count}{_NUMBERS[kind]}"
        size = struct.calcsize(wanted)
        if size <= len(inline):
            return struct.unpack(wanted, inline[:size])
        (place,) = struct.unpack(f"{self.order}{self._offset}", inline)
        if place + size > len(self.data):
            return ()
        return struct.unpack_from(wanted, self.data, place)

    def without_details(self, directories: list[_Directory]) -> bytes:
        """Return the file with an upright first page, and no further directories of any."""
        changed = bytearray()
        tags = [directory[tag] for directory in directories for tag in _FURTHER & directory.keys()]
        orientation = directories[0].get(_ORIENTATION)
        if orientation is not None and orientation.numbers[:1] != (1,):
            tags.append(orientation)
        for entry in tags:
            changed = changed or bytearray(self.data)
            # Pillow passes over a type that it lacks
            changed[entry.place + 2 : entry.place + 4] = _NO_TYPE
        return bytes(changed) if changed else self.data


def _first(directory: _Directory, tag: int, default: int = 0) -> int:
    entry = directory.get(tag)
    return entry.numbers[0] if entry is not None and entry.numbers else default


def _check_shared(directory: _Directory, data: bytes) -> None:
    """Refuse strips of which several are the same bytes: a small file would cost much then."""
    sizes = [
        size
        for tag in (_STRIP_SIZES, _TILE_SIZES)
        if tag in directory
        for size in directory[tag].numbers
    ]
    if len(sizes) > 1 and sum(sizes) > len(data) + _LEAST_SHARED:
        raise UnreadableImage(
            "The strips or tiles of the TIFF share their bytes, unlike in ordinary images. "
            "If you trust it, open it in an image editor and export it again."
        )


def _pixels(directory: _Directory) -> int:
    """Return the pixels that are decoded for a page; tiles may reach far over its edges."""
    width, height = _first(directory, _WIDTH), _first(directory, _HEIGHT)
    across, down = _first(directory, _TILE_WIDTH), _first(directory, _TILE_HEIGHT)
    plain = _first(directory, _COMPRESSION, 1) == 1
    if plain or _TILES not in directory or not across or not down:
        return width * height
    return -(-width // across) * across * -(-height // down) * down


def _scans(directory: _Directory, data: bytes) -> int:
    """Return the most scans that a JPEG inside has: each is a pass over its pixels."""
    if _first(directory, _COMPRESSION, 1) not in _JPEG:
        return 1
    places = directory.get(_STRIPS) or directory.get(_TILES)
    sizes = directory.get(_STRIP_SIZES) or directory.get(_TILE_SIZES)
    if places is None or sizes is None:
        return max(1, data.count(b"\xff\xda"))
    spans = zip(places.numbers, sizes.numbers, strict=False)
    return max((data.count(b"\xff\xda", at, at + size) for at, size in spans), default=1) or 1


def _cost(directory: _Directory) -> Cost:
    """Return what the pixels of a page cost, by their size and compression."""
    bits, samples = _first(directory, _BITS, 1), _first(directory, _SAMPLES, 1)
    compression = _first(directory, _COMPRESSION, 1)
    size = min(bits, 64) * min(samples, 8) / 8
    return Cost(8 + 4 * size, _SLOW.get(compression, 30.0))
