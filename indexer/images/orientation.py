"""Orientation by a picture's EXIF or XMP, parsed without the rest of it."""

import re
import struct
from typing import Final

_TAG: Final = 0x0112
_NUMBERS: Final = {3: "H", 4: "I"}  # the types SHORT and LONG
_ENTRY: Final = 12  # bytes
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_PREFIX = b"Exif\0\0"


def exif_orientation(block: bytes) -> int | None:
    """Find the orientation in the first directory of an EXIF block (EXIF 3.0, section 4.6).

    Parameters
    ----------
    block : bytes
        With or without its leading "Exif", damaged or whole.

    Returns
    -------
    int or None
        The number as it stands there, 1 to 8 in a sound file; None where there is none.
    """
    while block.startswith(_PREFIX):
        block = block[len(_PREFIX) :]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        entries = block[start + 2 : start + 2 + count * _ENTRY]
        whole = entries[: len(entries) // _ENTRY * _ENTRY]
        for number, (tag, kind, values, _) in enumerate(struct.iter_unpack(f"{order}HHI4s", whole)):
            if tag == _TAG:
                if values != 1 or kind not in _NUMBERS:
                    return None
                place = start + 2 + number * _ENTRY + 8
                return int(struct.unpack_from(order + _NUMBERS[kind], block, place)[0])
    except struct.error:
        return None
    return None


def xmp_orientation(packet: bytes) -> int | None:
    """Find the orientation in an XMP packet, where editors write it that leave EXIF out."""
    found = _IN_XMP.search(packet)
    return int(found[1]) if found else None
