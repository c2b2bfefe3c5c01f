"""Check of a view: its index compared with the log while both may change."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from indexer.types import ChangeFeed, Keys
from indexer.vectors.base import LocalIndex
from indexer.vectors.log_changes import CHUNK
from indexer.vectors.log_consistency import PLURAL, count_by_key, differing_keys, key_problems

CaughtUp = Callable[[], AbstractContextManager[tuple[LocalIndex, int]]]
"""Gives an index that has applied all committed changes, and its watermark; neither changes before
the context ends."""


class ViewCheck:
    """Which keys an index holds, and their vectors bit by bit.

    Parameters
    ----------
    view : str
        The view's name.
    feed : ChangeFeed
        The log.
    caught_up : callable
        See `CaughtUp`.
    """

    def __init__(self, view: str, feed: ChangeFeed, caught_up: CaughtUp) -> None:
        self._view = view
        self._feed = feed
        self._caught_up = caught_up

    def key_problems(self) -> list[str]:
        """Return a sentence for each way in which the keys differ from the log's."""
        logged = self._feed.all_keys()
        expected = count_by_key(logged.keys)  # vectors by key, as the log has them
        after = logged.watermark
        while True:
            with self._caught_up() as (index, watermark):
                changes = self._feed.read(after, CHUNK)
                # Nothing was committed meanwhile, so both have seen the same log.
                done = changes.watermark == after == watermark
                held = index.keys() if done else None
            if held is not None:
                return key_problems(self._view, self._feed.subject, expected, held)
            for key in changes.removed.tolist():
                expected.pop(key, None)
            expected.update(count_by_key(changes.keys))
            after = changes.watermark

    def vector_problems(self, sample: int | None, seed: int) -> list[str]:
        """Return a sentence if any vectors differ from the log's.

        Parameters
        ----------
        sample : int or None
            Images whose vectors are compared; None for all.
        seed : int
            Which images those are.
        """
        with self._caught_up() as (index, _):
            keys = np.unique(index.keys())
        if sample is not None and sample < len(keys):
            keys = np.sort(np.random.default_rng(seed).choice(keys, sample, replace=False))
        differing: list[int] = []
        for start in range(0, len(keys), CHUNK):
            differing += self._differing(keys[start : start + CHUNK])
        if not differing:
            return []
        problem = (
            f"The view {self._view} holds other vectors than the log for {len(differing)} of "
            f"{len(keys)} compared {PLURAL[self._feed.subject]}, the first is {differing[0]}."
        )
        return [problem]

    def _differing(self, keys: Keys) -> list[int]:
        while True:
            with self._caught_up() as (index, watermark):
                said = self._feed.look_up(keys)
                if said.watermark == watermark:  # both have seen the same log
                    return differing_keys((said.keys, said.vectors), index.reconstruct(keys))
