"""Star-shaped groups: a hub, and what is linked with it.

Nothing is in a group only through a chain. Two edits of one picture, such as its left and its
right half, are alike to the picture and not to each other: they are in its group, where complete
linkage would part them. The hub is the picture that others show as a whole: a page that shows a
photo is in the photo's group, and does not draw other pages of its layout into it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.piece_table import Rows
from indexer.types import LogOdds

_ENOUGH: Final = 20.0  # nats: no link counts for more
_RIVALS: Final = 4  # of a group, the hub among them
_DIGITS: Final = 3  # of nats: what adds up in another order is the same


@dataclass(frozen=True, slots=True)
class Stars:
    """The group of each image, named by its hub."""

    hubs: Rows  # (n,), the row of the hub; the image itself where it is in no group
    strengths: LogOdds  # (n,), log-odds of the link with the hub; infinite for the hub itself


def group_by_hubs(links: ImagePairs, ranks: Rows) -> Stars:
    """Group images around hubs.

    The images are taken by how much speaks for links with the whole of them, most first. One that
    is in no group yet is the hub of a new one, of all that are linked with it and in no group. Then
    each image moves to the hub that it is linked with most strongly.

    Parameters
    ----------
    links : ImagePairs
        Those that count.
    ranks : ndarray of shape (n,), int64
        Of the images, by what does not depend on their order; ties go to the lower.
    """
    n = len(ranks)
    centrality = _centrality(links, n)
    partners, ends = _partners(links, n)
    hubs = np.full(n, -1, np.int64)
    linked = np.flatnonzero(np.diff(ends))
    for row in linked[np.lexsort((ranks[linked], -centrality[linked]))]:
        if hubs[row] < 0:
            others = partners[ends[row] : ends[row + 1]]
            hubs[others[hubs[others] < 0]] = row
            hubs[row] = row
    alone = hubs < 0
    hubs[alone] = np.flatnonzero(alone)
    return _nearest_hubs(links, hubs, ranks)


def rivals_of(stars: Stars, links: ImagePairs, ranks: Rows, larger_than: int) -> tuple[Rows, Rows]:
    """Return the images of large groups, each with those that may rather be the hub.

    Where an image has links with a few of many others only, the most central of a group is not
    surely the one that most of them show.

    Parameters
    ----------
    stars : Stars
    links : ImagePairs
        By which they are grouped.
    ranks : ndarray of shape (n,), int64
        As for `group_by_hubs`.
    larger_than : int
        Images.

    Returns
    -------
    images, rivals : ndarray of shape (m,), int64
        Rows.
    """
    n = len(ranks)
    order = np.lexsort((ranks, -_centrality(links, n), stars.hubs))
    sizes = np.bincount(stars.hubs, minlength=n)
    firsts = (np.cumsum(sizes) - sizes)[stars.hubs]
    images = np.repeat(np.flatnonzero(sizes[stars.hubs] > larger_than), _RIVALS)
    return images, order[firsts[images] + np.arange(len(images)) % _RIVALS]


def regroup(stars: Stars, links: ImagePairs, ranks: Rows, larger_than: int) -> Stars:
    """Group the images of each large group again, by the links among them.

    Parameters
    ----------
    stars : Stars
    links : ImagePairs
    ranks : ndarray of shape (n,), int64
        As for `group_by_hubs`.
    larger_than : int
        Images.
    """
    large = np.bincount(stars.hubs, minlength=len(ranks))[stars.hubs] > larger_than
    together = stars.hubs[links.left] == stars.hubs[links.right]
    again = group_by_hubs(links.at(large[links.left] & together), ranks)
    return Stars(
        np.where(large, again.hubs, stars.hubs), np.where(large, again.strengths, stars.strengths)
    )


def merge(stars: Stars, links: ImagePairs, ranks: Rows) -> Stars:
    """Merge groups whose hubs are linked, again by stars of hubs.

    Parameters
    ----------
    stars : Stars
    links : ImagePairs
        Between hubs.
    ranks : ndarray of shape (n,), int64
        As for `group_by_hubs`.
    """
    sizes = np.bincount(stars.hubs, minlength=len(ranks)).astype(np.float32)
    weighted = replace(
        links,
        left_whole=np.clip(links.left_whole, 0, 1) * sizes[links.right],
        right_whole=np.clip(links.right_whole, 0, 1) * sizes[links.left],
    )
    merged = group_by_hubs(weighted, ranks)
    moved = merged.hubs[stars.hubs] != stars.hubs
    strengths = np.where(
        moved, np.minimum(stars.strengths, merged.strengths[stars.hubs]), stars.strengths
    )
    return Stars(merged.hubs[stars.hubs], strengths)


def _centrality(links: ImagePairs, n: int) -> NDArray[np.float64]:
    """Return how much speaks for links with the whole of each image, (n,)."""
    both = np.bincount(links.left, np.clip(links.left_whole, 0, _ENOUGH), n) + np.bincount(
        links.right, np.clip(links.right_whole, 0, _ENOUGH), n
    )
    return np.round(both, _DIGITS)


def _partners(links: ImagePairs, n: int) -> tuple[Rows, Rows]:
    """Return the partners of all images, one after the other, and where those of each begin."""
    images = np.concatenate([links.left, links.right])
    partners = np.concatenate([links.right, links.left])[np.argsort(images, kind="stable")]
    return partners, np.concatenate([[0], np.cumsum(np.bincount(images, minlength=n))])


def _nearest_hubs(links: ImagePairs, hubs: Rows, ranks: Rows) -> Stars:
    """Move each image that is no hub to the hub that it is linked with most strongly."""
    is_hub = hubs == np.arange(len(hubs))
    members = np.concatenate([links.left, links.right])
    partners = np.concatenate([links.right, links.left])
    strengths = np.round(np.concatenate([links.log_odds, links.log_odds]), _DIGITS)
    wanted = ~is_hub[members] & is_hub[partners]
    members, partners, strengths = members[wanted], partners[wanted], strengths[wanted]
    order = np.lexsort((ranks[partners], -strengths, members))
    found, first = np.unique(members[order], return_index=True)
    nearest, closeness = hubs.copy(), np.full(len(hubs), np.inf, np.float32)
    nearest[found], closeness[found] = partners[order][first], strengths[order][first]
    return Stars(nearest, closeness)
