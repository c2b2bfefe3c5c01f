"""Row filters of FAISS searches."""

import faiss

from indexer.vectors.base import Bitmap


def bitmap_selector(bitmap: Bitmap | None) -> faiss.IDSelectorBitmap | None:
    """Return what restricts one search to the rows of a bitmap; None allows all rows."""
    # Its stubs have the C++ constructor; Python's also takes an array, and keeps it alive.
    return None if bitmap is None else faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]


def bitmap_parameters(bitmap: Bitmap | None) -> faiss.SearchParameters | None:
    """Return the search parameters of a bitmap; None searches all rows."""
    if bitmap is None:
        return None
    return faiss.SearchParameters(sel=bitmap_selector(bitmap))  # type: ignore[call-arg]
