"""Consistency check of an index with its log."""

from typing import Final

import numpy as np

from indexer.types import Keys, Vectors

PLURAL: Final = {"image": "images", "entry": "entries"}
"""What the keys of a view are called in sentences, by the subject of its feed."""


def count_by_key(keys: Keys) -> dict[int, int]:
    """Count the vectors of each key."""
    unique, counts = np.unique(keys, return_counts=True)
    return dict(zip(unique.tolist(), counts.tolist(), strict=True))


def key_problems(view: str, subject: str, expected: dict[int, int], held: Keys) -> list[str]:
    """Say in sentences where an index differs from its log.

    Parameters
    ----------
    view : str
        The view's name.
    subject : str
        What its keys are the ids of: image or entry.
    expected : dict
        Vectors by key, as the log has them.
    held : ndarray of shape (n,), int64
        The index's keys, one for each vector.
    """
    them = PLURAL[subject]
    counted = count_by_key(held)
    problems = []
    if missing := sorted(expected.keys() - counted.keys()):
        problems.append(f"The view {view} lacks {len(missing)} {them}, the first is {missing[0]}.")
    if surplus := sorted(counted.keys() - expected.keys()):
        problems.append(
            f"The view {view} holds {len(surplus)} {them} that the log does not, the first is "
            f"{surplus[0]}."
        )
    if other := sorted(k for k in expected.keys() & counted.keys() if expected[k] != counted[k]):
        problems.append(
            f"The view {view} holds another number of vectors than the log for {len(other)} "
            f"{them}, the first is {other[0]}."
        )
    return problems


def differing_keys(said: tuple[Keys, Vectors], held: tuple[Keys, Vectors]) -> list[int]:
    """Return the keys whose vectors, equally many, are not the same bit by bit.

    Parameters
    ----------
    said : (ndarray of shape (n,), int64, ndarray of shape (n, d))
        What the log has, ordered by key.
    held : (ndarray of shape (m,), int64, ndarray of shape (m, d))
        What the index has, ordered by key.
    """
    log, index = _bytes_by_key(*said), _bytes_by_key(*held)
    return [
        key
        for key, value in log.items()
        if key in index and len(index[key]) == len(value) and index[key] != value
    ]


def _bytes_by_key(keys: Keys, vectors: Vectors) -> dict[int, bytes]:
    unique, starts = np.unique(keys, return_index=True)
    ends = [*starts[1:].tolist(), len(keys)]
    rows = zip(unique.tolist(), starts.tolist(), ends, strict=True)
    return {key: vectors[start:end].tobytes() for key, start, end in rows}
