"""The matcher: an index opened for queries, following its log."""

from collections.abc import Sequence

from indexer import fingerprints
from indexer.banks import BankMembership
from indexer.errors import NotFoundError
from indexer.images import decode
from indexer.matching.classifier import Classifier, by_label
from indexer.matching.evidence import Query, accusing, judge_all, nearest_first, stored_pdq
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.spaces import load_bound_encoder
from indexer.store import Catalog, EmbeddingFeed, PdqFeed, Store
from indexer.thresholds import choose_thresholds
from indexer.types import ImageRecord, Match, Space, Tier, Verdict
from indexer.vectors import KeySet, VectorView
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.faiss_index import FloatIndex


class Matcher:
    """Answers queries from two views of one log; safe to use from several threads.

    The views only nominate: what an answer says of an image (that it is still there, its
    fingerprints, embedding, banks) is read from the catalog at query time, so an image that was
    removed does not match even while a view lags.
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        folder = settings.home / "views"
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings
        self._membership = BankMembership()
        self._embeddings = VectorView.open(
            folder,
            f"embedding-{space.fingerprint[:16]}",
            EmbeddingFeed(store, space.id),
            lambda: FloatIndex(space.dimension),
            settings.snapshot_every,
        )
        self._pdqs = VectorView.open(
            folder,
            "pdq",
            PdqFeed(store, settings.pdq_min_quality),
            BinaryIndex,
            settings.snapshot_every,
        )

    @property
    def classifier(self) -> Classifier:
        """The model of this index, asked for probabilities alone."""
        return Classifier(self._encoder, self._settings.image_limits)

    @property
    def views(self) -> tuple[VectorView, VectorView]:
        """The views that nominate candidates: embeddings, PDQ."""
        return (self._embeddings, self._pdqs)

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
    ) -> Verdict:
        """Judge one picture.

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

        Raises
        ------
        InputError
            The picture cannot be read, is too large, or `threshold` is not a cosine.
        NotFoundError
            There is no such bank.
        """
        thresholds = choose_thresholds(self._settings, threshold)
        floor = self._settings.pdq_min_quality
        picture = decode(data, self._settings.image_limits)
        pdq = fingerprints.pdq_orientations(picture.rgb)
        encoding = self._encoder.encode([picture.rgb])
        query = Query(
            sha256=fingerprints.sha256(data),
            pdq=pdq.bits if pdq.quality >= floor else pdq.bits[:0],
            embedding=encoding.embeddings[0],
        )
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
            probabilities=by_label(self._space.labels, encoding.probabilities[0]),
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
            if record is None or record.embedding is None:
                raise NotFoundError(
                    f"No image {image_id} is in the index. `lookalike index list` shows the ids."
                )
            query = Query(
                sha256=record.sha256, pdq=stored_pdq(record, floor), embedding=record.embedding
            )
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
            nearest = self._embeddings.index.search(query.embedding[None], k, within)
            nominated.update(nearest.keys.ravel().tolist())
            if len(query.pdq):
                closest = self._pdqs.index.search(query.pdq, k, within)
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
