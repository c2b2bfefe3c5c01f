"""Results of parsing a file's structure, and the limit of its pieces."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from indexer.errors import UnreadableImage

_MOST_PIECES: Final = 2**17
"""Pieces that any file may have: Pillow takes about a second for them."""
_LEAST_BYTES: Final = 128
"""Bytes that a piece has on average in the largest files: those of a GIF have 255 at most."""


class Cost(NamedTuple):
    """What decoding takes at worst, in nanoseconds of one core (benchmarks/nasty_files.py)."""

    pixel: float  # for each pixel, whatever it shows
    byte: float  # for each byte of the file
    copied: float = 0  # for each pixel, while no other thread of Python runs


_ORDINARY: Final = Cost(10, 20)


@dataclass(frozen=True, slots=True)
class Structure:
    """What a file is made of."""

    data: bytes = field(repr=False)
    """The file without the metadata that a library would spend time on."""
    frames: int | None = None  # of GIF and TIFF, which Pillow would have to walk; one at least
    passes: int = 1  # over all pixels
    pixels: int = 0  # that the decoder works on for the first frame, where it says another number
    largest: int = 0  # pixels of the largest frame, likewise
    orientation: int | None = None  # by metadata that `data` lacks
    cost: Cost = _ORDINARY

    def seconds(self, pixels: int, frames: int = 1) -> float:
        """Estimate how long a frame of so many pixels takes on one core, of frames of one size."""
        size = len(self.data) / frames
        return (pixels * self.passes * self.cost.pixel + size * self.cost.byte) / 1e9

    def seconds_alone(self, pixels: int) -> float:
        """Estimate how long a frame of so many pixels keeps all other threads waiting."""
        return pixels * self.cost.copied / 1e9


def check_pieces(pieces: int, data: bytes) -> None:
    """Refuse a file of more pieces than any ordinary picture has."""
    if pieces > max(_MOST_PIECES, len(data) // _LEAST_BYTES):
        raise UnreadableImage(
            f"The file has more than {_MOST_PIECES:,} segments, chunks, blocks, tags or "
            "strips, far more than ordinary images. If you trust it, open it in an image "
            "editor and export it again."
        )
