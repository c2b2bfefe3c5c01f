"""C allocator: which freed memory glibc keeps for later, and which it returns to the system."""

import ctypes
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)
_MAPPED_FROM: Final = 12_000_000  # bytes of a block: RGB pixels of 4 megapixels
_KEPT: Final = 24_000_000  # bytes, by each arena at most


def keep_small_blocks() -> None:
    """Have glibc keep the memory of ordinary pictures, and return that of large ones at once.

    By default it returns blocks of a few megabytes, as SIFT and resizing need them for every
    picture: the system clears 3,000 pages a photo then, a tenth of the time, and threads wait for
    each other meanwhile, since they share one memory map. Blocks of large pictures are kept by
    default, in every thread: up to gigabytes. Other C libraries are left as they are.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    set_option(_MMAP_THRESHOLD, _MAPPED_FROM)
    set_option(_TRIM_THRESHOLD, _KEPT)
