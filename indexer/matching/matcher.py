"""Matcher: answers queries from an open index, following its log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, cast, overload

import structlog

from indexer.cluster_assignment import AskedCluster, NewestClusters
from indexer.embedding_space import load_bound_encoder
from indexer.errors import LookalikeError, SpaceReplaced
from indexer.matching.candidate_judge import CandidateJudge
from indexer.matching.classifier import Classifier
from indexer.matching.query import (
    ComparedMatches,
    EncodedQuery,
    FullAnswer,
    Query,
    StoredImage,
    VerdictT,
)
from indexer.matching.query_encoder import QueryEncoder
from indexer.matching.recall_guard import RecallGuard
from indexer.matching.retrieval import CandidateRetriever, CandidateSet
from indexer.matching.search_options import SearchOptions
from indexer.matching.verdict import is_displaced, summarise
from indexer.matching.verdict_evidence import evidence_of
from indexer.model import Encoder, load_traits
from indexer.opinions import Opinions, load_opinions
from indexer.policy import ActivePolicy
from indexer.runtime.cpu import Cores
from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.thresholds import ThresholdResolver
from indexer.types import (
    Match,
    PartialVerdict,
    Space,
    SpaceTraits,
    Tier,
    Verdict,
    VerdictCluster,
)
from indexer.vector_views import open_views

log = structlog.get_logger(__name__)

_NO_TRAITS: Final = SpaceTraits()
_DEFAULT: Final = SearchOptions()
_NO_OPINIONS: Final = Opinions()


class Matcher:
    """Answers queries from the views of one log; safe to use from several threads.

    The views only find candidates: what an answer says (that an image is still there, its
    fingerprints and embedding, which entries count) is read from the catalog at query time, so what
    was removed or disabled does not match even while a view lags.

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
        Those of the process; one by default. Callers from several threads are counted there.
    opinions : Opinions, optional
        Further classifiers, asked about each picture; none by default.
    wrap : callable, optional
        Wraps a model that takes this one's place.
    """

    def __init__(  # noqa: PLR0913 -- what a query is answered from
        self,
        store: Store,
        encoder: Encoder,
        space: Space,
        settings: Settings,
        traits: SpaceTraits = _NO_TRAITS,
        cores: Cores | None = None,
        *,
        opinions: Opinions = _NO_OPINIONS,
        wrap: Callable[[Encoder], Encoder] = lambda encoder: encoder,
    ) -> None:
        self.space = space
        self.cores: Final = cores or Cores(1)
        self.views: Final = open_views(store, space, settings)
        self.recall_guard: Final = RecallGuard(self.views)
        self._policy = ActivePolicy()
        self.classifier = Classifier(encoder, settings.image_limits, opinions, self._policy)
        self._store = store
        self._settings = settings
        self._traits = traits
        self._wrap = wrap
        self._opinions = opinions
        self._untaken: set[str | None] = set()  # classifiers that could not be loaded
        self._min_quality = settings.pdq_min_quality
        self._query_encoder = QueryEncoder(
            store, encoder, space, settings, traits, self.cores, opinions=opinions
        )
        self._retriever = CandidateRetriever(self.recall_guard, space, settings, traits.fusion)
        self._judge = CandidateJudge(store, settings, traits.fusion)
        self._clusters = NewestClusters(store, space)
        self._refusal: SpaceReplaced | None = None
        self.is_outdated = False
        """Whether the index moved to another model, which takes a program started anew."""

    def catch_up(self) -> None:
        """Apply what was committed since the last call.

        Raises
        ------
        SpaceReplaced
            The embeddings of this space were dropped, for the index is in another one.
        InvalidPolicy
            A later version of the program put a policy in force that this one cannot read.
        """
        with self._store.reader() as catalog:
            active = catalog.spaces.active()
            moved = active is not None and active.id != self.space.id
            if active and moved and not self.is_outdated:
                log.warning("index moved to another model", model=active.model)
            self.is_outdated = moved
            self._require_space(catalog)
            self._policy.refresh(catalog)
        if active and active.id == self.space.id and active.classifier != self.space.classifier:
            self._take_classifier(active)
        for view in reversed(self.views):  # an engine, which may be slow, comes last
            view.catch_up()
        self.recall_guard.check()
        self._clusters.refresh()

    def _take_classifier(self, active: Space) -> None:
        """Load the classifier that the index was changed to; queries under way keep theirs."""
        if active.classifier in self._untaken:
            return
        try:
            encoder, space = load_bound_encoder(self._store, self._settings, self.cores)
        except LookalikeError as error:
            self._untaken.add(active.classifier)
            log.warning("classifier not taken, restart", model=active.model, reason=str(error))
            return
        encoder = self._wrap(encoder)
        limits = self._settings.image_limits
        self._query_encoder = QueryEncoder(
            self._store,
            encoder,
            space,
            self._settings,
            self._traits,
            self.cores,
            opinions=self._opinions,
        )
        self.classifier = Classifier(encoder, limits, self._opinions, self._policy)
        self.space = space
        log.info("classifier taken", classifier=space.classifier)

    def thresholds(self, catalog: Catalog) -> ThresholdResolver:
        """Return the bounds that hold now."""
        return self._retriever.thresholds(catalog)

    @overload
    def answer(self, query: Query[Verdict], options: SearchOptions = ...) -> Verdict: ...

    @overload
    def answer(
        self, query: Query[PartialVerdict], options: SearchOptions = ...
    ) -> PartialVerdict: ...

    def answer(
        self, query: Query[VerdictT], options: SearchOptions = _DEFAULT
    ) -> Verdict | PartialVerdict:
        """Judge a query: encode, retrieve, compare, verify, judge, suppress, rule, summarise.

        A choice of tiers applies before the k are cut: while stronger matches may have displaced
        wanted ones, more candidates are compared.

        Raises
        ------
        InputError
            The query or an option cannot be used.
        ModelMismatch, DimensionMismatch
            A vector is of another model, or not as long as the embeddings of the index.
        NotFoundError
            There is no such image or bank.
        SpaceReplaced
            The embeddings of this space were dropped, for the index is in another one.
        """
        return self.answer_in_full(query, options).verdict

    def answer_in_full(
        self, query: Query[VerdictT], options: SearchOptions = _DEFAULT
    ) -> FullAnswer[VerdictT]:
        """Judge a query as `answer` does, and return also what the verdict rests on.

        Raises
        ------
        InputError, ModelMismatch, DimensionMismatch, NotFoundError, SpaceReplaced
            As for `answer`.
        """
        watermark = self.views.watermark
        encoded, compared = self._ask(query, options)
        if is_displaced(compared.matches, options):
            for k in options.wider():
                compared = self._judge_nearest(encoded, k, options)
                if not is_displaced(compared.matches, options):
                    break
        matches = compared.matches
        facts = encoded.facts
        cluster = self._find_cluster(encoded, matches) if facts else None
        evidence = evidence_of(
            matches,
            probabilities=facts.probabilities if facts else {},
            is_flat=facts is not None and facts.pdq_quality < self._min_quality,
            is_clustered=cluster is not None,
            is_disputed=facts is not None and facts.is_disputed,
            severity_of=self._policy.severity,
        )
        verdict = summarise(
            query.name,
            encoded,
            matches,
            options,
            model=self.space.fingerprint,
            watermark=watermark,
            completeness=compared.completeness,
            cluster=cluster,
            ruling=self._policy.rule(evidence),
        )
        return FullAnswer(cast("VerdictT", verdict), evidence, matches)

    def _find_cluster(self, query: EncodedQuery, matches: Sequence[Match]) -> VerdictCluster | None:
        matched = [m.image_id for m in matches if m.tier is not Tier.NONE and m.image_id]
        image_id = query.record.id if query.record else None
        asked = AskedCluster(query.pieces.embeddings[0], query.semantic, image_id)
        return self._clusters.find(asked, matched)

    def matches(self, query: Query[VerdictT], options: SearchOptions = _DEFAULT) -> ComparedMatches:
        """Return what a query was compared with, without a verdict.

        Raises
        ------
        InputError, ModelMismatch, DimensionMismatch, NotFoundError, SpaceReplaced
            As for `answer`.
        """
        if isinstance(query.subject, StoredImage):  # read in the transaction that retrieves
            with self._store.reader() as catalog:
                self._require_space(catalog)
                encoded = self._query_encoder.read_image(catalog, query.subject)
                found = self._retriever.retrieve(catalog, encoded, options.k, options)
            return self._judge.judge(encoded, found)
        return self._ask(query, options)[1]

    def _ask(
        self, query: Query[VerdictT], options: SearchOptions
    ) -> tuple[EncodedQuery, ComparedMatches]:
        """Encode a query, and judge the k nearest; of a picture first its whole first frame.

        Each look costs more than the one before, and is the last one if it settles the verdict.
        """
        found: CandidateSet | None = None
        settled: ComparedMatches | None = None

        def is_enough(whole: EncodedQuery) -> bool:
            nonlocal found, settled
            found = self._retrieve(whole, options.k, options)
            compared = self._judge.compare(whole, found)
            settled = self._judge.settle(whole, found, compared)
            if settled is None and whole.pixels:
                settled = self._judge.settle_by_details(whole, found, compared)
            return settled is not None

        encoded = self._query_encoder.encode(query, is_enough)
        if settled:
            return encoded, settled
        if found is None:
            return encoded, self._judge_nearest(encoded, options.k, options)
        if len(encoded.pieces.parts) > 1:
            found = self._retrieve(encoded, options.k, options)
        compared = self._judge.compare(encoded, found)
        if len(encoded.pieces.parts) > 1:
            # until details are compared, whatever may be a frame is taken for one
            cautious = replace(encoded, is_first_step=True)
            settled = self._judge.settle(cautious, found, compared)
        return encoded, settled or self._judge.judge_compared(encoded, found, compared)

    def _judge_nearest(
        self, query: EncodedQuery, k: int, options: SearchOptions
    ) -> ComparedMatches:
        return self._judge.judge(query, self._retrieve(query, k, options))

    def _retrieve(self, query: EncodedQuery, k: int, options: SearchOptions) -> CandidateSet:
        with self._store.reader() as catalog:
            self._require_space(catalog)
            return self._retriever.retrieve(catalog, query, k, options)

    def _require_space(self, catalog: Catalog) -> None:
        """Refuse for good once the space was dropped: the views then miss what came later."""
        try:
            catalog.spaces.require_usable(self.space)
        except SpaceReplaced as error:
            self._refusal = error
        if self._refusal:
            raise self._refusal.with_traceback(None)


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
        Wraps the model, for instance to batch its calls.
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
    opinions = load_opinions(settings)
    matcher = Matcher(
        store, wrap(encoder), space, settings, traits, cores, opinions=opinions, wrap=wrap
    )
    matcher.catch_up()
    return matcher
