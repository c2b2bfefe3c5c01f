"""The matcher: an index opened for queries, following its log."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from indexer.cluster_assignment import NewestClusters
from indexer.embedding_space import load_bound_encoder
from indexer.errors import NotFoundError
from indexer.matching.candidates import Case
from indexer.matching.classifier import Classifier, by_label
from indexer.matching.comparison import Pieces, Query, stored_pieces
from indexer.matching.evidence import compare_all, judge_all, most_alike_first, nearest_first
from indexer.matching.hearing import Hearing
from indexer.matching.options import SearchOptions
from indexer.matching.query import examine
from indexer.matching.ruling import rule
from indexer.matching.verifying import Verifier
from indexer.model import Encoder, load_traits
from indexer.runtime.cpu import Cores
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.thresholds import ThresholdBook
from indexer.types import (
    Embeddings,
    ImageRecord,
    Match,
    Space,
    SpaceTraits,
    Tier,
    Verdict,
    VerdictCluster,
)
from indexer.vector_views import Views, open_views
from indexer.vectors.binary_index import PDQ_BITS
from indexer.verification import Grey

_NO_TRAITS: Final = SpaceTraits()


class Matcher:
    """Answers queries from the views of one log; safe to use from several threads.

    The views only nominate: what an answer says (that an image is still there, its fingerprints and
    embedding, which entries count) is read from the catalog at query time, so what was removed or
    disabled does not match even while a view lags.

    Parameters
    ----------
    store : Store
    encoder : Encoder
        The model of the space.
    space : Space
    settings : Settings
    traits : SpaceTraits
        What comes with the model to measure similarities by.
    cores : Cores, optional
        Those of the process; one by default. Who asks from several threads counts them there.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        space: Space,
        settings: Settings,
        traits: SpaceTraits = _NO_TRAITS,
        cores: Cores | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings
        self._traits = traits
        self._cores = cores or Cores(1)
        self._views = open_views(store, space, settings)
        self._hearing = Hearing(self._views, space, settings, traits.bounds)
        self._verifier = Verifier(store, settings)
        self._clusters = NewestClusters(store, space)

    @property
    def classifier(self) -> Classifier:
        """The model of this index, asked for probabilities alone."""
        return Classifier(self._encoder, self._settings.image_limits)

    @property
    def encoder(self) -> Encoder:
        """The model of this index."""
        return self._encoder

    @property
    def cores(self) -> Cores:
        """The cores of the process."""
        return self._cores

    @property
    def space(self) -> Space:
        """The embedding space of this index."""
        return self._space

    @property
    def min_quality(self) -> int:
        """PDQ quality, 0 to 100, below which a picture is too flat to be compared by it."""
        return self._settings.pdq_min_quality

    def thresholds(self, catalog: Catalog) -> ThresholdBook:
        """Return the bounds that hold now."""
        return self._hearing.thresholds(catalog)

    @property
    def views(self) -> Views:
        """The views that nominate candidates."""
        return self._views

    @property
    def watermark(self) -> int:
        """The last change of the log that every view has applied."""
        return min(view.watermark for view in self.views)

    def catch_up(self) -> int:
        """Apply what was committed since the last call; return the new watermark."""
        for view in self.views:
            view.catch_up()
        self._clusters.refresh()
        return self.watermark

    def cluster_of(self, vector: Embeddings) -> VerdictCluster | None:
        """Return the cluster that an embedding, (d,) float32 of length 1, belongs to."""
        return self._clusters.find(vector)

    def match(  # noqa: PLR0913 -- one for each option
        self,
        data: bytes,
        name: str,
        *,
        k: int = 10,
        banks: Sequence[str] = (),
        threshold: float | None = None,
        tiers: Collection[Tier] = (),
        created_after: datetime | None = None,
        tiles: bool = False,
    ) -> Verdict:
        """Judge one picture: its first frame, later frames if it is animated, tiles if asked for.

        Each candidate is compared piece by piece and reported with the best pair of pieces.

        Parameters
        ----------
        data : bytes
            The file.
        name : str
            What the answer calls it.
        k : int
            Most matches returned.
        banks : sequence of str
            Search the entries of these banks only; all banks and the gallery when empty.
        threshold : float, optional
            Cosine similarity that replaces the lookalike bounds of threshold cards and settings.
        tiers : collection of Tier
            Return matches of these tiers only; of every tier when empty. The verdict stays the
            same.
        created_after : datetime, optional
            Search only what was added after this moment.
        tiles : bool
            Whether a large picture is cut into tiles, each compared by itself. That finds what is
            small in it, and makes more comparisons, each with its chance of a false match.

        Raises
        ------
        InputError
            The picture cannot be read, is too large, or `threshold` is not a cosine.
        NotFoundError
            There is no such bank.
        """
        examined = examine(data, self._encoder, self._settings, self._cores, tiled=tiles)
        query, pdq = self.query(examined.sha256, examined.md5, examined.pieces), examined.pdq
        watermark = self.watermark
        options = SearchOptions(k, tuple(banks), threshold, frozenset(tiers), created_after)
        ruling = rule(
            lambda nearest: self.judge(query, self.hear(query, nearest, options), examined.grey),
            options,
        )
        return Verdict(
            query=name,
            tier=ruling.tier,
            banks=ruling.banks,
            hits=ruling.hits,
            matches=ruling.matches,
            probabilities=by_label(self._space.labels, examined.probabilities),
            model=self._space.fingerprint,
            sha256=examined.sha256.hex(),
            pdq=pdq.bits[0].tobytes().hex(),
            pdq_quality=pdq.quality,
            watermark=watermark,
            cluster=self.cluster_of(examined.pieces.embeddings[0]),
            nearest=ruling.nearest,
        )

    def rank(self, data: bytes, k: int = 10) -> list[Match]:
        """Return what a picture is nearest to, of every tier, most alike first.

        For measuring: nothing is cut off, so a list of the nearest by one signal alone can be had
        from the answer by sorting it anew.

        Parameters
        ----------
        data : bytes
            The file.
        k : int
            Nearest by each signal that are compared, for each piece of the query.

        Raises
        ------
        InputError
            The picture cannot be read or is too large.
        """
        examined = examine(data, self._encoder, self._settings, self._cores, tiled=False)
        query = self.query(examined.sha256, examined.md5, examined.pieces)
        with self._store.reader() as catalog:
            case = self._hearing.search(catalog, query, k, reach=PDQ_BITS)
        return sorted(self.judge(query, case, examined.grey), key=most_alike_first)

    def image(self, image_id: int) -> ImageRecord:
        """Return what the catalog holds of an image.

        Raises
        ------
        NotFoundError
            No active image has this id.
        """
        with self._store.reader() as catalog:
            return catalog.images.get(image_id, self._space.id)

    def similar(self, image_id: int, *, k: int = 10, banks: Sequence[str] = ()) -> list[Match]:
        """Return the stored images nearest to a stored image, itself left out, of every tier.

        Raises
        ------
        NotFoundError
            No active image has this id, or it has no embedding in the space of this index; or there
            is no such bank.
        """
        with self._store.reader() as catalog:
            _, query = self._stored_query(catalog, image_id)
            case = self._hearing.search(catalog, query, k + 1, banks)
        judged = self.judge(query, case)
        others = [match for match in judged if match.image_id not in (None, image_id)]
        return sorted(others, key=nearest_first)[:k]

    def match_record(
        self,
        image_id: int,
        *,
        k: int = 10,
        banks: Sequence[str] = (),
        entries: Collection[int] | None = None,
    ) -> list[Match]:
        """Judge a stored image as `match` judges a file, by what is stored of it.

        Its PDQ is known in one orientation only: where an entry is a bare fingerprint, a mirrored
        or turned copy of it is not found.

        Parameters
        ----------
        image_id : int
        k : int
            Most matches returned.
        banks : sequence of str
            As for `match`.
        entries : collection of int, optional
            Compare with these entries alone, without a search. Of the allow banks only what the
            image itself is an entry of excuses it then.

        Returns
        -------
        list of Match
            Strongest first; neither the image itself nor what is of tier none.

        Raises
        ------
        NotFoundError
            As for `similar`.
        """
        with self._store.reader() as catalog:
            record, query = self._stored_query(catalog, image_id)
            if entries is None:
                case = self._hearing.search(catalog, query, k, banks)
            else:
                case = self._hearing.of_entries(catalog, record, query, entries)
        matches = [
            match
            for match in self.judge(query, case)
            if match.tier is not Tier.NONE and match.image_id != image_id
        ]
        return matches[:k]

    def query(self, sha256: bytes, md5: bytes, pieces: Pieces) -> Query:
        """Make a query; empty digests are those of no file."""
        return Query.of(sha256, md5, pieces, self._traits.background)

    def stored_query(self, image_id: int) -> tuple[ImageRecord, Query]:
        """Return a stored image, and the query that it makes.

        Raises
        ------
        NotFoundError
            As for `similar`.
        """
        with self._store.reader() as catalog:
            return self._stored_query(catalog, image_id)

    def hear(self, query: Query, k: int, options: SearchOptions) -> Case:
        """Search for what a query may match: the k nearest by each signal that `options` let in.

        Raises
        ------
        InputError
            The threshold is not a cosine similarity.
        NotFoundError
            There is no such bank.
        """
        with self._store.reader() as catalog:
            return self._hearing.search(
                catalog,
                query,
                k,
                options.banks,
                threshold=options.threshold,
                created_after=options.created_after,
            )

    @timed("judge")
    def judge(self, query: Query, case: Case, grey: Grey | None = None) -> list[Match]:
        """Compare, verify where the pixels of the query are given, and judge."""
        compared = compare_all(query, case, self._settings.pdq_min_quality)
        if grey is not None:
            compared = self._verifier.verify(grey, compared)
        return judge_all(query, case, compared)

    def _stored_query(self, catalog: Catalog, image_id: int) -> tuple[ImageRecord, Query]:
        """Return a stored image, and the query that it makes."""
        record = catalog.images.get_many([image_id], self._space.id, with_embedding=True).get(
            image_id
        )
        pieces = stored_pieces(record, self._settings.pdq_min_quality) if record else None
        if record is None or pieces is None:
            raise NotFoundError(
                f"No image {image_id} is in the index. `lookalike index list` shows the ids."
            )
        return record, self.query(record.sha256, record.md5, pieces)


def open_matcher(
    store: Store,
    settings: Settings,
    wrap: Callable[[Encoder], Encoder] = lambda encoder: encoder,
    cores: Cores | None = None,
) -> Matcher:
    """Load the model of the index and its views, caught up with the log.

    Parameters
    ----------
    store : Store
    settings : Settings
    wrap : callable, optional
        Puts something around the model, such as what gathers batches.
    cores : Cores, optional
        Those of the process; one by default.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch
        The settings name another model than the index was built with.
    InvalidModel
        What comes with the model is damaged.
    """
    encoder, space = load_bound_encoder(store, settings, cores)
    traits = load_traits(encoder.card.reference)
    matcher = Matcher(store, wrap(encoder), space, settings, traits, cores)
    matcher.catch_up()
    return matcher
