"""Coded size of an AV1 image (AV1 specification, sections 5.5 and 5.9)."""

from typing import Final

_SEQUENCE_HEADER: Final = 1
_LARGEST: Final = 64  # bytes of a sequence header that are looked at; its size stands early


def coded_size(data: bytes) -> tuple[int, int] | None:
    """Find the sequence header at the beginning of a picture, among its other units (OBUs).

    Parameters
    ----------
    data : bytes
        The picture, or as much of it as must hold the header.

    Returns
    -------
    (int, int) or None
        The largest width and height that the pictures after it may have; None without a header.

    Raises
    ------
    IndexError
        The data ends within a unit's head or in the header.
    """
    at, end = 0, len(data)
    while at < end:
        head = data[at]
        at += 2 if head & 4 else 1  # an extension of one byte
        size = end - at
        if head & 2:
            size, at = _leb128(data, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return _size_in(_Bits(data[at : min(at + size, at + _LARGEST)]))
        at += size
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte; return it and where it ends."""
    value = 0
    for place in range(8):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            break
    return value, at + place + 1


def _size_in(bits: "_Bits") -> tuple[int, int]:
    bits.read(3)  # profile
    bits.read(1)  # still picture
    if bits.read(1):  # reduced header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _skip_operating_points(bits: "_Bits") -> None:
    delay_bits = decoder_model = 0
    if bits.read(1):  # timing
        bits.read(32)
        bits.read(32)
        if bits.read(1):
            bits.skip_uvlc()
        decoder_model = bits.read(1)
        if decoder_model:
            delay_bits = bits.read(5) + 1
            bits.read(32)
            bits.read(5)
            bits.read(5)
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:  # noqa: PLR2004 -- levels from 4.0 on have a tier
            bits.read(1)
        if decoder_model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)


class _Bits:
    """Reads numbers of some bits each, highest bit first; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._value >> self._left & (1 << count) - 1

    def skip_uvlc(self) -> None:
        zeros = 0
        while not self.read(1):
            zeros += 1
        self.read(zeros)
