"""JPEG segments (ITU T.81, annex B)."""

import re
from typing import Final

from indexer.images.file_structure.base import Cost, Structure, check_pieces
from indexer.images.orientation import exif_orientation, xmp_orientation

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AMONG_PIXELS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN, _END, _TABLES = 0xDA, 0xD9, 0xDB
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ARITHMETIC: Final = range(0xC9, 0xD0)
# Pillow takes these for markers without a body; what follows is skipped byte by byte then.
_WITHOUT_LENGTH: Final = frozenset({0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
# JFIF and Adobe say how colours are stored; the others are metadata and comments.
_METADATA: Final = frozenset({*range(0xE1, 0xF0), 0xFE}) - {0xEE}
_STRETCH: Final = 2**20  # bytes
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_FURTHER_PICTURES = b"MPF\0"  # says that the file is an MPO, and how many pictures it has
# A file with a fault is decoded twice: by libjpeg-turbo alone, then by Pillow.
_HUFFMAN, _ARITHMETIC_CODED = Cost(2.7, 25), Cost(2.7, 150)


def walk_jpeg(data: bytes) -> Structure:
    """Count the scans, read the orientation, and leave the metadata out."""
    head = _Head(data)
    scans, pieces = 1, head.pieces
    at = head.end
    while found := _search(_MARKER_AMONG_PIXELS, data, at):
        pieces += 1
        check_pieces(pieces, data)
        kind, at = data[found.start() + 1], found.end()
        scans += kind == _SCAN
        if kind == _END:
            break
        if kind not in _WITHOUT_LENGTH:
            at += _size(data, at)
    return Structure(
        head.without_metadata(),
        passes=scans,
        orientation=exif_orientation(b"".join(head.exif)) or xmp_orientation(head.xmp),
        cost=_ARITHMETIC_CODED if head.arithmetic else _HUFFMAN,
    )


def _search(marker: re.Pattern[bytes], data: bytes, at: int) -> re.Match[bytes] | None:
    """Search in stretches: other threads of Python wait while a search runs."""
    while at < len(data):
        if found := marker.search(data, at, at + _STRETCH):
            return found
        at += _STRETCH - 1  # a marker has two bytes
    return None


class _Head:
    """The segments up to the first scan."""

    def __init__(self, data: bytes) -> None:
        self.pieces = 0
        self.arithmetic = False
        self.exif: list[bytes] = []
        self.xmp = b""
        self.end = len(data)  # of the first scan's header
        self._data = data
        self._kept: list[bytes] = []
        self._kept_to = 0
        at = 2
        while found := _search(_MARKER, data, at):
            self.pieces += 1 + found.start() - at  # what lies between is skipped byte by byte
            kind, at = data[found.start() + 1], found.end()
            if kind not in _WITHOUT_LENGTH:
                size = _size(data, at)
                self._read(kind, found.start(), at + 2, at + size)
                at += size
            check_pieces(self.pieces, data)
            if kind == _SCAN:
                self.end = at
                break

    def without_metadata(self) -> bytes:
        """Return the whole file without it."""
        if not self._kept_to:
            return self._data
        return b"".join([*self._kept, self._data[self._kept_to :]])

    def _read(self, kind: int, start: int, body: int, end: int) -> None:
        """Look at a segment whose marker and body begin there."""
        self.arithmetic |= kind in _ARITHMETIC
        if kind == _TABLES:  # Pillow takes these apart one by one
            self.pieces += (end - body) // 65
        elif kind in _FRAMES:
            self.pieces += (end - body) // 3
        elif kind in _METADATA and end <= len(self._data):
            if self._data.startswith(_FURTHER_PICTURES, body):
                return
            if self._data.startswith(_EXIF, body):
                self.exif.append(self._data[body + len(_EXIF) : end])
            elif self._data.startswith(_XMP, body):
                self.xmp = self._data[body + len(_XMP) : end]
            self._kept.append(self._data[self._kept_to : start])
            self._kept_to = end


def _size(data: bytes, at: int) -> int:
    return max(2, int.from_bytes(data[at : at + 2], "big"))
