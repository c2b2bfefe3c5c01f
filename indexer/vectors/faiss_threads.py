"""Threads of FAISS, which belong to the whole process."""

from collections.abc import Iterator
from contextlib import contextmanager

import faiss


@contextmanager
def faiss_threads(threads: int) -> Iterator[None]:
    """Let FAISS use so many threads for the block, then as many as before."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
