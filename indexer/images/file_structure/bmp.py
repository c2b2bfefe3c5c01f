"""BMP header."""

from typing import Final

from indexer.images.file_structure.base import Cost, Structure

_COMPRESSION: Final = slice(30, 34)
_RUN_LENGTHS: Final = (1, 2)  # RLE8 and RLE4
_CORE_HEADER: Final = 12  # bytes: the oldest kind, which has no compression
# Pillow expands the runs in Python, some of them pixel by pixel.
_IN_PYTHON, _PLAIN = Cost(400, 250), Cost(8, 5)


def walk_bmp(data: bytes) -> Structure:
    """Look at how the pixels are stored."""
    header = int.from_bytes(data[14:18], "little")
    compression = int.from_bytes(data[_COMPRESSION], "little")
    runs = header > _CORE_HEADER and compression in _RUN_LENGTHS
    return Structure(data, cost=_IN_PYTHON if runs else _PLAIN)
