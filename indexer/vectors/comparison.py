"""What the log and an index hold, compared."""

import numpy as np

from indexer.types import Keys


def count_by_key(keys: Keys) -> dict[int, int]:
    """Count the vectors of each key."""
    unique, counts = np.unique(keys, return_counts=True)
    return dict(zip(unique.tolist(), counts.tolist(), strict=True))


def key_problems(view: str, expected: dict[int, int], held: Keys) -> list[str]:
    """Say in sentences where an index differs from its log.

    Parameters
    ----------
    view : str
        The view's name.
    expected : dict
        Vectors by key, as the log has them.
    held : ndarray of shape (n,), int64
        The index's keys, one for each vector.
    """
    counted = count_by_key(held)
    problems = []
    if missing := sorted(expected.keys() - counted.keys()):
        problems.append(f"The view {view} lacks {len(missing)} images, the first is {missing[0]}.")
    if surplus := sorted(counted.keys() - expected.keys()):
        problems.append(
            f"The view {view} holds {len(surplus)} images that the log does not, the first is "
            f"{surplus[0]}."
        )
    if other := sorted(k for k in expected.keys() & counted.keys() if expected[k] != counted[k]):
        problems.append(
            f"The view {view} holds another number of vectors than the log for {len(other)} "
            f"images, the first is {other[0]}."
        )
    return problems
