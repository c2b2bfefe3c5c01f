"""GIF blocks (GIF89a specification, section 17 on)."""

import struct

import structlog

from indexer.images.file_structure.base import Cost, Structure, check_pieces

log = structlog.get_logger(__name__)


def walk_gif(data: bytes, max_frames: int) -> Structure:
    """Walk the blocks to where they end; count the frames, and find how far they reach."""

    def palette_size(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    frames = pieces = right = bottom = 0
    try:
        right, bottom = struct.unpack_from("<HH", data, 6)
        at = 13 + palette_size(data[10])
        while frames <= max_frames:
            if data[at] == ord(","):  # image descriptor, its palette, the LZW code size
                frames += 1
                left, top, width, height = struct.unpack_from("<HHHH", data, at + 1)
                right, bottom = max(right, left + width), max(bottom, top + height)
                at += 11 + palette_size(data[at + 9])
            elif data[at] == ord("!"):  # extension and its label
                at += 2
            else:
                break
            while data[at]:  # sub-blocks, each led by its length; 0 ends them
                at += 1 + data[at]
                pieces += 1
                check_pieces(pieces, data)
            at += 1
    except (IndexError, struct.error):
        log.debug("GIF trailer missing", frames=frames)
    return Structure(data, frames=max(1, frames), largest=right * bottom, cost=Cost(10, 20))
