"""The matcher: an index opened for queries, following its log."""

from collections.abc import Sequence

from indexer.banks import BankMembership
from indexer.errors import NotFoundError
from indexer.matching.classifier import Classifier, by_label
from indexer.matching.comparison import Query, stored_pieces
from indexer.matching.evidence import accusing, judge_all, nearest_first
from indexer.matching.query import examine
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.spaces import load_bound_encoder
from indexer.store import Catalog, Store
from indexer.thresholds import choose_thresholds
from indexer.types import ImageRecord, Match, Space, Tier, Verdict
from indexer.vectors import KeySet
from indexer.views import Views, open_views


class Matcher:
    """Answers queries from two views of one log; safe to use from several threads.

    The views only nominate: what an answer says of an image (that it is still there, its
    fingerprints, embedding, banks) is read from the catalog at query time, so an image that was
    removed does not match even while a view lags.
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings
        self._membership = BankMembership()
        self._views = open_views(store, space, settings)

    @property
    def classifier(self) -> Classifier:
        """The model of this index, asked for probabilities alone."""
        return Classifier(self._encoder, self._settings.image_limits)

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
        return self.watermark

    def match(
        self,
        data: bytes,
        name: str,
        *,
        k: int = 10,
        banks: Sequence[str] = (),
        threshold: float | None = None,
        tiles: bool = False,
    ) -> Verdict:
        """Judge one picture: its first frame, later frames if it is animated, tiles if asked for.

        Each stored image is compared piece by piece and reported with the best pair of pieces.

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
            Cosine similarity that replaces the lookalike threshold of the settings.
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
        thresholds = choose_thresholds(self._settings, threshold)
        floor = self._settings.pdq_min_quality
        examined = examine(data, self._encoder, self._settings, tiled=tiles)
        query, pdq = examined.query, examined.pdq
        watermark = self.watermark
        with self._store.reader() as catalog:
            records = self._candidates(catalog, query, k, banks)
        judged = judge_all(query, records, thresholds, floor, banks)
        matches = [match for match in judged if match.tier is not Tier.NONE]
        deciding = accusing(matches)
        return Verdict(
            query=name,
            tier=deciding[0].tier if deciding else Tier.NONE,
            banks=tuple(dict.fromkeys(match.bank for match in deciding if match.bank)),
            matches=tuple(matches[:k]),
            probabilities=by_label(self._space.labels, examined.probabilities),
            model=self._space.fingerprint,
            sha256=query.sha256.hex(),
            pdq=pdq.bits[0].tobytes().hex(),
            pdq_quality=pdq.quality,
            watermark=watermark,
        )

    def image(self, image_id: int) -> ImageRecord:
        """Return what the catalog holds of an image.

        Raises
        ------
        NotFoundError
            No active image has this id.
        """
        with self._store.reader() as catalog:
            return catalog.image(image_id, self._space.id)

    def similar(self, image_id: int, *, k: int = 10, banks: Sequence[str] = ()) -> list[Match]:
        """Return the stored images nearest to a stored image, itself left out, of every tier.

        Raises
        ------
        NotFoundError
            No active image has this id, or it has no embedding in the space of this index.
        """
        floor = self._settings.pdq_min_quality
        with self._store.reader() as catalog:
            record = catalog.images([image_id], self._space.id, with_embedding=True).get(image_id)
            pieces = stored_pieces(record, floor) if record else None
            if record is None or pieces is None:
                raise NotFoundError(
                    f"No image {image_id} is in the index. `lookalike index list` shows the ids."
                )
            query = Query(record.sha256, pieces)
            records = self._candidates(catalog, query, k + 1, banks)
        others = [other for other in records if other.id != image_id]
        judged = judge_all(query, others, choose_thresholds(self._settings), floor, banks)
        return sorted(judged, key=nearest_first)[:k]

    def _candidates(
        self, catalog: Catalog, query: Query, k: int, banks: Sequence[str]
    ) -> list[ImageRecord]:
        """Return the records worth judging: nominated by a view or equal byte for byte.

        Without a choice of banks the entries of all banks are searched beside the gallery, so
        that a crowd of like pictures in the gallery cannot push a bank's entry out of the k.
        """
        entries = self._membership.keys(catalog, banks)
        scopes: list[KeySet | None] = [entries] if len(entries) else []
        if not banks:
            scopes.append(None)
        nominated = set(catalog.ids_by_sha256([query.sha256]).values())
        for within in scopes:
            nearest = self._views.embeddings.index.search(query.pieces.embeddings, k, within)
            nominated.update(nearest.keys.ravel().tolist())
            if len(query.pieces.pdq):
                closest = self._views.pdqs.index.search(query.pieces.pdq, k, within)
                nominated.update(closest.keys.ravel().tolist())
        nominated.discard(-1)  # what an index answers where it has fewer than k
        return list(catalog.images(sorted(nominated), self._space.id, with_embedding=True).values())


def open_matcher(store: Store, settings: Settings) -> Matcher:
    """Load the model of the index and its views, caught up with the log.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch
        The settings name another model than the index was built with.
    """
    encoder, space = load_bound_encoder(store, settings)
    matcher = Matcher(store, encoder, space, settings)
    matcher.catch_up()
    return matcher
