"""File structure: decoding cost of a file, estimated before a library reads it.

Pillow walks the blocks of a file in Python, and some of its walks take time that grows with the
square of their number. A file of 5 MB can keep it busy for minutes before any pixel is reached;
these walks are as fast as Python can be, and give up.
"""

from indexer.images.file_structure.avif import walk_avif
from indexer.images.file_structure.base import Cost, Structure
from indexer.images.file_structure.bmp import walk_bmp
from indexer.images.file_structure.gif import walk_gif
from indexer.images.file_structure.jpeg import walk_jpeg
from indexer.images.file_structure.png import walk_png
from indexer.images.file_structure.tiff import walk_tiff

__all__ = ["Cost", "Structure", "examine"]

_WALKS = (
    (b"\xff\xd8\xff", walk_jpeg),
    (b"\x89PNG\r\n\x1a\n", walk_png),
    (b"BM", walk_bmp),
    (b"ftyp", walk_avif),
)
_WEBP = Cost(pixel=24, byte=40)


def examine(data: bytes, max_frames: int) -> Structure:
    """Walk the pieces of a file, as far as its format has pieces that cost time.

    Parameters
    ----------
    data : bytes
        The whole file, of any format.
    max_frames : int
        Frames after which counting them ends, one later.

    Raises
    ------
    UnreadableImage
        There are so many pieces that reading them would take seconds or more, or the file says
        two different things about its size.
    """
    if data.startswith((b"GIF87a", b"GIF89a")):
        return walk_gif(data, max_frames)
    if data.startswith((b"II", b"MM")):
        return walk_tiff(data, max_frames)
    for beginning, walk in _WALKS:
        if data.startswith(beginning, 4 if walk is walk_avif else 0):
            return walk(data)
    return Structure(data, cost=_WEBP)
