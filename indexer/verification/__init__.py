"""Geometric verification of two images by local features.

The engine (`geometry`) is imported from its own module, so that importing this package loads
nothing heavy; keeping thumbnails needs no engine.
"""

from indexer.verification.thumbnails import (
    Grey,
    make_thumbnail,
    read_thumbnail,
    shrink,
    thumbnail_size,
)

__all__ = ["Grey", "make_thumbnail", "read_thumbnail", "shrink", "thumbnail_size"]
