"""Growth of families: what new images join, and what they found."""

from dataclasses import dataclass

import numpy as np

from indexer.clustering.families.family_search import Families, families_of, rank_images
from indexer.clustering.families.links import LinkFinder
from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.piece_table import Rows
from indexer.clustering.families.stars import Stars, group_by_hubs
from indexer.store import Membership, ScopedPieces
from indexer.types import Keys, LogOdds


@dataclass(frozen=True, slots=True)
class FamilyGrowth:
    """What becomes of new images; rows are those of the scope."""

    joined: Rows  # (m,), new images that match the hub of a family
    clusters: Keys  # (m,), ids of the families that they join
    strengths: LogOdds  # (m,), of the link with the hub
    founded: Families  # new ones, of new images and of images that were in none


def grow_families(
    scoped: ScopedPieces,
    finder: LinkFinder,
    links: ImagePairs,
    new: Keys,
    known: Membership,
    hubs: dict[int, int],
) -> FamilyGrowth:
    """Find what new images join, by links with hubs, and which families they found.

    Known families keep their hubs and members. So only the links of new images are needed. A new
    image that matches members of a family and not its hub stays out, as it would in a run.

    Parameters
    ----------
    scoped : ScopedPieces
        New images, those that they are linked with, and the hubs of these.
    finder : LinkFinder
        Of these images.
    links : ImagePairs
        Of the new images.
    new : ndarray of shape (k,), int64
        Ids of the new images.
    known : Membership
        Of the run that goes on.
    hubs : dict of int to int
        The cluster of each image that is a hub.
    """
    ids = scoped.images.ids
    n = len(ids)
    is_new = np.isin(ids, new)
    hub_of = np.array([hubs.get(image_id, -1) for image_id in ids.tolist()], np.int64)
    links = links.joined(finder.between(*_with_hubs(links, ids, known, hub_of)))
    members = np.concatenate([links.left, links.right])
    partners = np.concatenate([links.right, links.left])
    strengths = np.concatenate([links.log_odds, links.log_odds])
    wanted = is_new[members] & (hub_of[partners] >= 0)
    members, partners, strengths = members[wanted], partners[wanted], strengths[wanted]
    order = np.lexsort((ids[partners], -strengths, members))
    joined, first = np.unique(members[order], return_index=True)
    best = order[first]

    taken = np.isin(ids, known.image_ids[known.cluster_ids >= 0])
    taken[joined] = True
    free = links.at(~taken[links.left] & ~taken[links.right])
    stars = (
        group_by_hubs(free, rank_images(scoped))
        if len(free)
        else Stars(np.arange(n), np.full(n, np.inf, np.float32))
    )
    return FamilyGrowth(joined, hub_of[partners[best]], strengths[best], families_of(stars))


def _with_hubs(links: ImagePairs, ids: Keys, known: Membership, hub_of: Keys) -> tuple[Rows, Rows]:
    """Return the images of links, and the hubs of the families of their partners."""
    clusters = np.full(len(ids), -1, np.int64)
    there = np.isin(ids, known.image_ids)
    clusters[there] = known.cluster_ids[np.searchsorted(known.image_ids, ids[there])]
    hubs = np.flatnonzero(hub_of >= 0)
    hubs = hubs[np.argsort(hub_of[hubs])]
    members = np.concatenate([links.left, links.right])
    partners = clusters[np.concatenate([links.right, links.left])]
    found = (partners >= 0) & np.isin(partners, hub_of[hubs])
    return members[found], hubs[np.searchsorted(hub_of[hubs], partners[found])]
