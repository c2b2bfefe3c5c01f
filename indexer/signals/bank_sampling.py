"""Bank sampling: random selection of the banks of a lookup, by ratio."""

import random


def flip(seed: str | None = None, *, bypass: bool = False) -> float:
    """Return a number from 0 to 1: a bank takes part if its ratio reaches it.

    Parameters
    ----------
    seed : str, optional
        Makes the flip the same each time, the same as that of a server that runs HMA.
    bypass : bool
        Whether every bank takes part: the flip is 0 then.
    """
    return 0.0 if bypass else random.Random(seed).random()  # noqa: S311 -- no secret
