"""AVIF boxes (ISO 14496-12, 23008-12), and the sizes in them."""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from indexer.errors import UnreadableImage
from indexer.images.file_structure.av1 import coded_size
from indexer.images.file_structure.base import Cost, Structure, check_pieces

_COST: Final = Cost(pixel=18, byte=110, copied=2.7)  # Pillow copies all pixels at once
_CONTAINERS: Final = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"meta", b"iinf", b"stsd"}
)
_BEFORE_CHILDREN: Final = {b"meta": 4, b"stsd": 8}  # bytes of a container ahead of its boxes
_DEEPEST: Final = 8
_EXIF_ITEM = re.compile(rb"(infe[\x02\x03].{3}(?:.{4}|.{6}))Exif", re.DOTALL)
_BRANDS: Final = frozenset({b"avif", b"avis", b"mif1", b"msf1"})  # that Pillow opens
_HEAD: Final = 4096
"""Bytes of a picture in which its size must stand."""
_VISUAL_SIZE: Final = 24  # where a sample entry has its width and height


class _Box(NamedTuple):
    """A box: its name, and where what is in it begins and ends."""

    name: bytes
    start: int
    end: int


class _Located(NamedTuple):
    """Where an item lies."""

    item: int
    method: int  # 1 counts from the box idat, 0 from the beginning of the file
    extents: list[tuple[int, int]]  # first byte and length of each; length 0 is up to the end


class _Track:
    """Where the pictures of a sequence lie: its boxes stco or co64, stsz and stsc."""

    def __init__(self) -> None:
        self._chunks: tuple[int, ...] = ()
        self._sizes: tuple[int, ...] = ()
        self._runs: list[tuple[int, int]] = []  # first chunk, and pictures in each from it on

    def read(self, data: bytes, box: _Box) -> None:
        """Read one of the boxes; others are passed over."""
        at = box.start + 4
        if box.name in {b"stco", b"co64"}:
            (count,) = struct.unpack_from(">I", data, at)
            check_pieces(count, data)
            kind = "I" if box.name == b"stco" else "Q"
            self._chunks = struct.unpack_from(f">{count}{kind}", data, at + 4)
        elif box.name == b"stsz":
            same, count = struct.unpack_from(">II", data, at)
            check_pieces(count, data)
            each = struct.unpack_from(f">{count}I", data, at + 8) if not same else (same,) * count
            self._sizes = each
        elif box.name == b"stsc":
            (count,) = struct.unpack_from(">I", data, at)
            check_pieces(count, data)
            body = data[at + 4 : at + 4 + 12 * count]
            self._runs = [(first, most) for first, most, _ in struct.iter_unpack(">III", body)]

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield where each picture begins and ends in the file."""
        sizes = iter(self._sizes)
        runs = dict(self._runs)
        most = 0
        for number, start in enumerate(self._chunks, 1):
            most = runs.get(number, most)
            at = start
            for size in islice(sizes, most):
                yield at, at + size
                at += size


def walk_avif(data: bytes) -> Structure:
    """Hold the sizes that the header states against those of the coded pictures.

    A decoder works on what is coded, and scales it to what the header states.

    Raises
    ------
    UnreadableImage
        They differ, or there are too many boxes.
    """
    if data[8:12] not in _BRANDS:
        return Structure(data)  # of another kind, which is not read
    index = _Index()
    try:
        for box in _boxes(data, 0, len(data), _DEEPEST):
            index.read(data, box)
        items = [coded_size(head) for head in index.item_heads(data)]
        frames = [coded_size(head) for head in index.frame_heads(data)]
    except (struct.error, IndexError):
        items, frames = [None], []
    coded = {size for size in (*items, *frames) if size is not None}
    if None in items or not coded:
        raise UnreadableImage("The AVIF is damaged or truncated. Fetch or export it again.")
    for size in coded:
        if size not in index.stated:
            raise UnreadableImage(
                f"The header of the AVIF does not state the size of {size[0]:,} x "
                f"{size[1]:,} pixels of an image coded in it. Open it in an image editor and "
                "export it again."
            )
    plain = _EXIF_ITEM.sub(rb"\1free", data)  # `irot` and `imir` turn the picture, not EXIF
    return Structure(plain, pixels=max(w * h for w, h in coded), cost=_COST)


class _Index:
    """What the boxes say of the pictures: their sizes, and where they lie."""

    def __init__(self) -> None:
        self.stated: set[tuple[int, int]] = set()
        self._kinds: dict[int, bytes] = {}
        self._located: list[_Located] = []
        self._inside = 0
        self._tracks = [_Track()]

    def read(self, data: bytes, box: _Box) -> None:
        """Read one box."""
        match box.name:
            case b"ispe":
                self.stated.add(struct.unpack_from(">II", data, box.start + 4))
            case b"av01":
                self.stated.add(struct.unpack_from(">HH", data, box.start + _VISUAL_SIZE))
            case b"infe":
                self._kinds.update([_item_kind(data, box.start)])
            case b"iloc":
                self._located += _locations(data, box)
            case b"idat":
                self._inside = box.start
            case b"trak":
                self._tracks.append(_Track())
            case _:
                self._tracks[-1].read(data, box)

    def item_heads(self, data: bytes) -> Iterator[bytes]:
        """Yield how each picture begins that is an item of its own; extents may part it."""
        for item, method, extents in self._located:
            if self._kinds.get(item, b"av01") == b"av01":
                head = b""
                for place, size in extents:
                    start = place + (self._inside if method == 1 else 0)
                    most = start + _HEAD - len(head)
                    head += data[start : min(most, start + size) if size else most]
                yield head

    def frame_heads(self, data: bytes) -> Iterator[bytes]:
        """Yield how each picture of a sequence begins."""
        for track in self._tracks:
            for start, end in track.spans():
                yield data[start : min(end, start + _HEAD)]


def _boxes(data: bytes, at: int, end: int, deepest: int) -> Iterator[_Box]:
    """Yield the boxes in a stretch of the file, and those inside them."""
    pieces = 0
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        stop = min(end, at + size) if size else end
        if stop < at + head:
            return
        pieces += 1
        check_pieces(pieces, data)
        yield _Box(name, at + head, stop)
        if name in _CONTAINERS and deepest:
            before = _BEFORE_CHILDREN.get(name, 0)
            if name == b"iinf":
                before = 6 if data[at + head] == 0 else 8
            yield from _boxes(data, at + head + before, stop, deepest - 1)
        at = stop


def _item_kind(data: bytes, at: int) -> tuple[int, bytes]:
    """Read an item's number and its kind, such as av01 or Exif."""
    if data[at] >= 3:  # noqa: PLR2004 -- the version from which numbers are long
        return struct.unpack_from(">I2x4s", data, at + 4)
    return struct.unpack_from(">H2x4s", data, at + 4)


def _locations(data: bytes, box: _Box) -> Iterator[_Located]:
    """Read where the items are (the box iloc)."""
    version = data[box.start]
    at = box.start + 4
    offset_size, length_size = data[at] >> 4, data[at] & 15
    base_size, index_size = data[at + 1] >> 4, data[at + 1] & 15 if version else 0
    wide = version == 2  # noqa: PLR2004 -- of this box
    at += 2

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > box.end:
            raise IndexError
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(number(4 if wide else 2)):
        item = number(4 if wide else 2)
        method = number(2) & 15 if version else 0
        number(2)  # the file that it is in: 0 is this one
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        yield _Located(item, method, extents)
