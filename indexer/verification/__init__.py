"""Verification: whether two pictures show the same thing in the same arrangement.

The engine (`geometry`) is imported from its own module, so that importing this package loads
nothing heavy; keeping thumbnails needs no engine.
"""

from indexer.verification.thumbnails import Grey, make_thumbnail, read_thumbnail, shrink

__all__ = ["Grey", "make_thumbnail", "read_thumbnail", "shrink"]
