"""Cluster run: the images in a scope, clustered, summarised and matched to the run before."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any, Final

import numpy as np

from indexer.clustering.alert_reviews import review_alerts
from indexer.clustering.cluster_parameters import FAMILIES, ClusterParameters
from indexer.clustering.families.candidate_pairs import are_few
from indexer.clustering.families.family_growth import FamilyGrowth, grow_families
from indexer.clustering.families.family_search import Families, find_families, probability_of
from indexer.clustering.families.growth_scope import read_growth_scope
from indexer.clustering.families.link_bounds import LinkBounds
from indexer.clustering.families.links import LinkFinder, Steps
from indexer.clustering.families.piece_index import PieceIndex
from indexer.clustering.families.piece_view import PieceView
from indexer.clustering.lineage import trace
from indexer.clustering.partition import Partition
from indexer.clustering.pattern_search import find_patterns, semantic_space, standing_for
from indexer.clustering.pattern_view import PatternView
from indexer.clustering.summaries import summarise
from indexer.embedding_space import bound_space, load_bound_encoder, model_reference
from indexer.errors import RunUnderWay, UnusableVectors
from indexer.model import load_traits
from indexer.settings import Settings
from indexer.store import (
    SEMANTIC,
    FoundMembers,
    Membership,
    ScopedPieces,
    ScopedVectors,
    Store,
)
from indexer.thresholds import choose_thresholds
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    Keys,
    RunState,
    Space,
    SpaceTraits,
)

_STEP: Final = 65_536  # vectors checked at a time
_ROUNDING: Final = 1e-3  # of a length, in float32
_LOOK: Final = 1.0  # seconds between looks at whether a run was cancelled in the database

Progress = Callable[[str, int, int], None]
"""Called with the stage, the number of images done, and the number to do."""
OnBegin = Callable[[ClusterRun], None]
"""Called with a run as it begins."""


class Cancelled(Exception):
    """The run was stopped or cancelled; it is caught where the run began."""


class ClusterRunner:
    """Clusters what an index holds, and remembers what came of it."""

    def __init__(self, store: Store, settings: Settings, traits: SpaceTraits | None = None) -> None:
        """Take what families are weighed by; by default what comes with the index's model."""
        self._store = store
        self._settings = settings
        self._traits = traits
        self._is_given = traits is not None

    def run(  # noqa: PLR0913 -- what a run is, and how it is followed
        self,
        algorithm: ClusterAlgorithm,
        scope: ClusterScope,
        parameters: ClusterParameters,
        *,
        on_begin: OnBegin = lambda _run: None,
        on_progress: Progress = lambda _stage, _done, _of: None,
        stop: Event | None = None,
        since_last: bool = False,
    ) -> ClusterRun:
        """Cluster the images in a scope; an index is clustered by one run at a time.

        Nothing of a run is seen before all of it is written: one that is cut off found nothing, and
        the next run marks it as failed.

        Parameters
        ----------
        algorithm : ClusterAlgorithm
        scope : ClusterScope
        parameters : ClusterParameters
        on_begin : callable
            Called with the run as soon as it is written down.
        on_progress : callable
            Called with the name of a stage, and how many of how many images it has done.
        stop : Event, optional
            Once it is set the run ends at the next step, as cancelled. So it does when somebody
            else marks it as cancelled in the database.
        since_last : bool
            Whether patterns may begin with the graph that the run before left, where nothing but
            the images in it changed.

        Raises
        ------
        InputError
            A parameter is out of bounds, or an embedding is not a finite one of length 1.
        NotFoundError
            The scope names a bank that is not there.
        RunUnderWay
            Another run is under way.
        ModelMismatch
            Families are wanted, and the settings name another model than the index was built with.
        """
        space = bound_space(self._store)
        effective = self.effective(algorithm, parameters, space)
        with self._store.clustering() as free:
            if not free:
                raise RunUnderWay(
                    "A cluster run is already under way, and an index has one run at a "
                    "time. Wait until it is done: `lookalike cluster list` shows it."
                )
            with self._store.writer() as writer:
                run = writer.cluster_runs.begin(algorithm, effective, scope, space.id)
            try:
                on_begin(run)
                steps = _steps(on_progress, self._watch(run, stop or Event()))
                return self._finish(run, space, steps, since_last=since_last)
            except Cancelled:
                return self._end(run, RunState.CANCELLED)
            except KeyboardInterrupt:
                self._end(run, RunState.CANCELLED)
                raise
            except BaseException:
                self._end(run, RunState.FAILED)
                raise

    def effective(
        self, algorithm: ClusterAlgorithm, parameters: ClusterParameters, space: Space
    ) -> dict[str, Any]:
        """Return the parameters that a run would have: for families with the bounds in force.

        For patterns with the semantic space that they are found in.

        Raises
        ------
        InputError
            One of them is out of bounds; or no image has the semantic embedding that it needs.
        """
        own = parameters.of(algorithm)
        if algorithm not in FAMILIES:
            semantic = semantic_space(self._store, self._settings, space)
            return own | ({SEMANTIC: semantic.fingerprint[:12]} if semantic else {})
        with self._store.reader() as catalog:
            cards = catalog.cards.bounds(space.id)
        thresholds = choose_thresholds(
            self._settings,
            cards,
            space_id=space.id,
            requested=None,
            fusion=self._space_traits().fusion,
        )
        verified = parameters.verify and self._settings.verify_candidates > 0
        return own | LinkBounds.in_force(thresholds, algorithm, verified=verified).parameters()

    def _space_traits(self) -> SpaceTraits:
        if self._traits is None:
            self._traits = load_traits(model_reference(self._store, self._settings))
        return self._traits

    def _watch(self, run: ClusterRun, stop: Event) -> Callable[[], bool]:
        """Make what tells whether a run is to end before it is done."""
        looked = monotonic()

        def is_over() -> bool:
            nonlocal looked
            if stop.is_set():
                return True
            if monotonic() < looked + _LOOK:
                return False
            looked = monotonic()
            with self._store.reader() as catalog:
                return catalog.cluster_runs.get(run.id).state is RunState.CANCELLED

        return is_over

    def _end(self, run: ClusterRun, state: RunState) -> ClusterRun:
        with self._store.writer() as writer:
            return writer.cluster_runs.end(run.id, state)

    def _finish(
        self, run: ClusterRun, space: Space, steps: Steps, *, since_last: bool
    ) -> ClusterRun:
        previous, before, pieces = None, None, None
        stands = np.empty(0, np.int64)
        with self._store.reader() as catalog:
            scopes, on_progress = catalog.cluster_scopes, steps("reading", 0)
            if run.algorithm in FAMILIES:
                pieces = scopes.pieces(run.scope, space, on_progress=on_progress)
                scoped = pieces.images
            else:
                semantic = catalog.cluster_runs.semantic_space(run)
                scoped = scopes.vectors(run.scope, space, semantic, on_progress=on_progress)
                stands = standing_for(catalog, run, space, scoped.ids)
            if run.previous_run is not None:
                previous = catalog.cluster_runs.get(run.previous_run)
                before = catalog.cluster_members.membership(previous.id, assigned=False)
        require_unit(scoped)
        n = len(scoped.ids)
        index, graph, patterns = None, None, None
        if pieces:
            self._check_model()
            finder = self._finder(run, space, pieces, steps)
            found = _partition_of(find_families(pieces, finder))
            index = finder.index
        else:
            patterns = self._pattern_view(run, space)
            found, graph = find_patterns(
                run,
                scoped,
                stands,
                threads=self._settings.worker_threads,
                kept=patterns.load() if patterns and since_last else None,
                on_progress=steps("comparing", n),
            )
        lineage = trace(_clusters_of(before), scoped.ids.tolist(), found.labels)
        clusters = summarise(scoped, found, lineage, previous, steps("describing", n))
        members = FoundMembers(scoped.ids, found.labels, found.probabilities, found.outlier_scores)
        steps("writing", n)(0)
        with self._store.writer() as writer:
            finished = writer.cluster_runs.finish(run.id, clusters, members, lineage)
            review_alerts(self._store.joining(writer), finished)
        if index and (view := self._view(run, space)):
            view.write(index, run.watermark)
        if graph and patterns:
            patterns.write(graph, run.watermark)
        return finished

    def grow(self, run: ClusterRun, space: Space, image_ids: Keys) -> int:
        """Let new images join the families of a finished run, or found new ones.

        Returns
        -------
        int
            How many of the new images are in a family now.
        """
        pieces, growth = self._grow(run, space, image_ids)
        scoped, founded = pieces.images, _partition_of(growth.founded)
        strengths = probability_of(growth.strengths)
        joined = FoundMembers(
            scoped.ids[growth.joined], growth.clusters, strengths, np.zeros(len(strengths))
        )
        rows = np.flatnonzero(founded.labels >= 0)
        members = FoundMembers(
            scoped.ids[rows],
            founded.labels[rows],
            founded.probabilities[rows],
            np.zeros(len(rows)),
        )
        clusters = summarise(scoped, founded, [], run, lambda _count: None)
        with self._store.writer() as writer:
            assigned = writer.cluster_runs.assign(run.id, joined) if len(strengths) else 0
            writer.cluster_runs.found(run.id, clusters, members)
        return assigned + len(np.intersect1d(members.image_ids, image_ids))

    def _grow(self, run: ClusterRun, space: Space, new: Keys) -> tuple[ScopedPieces, FamilyGrowth]:
        """Find the links of new images: by the index of the last run, or among all images."""
        is_known = self._settings.model in {None, space.model}
        if not is_known or run.parameters["fusion"] != self._space_traits().fusion.version:
            self._check_model()
        view = self._view(run, space)
        index = view.load() if view else None
        if index and (found := self._grow_by(index, run, space, new)):
            return found
        with self._store.reader() as catalog:
            watermark = catalog.log.head()
            pieces = catalog.cluster_scopes.pieces(run.scope, space)
            known = catalog.cluster_members.membership(run.id)
            hubs = catalog.clusters.medoids(run.id)
        require_unit(pieces.images)
        finder = self._finder(run, space, pieces)
        if view and not are_few(len(pieces.owners)):
            index = finder.make_index()
            view.write(index, watermark)
            if found := self._grow_by(index, run, space, new):
                return found
        links = finder.of(np.flatnonzero(np.isin(pieces.images.ids, new)))
        return pieces, grow_families(pieces, finder, links, new, known, hubs)

    def _grow_by(
        self, index: PieceIndex, run: ClusterRun, space: Space, new: Keys
    ) -> tuple[ScopedPieces, FamilyGrowth] | None:
        """Find the links of new images by an index; None where it is of no use."""
        scope = read_growth_scope(
            self._store, self._settings, space, self._space_traits(), run, index, new
        )
        if scope is None:
            return None
        pieces = scope.pieces
        require_unit(pieces.images)
        finder = self._finder(run, space, pieces, stored=scope.stored)
        links = finder.between(scope.left, scope.right)
        return pieces, grow_families(pieces, finder, links, new, scope.known, scope.hubs)

    def _check_model(self) -> None:
        """Make sure that the traits are of the index's model: others weigh embeddings wrongly."""
        if not self._is_given:
            load_bound_encoder(self._store, self._settings)

    def _finder(
        self,
        run: ClusterRun,
        space: Space,
        pieces: ScopedPieces,
        steps: Steps | None = None,
        stored: int | None = None,
    ) -> LinkFinder:
        return LinkFinder(
            self._store,
            self._settings,
            space,
            self._space_traits(),
            LinkBounds.of_run(run.parameters),
            pieces,
            run.parameters["seed"],
            steps or _steps(lambda *_: None, lambda: False),
            stored,
        )

    def _view(self, run: ClusterRun, space: Space) -> PieceView | None:
        """Return where the index of pieces is kept: of runs over the whole gallery."""
        is_whole = run.scope == ClusterScope()
        return PieceView(self._store, self._settings, space) if is_whole else None

    def _pattern_view(self, run: ClusterRun, space: Space) -> PatternView | None:
        """Return where the graph of patterns is kept: of runs over the whole gallery."""
        if run.scope != ClusterScope() or run.algorithm is not ClusterAlgorithm.HDBSCAN:
            return None
        made_by = f"semantic {run.parameters.get(SEMANTIC)}, seed {run.parameters['seed']}"
        return PatternView(self._store, self._settings, space, made_by)


def require_unit(scoped: ScopedVectors) -> None:
    """Make sure that every vector is finite and of length 1.

    Raises
    ------
    UnusableVectors
        One is not: comparing it would mean nothing, for it or for its neighbours.
    """
    refused: list[int] = []
    for start in range(0, len(scoped.ids), _STEP):
        part = slice(start, start + _STEP)
        lengths = np.linalg.norm(scoped.vectors[part], axis=1)
        usable = np.abs(lengths - 1) <= _ROUNDING  # False for NaN
        refused += scoped.ids[part][~usable].tolist()
    if refused:
        raise UnusableVectors(refused)


def _partition_of(families: Families) -> Partition:
    none = np.zeros(len(families.labels))
    return Partition(families.labels, families.probabilities, none, families.hubs)


def _steps(on_progress: Progress, is_over: Callable[[], bool]) -> Steps:
    def begin(stage: str, of: int) -> Callable[[int], None]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            if is_over():
                raise Cancelled
            done += count
            on_progress(stage, done, of)

        return advance

    return begin


def _clusters_of(before: Membership | None) -> dict[int, int]:
    if before is None:
        return {}
    return dict(zip(before.image_ids.tolist(), before.cluster_ids.tolist(), strict=True))
