"""Consistency check of an engine with the log, in sentences."""

from typing import Final

import numpy as np

from indexer.engines.base import Rows, keys_of
from indexer.engines.engine_index import EngineIndex
from indexer.types import ChangeFeed, Keys
from indexer.vectors.log_consistency import PLURAL

_ASKED: Final = 64  # vectors that are looked for at once
_SELF: Final = 0.9999  # similarity of a vector to itself, rounded
_LEAST_FOUND: Final = 0.95  # share of sampled vectors that must find themselves


def row_problems(address: str, subject: str, missing: Rows, surplus: Rows) -> list[str]:
    """Say in sentences which rows differ.

    Parameters
    ----------
    address : str
        The engine's, without credentials.
    subject : str
        What the keys are the ids of: image or entry.
    missing : ndarray of shape (n,), int64
        Rows that the log has and the engine does not.
    surplus : ndarray of shape (m,), int64
        Rows that the engine has and the log does not.
    """
    problems = []
    for rows, verb, end in ((missing, "lacks", ""), (surplus, "holds", " that the log does not")):
        if len(keys := np.unique(keys_of(rows))):
            problems.append(
                f"The vector engine {address} {verb} {len(rows)} vectors of {len(keys)} "
                f"{PLURAL[subject]}{end}, the first is {keys[0]}."
            )
    return problems


def unfound_problem(
    address: str, feed: ChangeFeed, index: EngineIndex, sample: int | None, seed: int
) -> str | None:
    """Look for sampled keys by their own vectors; return a sentence if too many are not found.

    Parameters
    ----------
    address : str
        The engine's, without credentials.
    feed : ChangeFeed
    index : EngineIndex
    sample : int or None
        Keys that are looked for; None looks for all.
    seed : int
        Which keys those are.
    """
    keys = np.unique(feed.all_keys().keys)
    if sample is not None and sample < len(keys):
        keys = np.sort(np.random.default_rng(seed).choice(keys, sample, replace=False))
    missed = _missed(feed, index, keys)
    if len(missed) <= (1 - _LEAST_FOUND) * len(keys):
        return None
    return (
        f"The vector engine {address} does not find {len(missed)} of {len(keys)} sampled "
        f"{PLURAL[feed.subject]} by their own vectors, the first is {missed[0]}."
    )


def _missed(feed: ChangeFeed, index: EngineIndex, keys: Keys) -> Keys:
    """Return those of some keys that a search for their own vectors does not find."""
    missed = [np.zeros(0, np.int64)]
    for start in range(0, len(keys), _ASKED):
        said = feed.look_up(keys[start : start + _ASKED])
        hits = index.search(said.vectors, 1)
        missed.append(said.keys[hits.similarities[:, 0] < _SELF])
    return np.unique(np.concatenate(missed))
