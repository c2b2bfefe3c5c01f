"""Division of labelled images into folds that share no group."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from indexer.errors import InputError

Rows = NDArray[np.int64]
_FOLDS: Final = 5  # a fifth is held out
_TRIES: Final = 20
_MANY_GROUPS: Final = 5_000


def hold_out(
    targets: NDArray[np.bool_], groups: NDArray[np.int64], classes: Sequence[str], seed: int
) -> tuple[Rows, Rows]:
    """Divide images into those to learn from and about a fifth to test with.

    No group is in both, and every class is.

    Parameters
    ----------
    targets : ndarray of shape (n, classes), bool
    groups : ndarray of shape (n,), int64
    classes : sequence of str
    seed : int

    Returns
    -------
    tuple of two ndarrays, int64
        Row numbers, ascending.

    Raises
    ------
    InputError
        All images of a class are in one group, or the groups cannot be divided so that both sides
        have every class.
    """
    lone = [
        name
        for name, column in zip(classes, targets.T, strict=True)
        if len(np.unique(groups[column])) < 2  # noqa: PLR2004 -- one for each side
    ]
    if lone:
        raise InputError(
            f"All images of {', '.join(lone)} come from one origin or are near-duplicates of each "
            "other, so none can be held out to test with. Add images from elsewhere, or remove the "
            "class."
        )
    for attempt in range(_TRIES):
        for fit, test in folds(targets, groups, seed + attempt, _FOLDS):
            if targets[fit].any(axis=0).all() and targets[test].any(axis=0).all():
                return fit, test
    raise InputError(
        "The images cannot be divided so that training and test both have every class and share no "
        f"origin: there are {len(np.unique(groups))} groups of origins and near-duplicates for "
        f"{len(classes)} classes. Add images from other origins."
    )


def folds(
    targets: NDArray[np.bool_], groups: NDArray[np.int64], seed: int, most: int
) -> list[tuple[Rows, Rows]]:
    """Divide images into at most `most` folds; each is held out once.

    Returns
    -------
    list of (rows to learn from, rows held out)
        Empty where a class is in fewer than two groups.
    """
    rarest = _rarest(targets)
    kinds = np.unique(rarest)
    least = min(len(np.unique(groups[rarest == kind])) for kind in kinds)
    count = min(most, least)
    if count < 2:  # noqa: PLR2004 -- one to learn from, one held out
        return []
    return [*_divide(rarest, groups, count, seed)]


def _divide(
    kinds: NDArray[np.int64], groups: NDArray[np.int64], count: int, seed: int
) -> Iterator[tuple[Rows, Rows]]:
    """Yield folds; of very many groups by one image of each, for scikit-learn is slow with them."""
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)
    if len(names) > _MANY_GROUPS:
        simple = StratifiedKFold(count, shuffle=True, random_state=seed)
        for _, held_out in simple.split(names, kinds[first]):
            is_held = np.isin(member, held_out)
            yield np.flatnonzero(~is_held), np.flatnonzero(is_held)
        return
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rare classes: they were counted above
        for fit, held in splitter.split(kinds, kinds, groups):
            yield np.asarray(fit, np.int64), np.asarray(held, np.int64)


def _rarest(targets: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rarest class of each image, which is what it is dealt out by."""
    counts = np.where(targets, targets.sum(axis=0), np.iinfo(np.int64).max)
    return np.asarray(counts.argmin(axis=1), np.int64)
