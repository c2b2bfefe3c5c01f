"""Geometric verification of two images by local features.

What needs OpenCV (`geometry`, `local_features`) is imported from its own module, so that importing
this package loads nothing heavy.
"""

from indexer.verification.thumbnails import (
    Grey,
    make_thumbnail,
    read_thumbnail,
    shrink,
)

__all__ = ["Grey", "make_thumbnail", "read_thumbnail", "shrink"]
