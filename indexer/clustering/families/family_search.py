"""Search for families: links, grouped around hubs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.links import LinkFinder
from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.piece_table import Rows
from indexer.clustering.families.stars import (
    Stars,
    group_by_hubs,
    merge,
    regroup,
    rivals_of,
)
from indexer.store import ScopedPieces
from indexer.types import LogOdds

_LARGE: Final = 24  # images of a group of which not all are compared with each other
_ROUNDS: Final = 8  # of merging; each leaves a fraction of the hubs


@dataclass(frozen=True, slots=True)
class Families:
    """Which family each image is in."""

    labels: Rows  # (n,), from 0 without gaps, by first member; -1 for what is in none
    probabilities: NDArray[np.float64]  # (n,), that it shows the picture of the hub; 0 in none
    hubs: Rows  # (families,), rows of the images that the others show


def find_families(scoped: ScopedPieces, finder: LinkFinder) -> Families:
    """Find the families of the images in a scope.

    An image of a large family has more copies than neighbours are looked at, so such a family is
    found in pieces first. So images are compared with the hubs of their neighbours, and those of
    large groups with others that may be the hub. Where members of two groups are linked, their hubs
    are compared, and groups whose hubs match are merged. Then the image that most of a large family
    show can be known, and such a family gets its hub once more: the first choice, among a piece,
    may change with every image that comes.

    Parameters
    ----------
    scoped : ScopedPieces
    finder : LinkFinder
        Of these images.
    """
    ranks, links = rank_images(scoped), finder.all()
    stars = group_by_hubs(links, ranks)
    for more in (
        finder.with_hubs(stars.hubs),
        finder.between(*rivals_of(stars, links, ranks, _LARGE)),
    ):
        links = links.joined(more)
    stars, links = _merge(group_by_hubs(links, ranks), links, finder, ranks)
    links = links.joined(finder.between(*rivals_of(stars, links, ranks, _LARGE)))
    stars, _ = _merge(regroup(stars, links, ranks, _LARGE), links, finder, ranks)
    return families_of(stars)


def _merge(
    stars: Stars, links: ImagePairs, finder: LinkFinder, ranks: Rows
) -> tuple[Stars, ImagePairs]:
    """Merge groups whose hubs match; return all links, those of the hubs among them."""
    for _ in range(_ROUNDS):
        between = finder.between(stars.hubs[links.left], stars.hubs[links.right])
        if not len(between):
            break
        links = links.joined(between)
        stars = merge(stars, between, ranks)
    return stars, links


def rank_images(scoped: ScopedPieces) -> Rows:
    """Return ranks of the images that do not depend on the order in which they came."""
    n = len(scoped.images.ids)
    words = np.ascontiguousarray(scoped.pdqs[:n]).view(np.uint64)
    order = np.lexsort((scoped.images.ids, *scoped.images.vectors[:, :2].T, *words.T))
    ranks = np.empty(n, np.int64)
    ranks[order] = np.arange(n)
    return ranks


def families_of(stars: Stars) -> Families:
    """Return the groups of two and more, numbered."""
    n = len(stars.hubs)
    sizes = np.bincount(stars.hubs, minlength=n)
    grouped = sizes[stars.hubs] > 1
    hubs, first = np.unique(stars.hubs[grouped], return_index=True)
    order = np.argsort(first, kind="stable")
    number = np.full(n, -1, np.int64)
    number[hubs[order]] = np.arange(len(hubs))
    return Families(
        labels=np.where(grouped, number[stars.hubs], -1),
        probabilities=np.where(grouped, probability_of(stars.strengths), 0.0),
        hubs=hubs[order],
    )


def probability_of(log_odds: LogOdds) -> NDArray[np.float64]:
    """Return how probable links are, of the same shape; at least 0.5 for a link by PDQ alone."""
    return 1 / (1 + np.exp(-np.maximum(np.asarray(log_odds, np.float64), 0)))
