"""Growth scope: new images, and those of all others that they may be linked with."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.clustering.families.candidate_pairs import CandidateFinder, are_few
from indexer.clustering.families.link_bounds import LinkBounds
from indexer.clustering.families.piece_index import PieceIndex, Reach
from indexer.clustering.families.piece_table import PieceTable, Rows
from indexer.settings import Settings
from indexer.store import Catalog, Membership, ScopedPieces, Store
from indexer.types import LEAST_VERIFIED, ClusterRun, Keys, Space, SpaceTraits

_MOST_LATER: Final = 0.1  # share of an index that images beyond it may be: all are compared


@dataclass(frozen=True, slots=True)
class GrowthScope:
    """What a run must know of its images to take in new ones."""

    pieces: ScopedPieces  # new images, and their candidates or the hubs of these
    left: Rows  # (m,), candidates: rows of images ...
    right: Rows  # ... and of those that they may be linked with
    known: Membership  # of these images
    hubs: dict[int, int]  # the cluster of each image that is a hub
    stored: int  # pieces of all images in the scope


def read_growth_scope(  # noqa: PLR0913, PLR0917 -- what candidates depend on
    store: Store,
    settings: Settings,
    space: Space,
    traits: SpaceTraits,
    run: ClusterRun,
    index: PieceIndex,
    new: Keys,
) -> GrowthScope | None:
    """Find candidates of new images in an index of older ones, and read them alone.

    Parameters
    ----------
    store, settings, space, traits
        As for `LinkFinder`.
    run : ClusterRun
        The run that goes on.
    index : PieceIndex
        Of most images in the run's scope.
    new : ndarray of shape (m,), int64
        Ids of new images, ascending.

    Returns
    -------
    GrowthScope or None
        None where so many images are not in the index that it is of little use.
    """
    with store.reader() as catalog:
        scopes = catalog.cluster_scopes
        after = scopes.ids(run.scope, space, after_id=int(index.ids.max(initial=0)))
        later = np.union1d(after, new[~np.isin(new, index.ids)])
        if len(later) > _MOST_LATER * len(index.ids):
            return None
        fresh = scopes.pieces_of(np.union1d(later, new), run.scope, space)
        beyond = np.isin(fresh.images.ids[fresh.owners], later)
        if not are_few(len(beyond)):
            return None
        stored = len(index) + int(beyond.sum())
        bounds = LinkBounds.of_run(run.parameters)
        least = bounds.min_log_odds
        if bounds.verified and (
            catalog.local_features.ids(new.tolist()) or catalog.thumbnails.ids(new.tolist())
        ):
            least = min(LEAST_VERIFIED, least)
        reach = Reach.of(traits.fusion, least, bounds.max_pdq_distance, stored)
        left, right = _Candidates(settings, traits, fresh, reach).of(new, index)
        return _read(catalog, space, run, new, left, right, stored)


class _Candidates:
    """Finds which images new ones are near to, among those of an index and the later ones."""

    def __init__(
        self,
        settings: Settings,
        traits: SpaceTraits,
        fresh: ScopedPieces,
        reach: Reach,
    ) -> None:
        self._reach = reach
        self._threads = settings.worker_threads
        self._fresh = fresh
        self._table = PieceTable(fresh, settings.pdq_min_quality, traits, self._threads)
        self._finder = CandidateFinder(
            fresh.images.ids, self._table, traits.fusion, seed=0, threads=self._threads
        )

    def of(self, new: Keys, index: PieceIndex) -> tuple[Keys, Keys]:
        """Return the ids of both images of each pair."""
        ids, owners = self._fresh.images.ids, self._fresh.owners
        asked = np.flatnonzero(np.isin(ids[owners], new))
        near = index.near(self._table, asked, self._reach, threads=self._threads)
        among = self._finder.of(asked, lambda _count: None)
        close = np.isnan(among.cosines) | (among.cosines >= self._reach.cosine)
        left = np.concatenate([ids[owners[near.asked]], ids[owners[among.ours[close]]]])
        right = np.concatenate(
            [index.ids[index.owners[near.found]], ids[owners[among.theirs[close]]]]
        )
        pairs = np.unique(np.sort(np.stack([left, right]), axis=0)[:, left != right], axis=1)
        return pairs[0], pairs[1]


def _read(  # noqa: PLR0913, PLR0917 -- of what
    catalog: Catalog,
    space: Space,
    run: ClusterRun,
    new: Keys,
    left: Keys,
    right: Keys,
    stored: int,
) -> GrowthScope:
    """Read the images of some pairs; the hub stands for all members of its family."""
    hubs = catalog.clusters.medoids(run.id)
    members = catalog.cluster_members.membership_of(run.id, np.union1d(left, right))
    left, right = (_standing_for(each, members, hubs) for each in (left, right))
    pieces = catalog.cluster_scopes.pieces_of(
        np.unique(np.concatenate([new, left, right])), run.scope, space
    )
    ids = pieces.images.ids
    there = np.isin(left, ids) & np.isin(right, ids) & (left != right)
    return GrowthScope(
        pieces=pieces,
        left=np.searchsorted(ids, left[there]),
        right=np.searchsorted(ids, right[there]),
        known=catalog.cluster_members.membership_of(run.id, ids),
        hubs=hubs,
        stored=stored,
    )


def _standing_for(images: Keys, members: Membership, hubs: dict[int, int]) -> Keys:
    """Return the hub of the family of each image; of one that is in none, the image itself."""
    ids, clusters = (np.fromiter(each, np.int64, len(hubs)) for each in (hubs, hubs.values()))
    order = np.argsort(clusters)
    places = np.searchsorted(clusters[order], members.cluster_ids)
    is_grouped = np.append(clusters[order], -2)[places] == members.cluster_ids  # noise has -1
    hub = np.where(is_grouped, np.append(ids[order], 0)[places], members.image_ids)
    places = np.searchsorted(members.image_ids, images)
    is_member = np.append(members.image_ids, 0)[places] == images
    return np.where(is_member, np.append(hub, 0)[places], images)
