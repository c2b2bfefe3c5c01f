"""PNG chunks."""

from typing import Final

from indexer.images.file_structure.base import Cost, Structure, check_pieces

_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS_AT, _COLOUR_AT, _INTERLACE_AT = 24, 25, 28  # in the header chunk, which comes first


def walk_png(data: bytes) -> Structure:
    """Count the chunks to the end; what pixels cost depends on how many bytes each has."""
    at, pieces = 8, 0
    while at + 8 <= len(data) and data[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        pieces += 1
        check_pieces(pieces, data)
    return Structure(data, cost=_cost(data))


def _cost(data: bytes) -> Cost:
    if len(data) <= _INTERLACE_AT:
        return Cost(10, 20)
    size = data[_BITS_AT] * _CHANNELS.get(data[_COLOUR_AT], 4) / 8
    return Cost(10 + 3 * size + (10 if data[_INTERLACE_AT] else 0), 10)
