"""Seeds of generated pictures, one a picture, and the generators of noise made from them."""

from collections.abc import Sequence
from secrets import randbits
from typing import Any, Final

import numpy as np

from indexer.errors import InputError

_BITS: Final = 32
_MOST: Final = 2**62


def seeds_for(seed: int | Sequence[int] | None, count: int) -> list[int]:
    """Return a seed for each picture of a call.

    Parameters
    ----------
    seed : int, sequence of int or None
        The first, followed by the next integers; or all of them; random by default.
    count : int
        Number of pictures.

    Raises
    ------
    InputError
        Not as many as pictures, or one is not an integer from 0 to 2⁶².
    """
    first: Any = randbits(_BITS) if seed is None else seed
    several = isinstance(first, Sequence)
    seeds = list(first) if several else [first]
    for each in seeds:
        if (
            isinstance(each, bool)
            or not isinstance(each, int | np.integer)
            or not 0 <= each <= _MOST
        ):
            raise InputError(f"Invalid seed {each!r}. Use an integer from 0 to {_MOST}.")
    if not several:
        seeds = [first + place for place in range(count)]
    if len(seeds) != count:
        raise InputError(f"{len(seeds)} seeds for {count} pictures. Give one seed, or one each.")
    return [int(each) for each in seeds]


def next_seed(seed: int, attempt: int, place: int) -> int:
    """Return the seed of a further attempt; it depends on nothing else.

    Parameters
    ----------
    seed : int
        Of the first attempt.
    attempt : int
        From 1.
    place : int
        The picture's place in the call, from 0.
    """
    return int(np.random.SeedSequence([seed, attempt, place]).generate_state(1)[0])


def generators_of(seeds: Sequence[int]) -> Any:
    """Return what diffusers takes as `generator`: one for a picture, a list for several."""
    import torch

    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return generators[0] if len(generators) == 1 else generators
