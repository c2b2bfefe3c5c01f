"""Dry run: plan of a run, without running the model or writing anything."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.images.decode import check
from indexer.ingest.bounded_queue import BoundedQueue
from indexer.ingest.estimate import Estimate, Estimator
from indexer.ingest.pipeline import Pipeline
from indexer.ingest.read_stages import Completeness, ReadStages
from indexer.ingest.stage_messages import Known, Loaded, Unchanged, skip
from indexer.ingest.walk_coverage import WalkCoverage
from indexer.settings import Settings
from indexer.sources import Found, is_outside
from indexer.store import Store
from indexer.types import SkippedSource

_EXAMPLES: Final = 5  # of each kind
_SAMPLE: Final = 12  # pictures that the estimate is made from
_WAITING: Final = 256  # answers between reading and counting
_WAITING_BYTES: Final = 2**26
_PAGE: Final = 1000

_Answer = Unchanged | Known | Loaded | SkippedSource


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One source, as an example."""

    uri: str
    """Where it is."""
    detail: str | None = None
    """Of a duplicate: what it is the same as; of an unreadable one: why."""


@dataclass(slots=True)
class PlannedSources:
    """The sources that a run would deal with in one way."""

    count: int = 0
    """How many."""
    examples: list[PlannedSource] = field(default_factory=list)
    """The first of them."""

    def add(self, uri: str, detail: str | None = None, *, count: int = 1) -> None:
        """Count a source, or `count` of which one is named."""
        self.count += count
        if len(self.examples) < _EXAMPLES:
            self.examples.append(PlannedSource(uri, detail))


@dataclass(slots=True)
class Plan:
    """What a run would do. Each source is counted once."""

    new: PlannedSources = field(default_factory=PlannedSources)
    """Bytes that the index does not hold, at a place that it does not know."""
    changed: PlannedSources = field(default_factory=PlannedSources)
    """Places that held another image before."""
    incomplete: PlannedSources = field(default_factory=PlannedSources)
    """Images that the index holds without the tiles, thumbnail or features asked for."""
    duplicates: PlannedSources = field(default_factory=PlannedSources)
    """New places of bytes that the index holds, or that come twice among these sources."""
    unchanged: PlannedSources = field(default_factory=PlannedSources)
    """Indexed before; nothing to do."""
    unreadable: PlannedSources = field(default_factory=PlannedSources)
    """Cannot be read, or are no pictures by their headers; more may show when they are decoded."""
    links: PlannedSources = field(default_factory=PlannedSources)
    """Links that lead out of a folder: not followed without `--follow-links`."""
    gone: PlannedSources = field(default_factory=PlannedSources)
    """Known places beneath what was walked where there is nothing now; `--prune` closes them."""
    bytes: int = 0
    """Bytes of the files that would go through the model."""
    bytes_read: int = 0
    """Bytes that were read and hashed for this plan."""
    estimate: Estimate = field(default_factory=Estimate)
    """What it would cost."""


class Planner:
    """Finds out what a run would do.

    What is new or has changed is read and hashed, and its header is looked at; nothing else is.
    Memory grows by about 100 bytes for each new picture and 8 for each other source.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        tiled: bool = False,
        thumbnails: bool = False,
        features: bool = False,
    ) -> None:
        self._store = store
        self._settings = settings
        self._tiled = tiled
        self._required = Completeness(tiled, thumbnails, features)

    def plan(
        self,
        sources: Iterable[Found],
        *,
        on_progress: Callable[[int], None] = lambda _done: None,
    ) -> Plan:
        """Go through the sources.

        Parameters
        ----------
        sources : iterable of SourceItem or SkippedSource
            As `open_sources` gives them.
        on_progress : callable
            Called with the number of sources dealt with.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be read.
        """
        coverage, tally = WalkCoverage(), _Tally()
        answers = BoundedQueue[_Answer](_WAITING, _WAITING_BYTES)
        pipeline = Pipeline()
        try:
            self._start(pipeline, sources, coverage, answers)
            while not answers.ended:
                for answer in answers.take(_WAITING, timeout=1):
                    tally.add(answer)
                on_progress(len(tally.met))
            pipeline.raise_error()
        finally:
            pipeline.stop()
            answers.abandon()
            pipeline.join(1)
        if coverage.is_known:
            self._find_gone(coverage, tally)
        tally.plan.estimate = Estimator(self._store, self._settings, tiled=self._tiled).estimate(
            tally.to_encode, [item.data for item in tally.sample]
        )
        return tally.plan

    def _start(
        self,
        pipeline: Pipeline,
        sources: Iterable[Found],
        coverage: WalkCoverage,
        answers: BoundedQueue[_Answer],
    ) -> None:
        read_stages = ReadStages(
            self._store,
            self._settings,
            coverage,
            bank_id=lambda _name: None,
            required=self._required,
        )
        new = read_stages.start(pipeline, sources, answers)

        def look_at_headers(items: list[Loaded]) -> None:
            for item in items:
                try:
                    check(item.data, self._settings.image_limits)
                except InputError as error:
                    answers.put(skip(item.wanted.uri, error))
                else:
                    answers.put(item, len(item.data))

        pipeline.stage("check", 1, look_at_headers, (new, answers))

    def _find_gone(self, coverage: WalkCoverage, tally: "_Tally") -> None:
        met = np.sort(np.asarray(tally.met, np.uint64))
        last = 0
        while True:
            with self._store.reader() as catalog:
                page = catalog.sources.page("", after_id=last, limit=_PAGE)
            if not page:
                return
            last = page[-1].id
            for source in page:
                if not _contains(met, _short(source.uri)) and coverage.covers(source.uri):
                    tally.plan.gone.add(source.uri)


class _Tally:
    """Counts answers into a plan."""

    def __init__(self) -> None:
        self.plan = Plan()
        self.met = array("Q")  # short digests of the URIs
        self.to_encode = 0
        self.sample: list[Loaded] = []  # each picture to encode is as likely to be in it
        self._digests: set[int] = set()  # of the bytes to encode, shortened
        self._random = Random(0)  # noqa: S311 -- a sample, not a secret

    def add(self, answer: _Answer) -> None:
        match answer:
            case Unchanged():
                self._meet(*answer.uris)
                self.plan.unchanged.add(answer.uris[0], count=len(answer.uris))
            case Known():
                self._meet(answer.wanted.uri)
                self._add_known(answer)
            case Loaded():
                self._meet(answer.wanted.uri)
                self._add_new(answer)
            case SkippedSource() if is_outside(answer):
                self.plan.links.add(answer.uri)
            case SkippedSource():
                self._meet(answer.uri)
                self.plan.unreadable.add(answer.uri, answer.message)

    def _meet(self, *uris: str) -> None:
        self.met.extend(map(_short, uris))

    def _add_known(self, known: Known) -> None:
        self.plan.bytes_read += known.bytes_read
        uri = known.wanted.uri
        if known.wanted.before is None:
            self.plan.duplicates.add(uri, f"image {known.image_id}")
        elif known.wanted.replaces(known.image_id):
            self.plan.changed.add(uri)
        else:
            self.plan.unchanged.add(uri)

    def _add_new(self, item: Loaded) -> None:
        uri = item.wanted.uri
        digest = int.from_bytes(item.sha256[:8])
        is_first = digest not in self._digests
        self._digests.add(digest)
        self.plan.bytes_read += len(item.data)
        if item.wanted.replaces(item.image_id):
            self.plan.changed.add(uri)
        elif item.image_id is not None and item.wanted.before is not None:
            self.plan.incomplete.add(uri)
        elif is_first and item.image_id is None:
            self.plan.new.add(uri)
        else:
            same = "an earlier source" if item.image_id is None else f"image {item.image_id}"
            self.plan.duplicates.add(uri, same)
        if is_first:
            self.plan.bytes += len(item.data)
            self._sample(item)

    def _sample(self, item: Loaded) -> None:
        self.to_encode += 1
        if len(self.sample) < _SAMPLE:
            self.sample.append(item)
        elif (place := self._random.randrange(self.to_encode)) < _SAMPLE:
            self.sample[place] = item


def _short(uri: str) -> int:
    """Shorten a URI to 8 bytes: among a million, two agree once in ten million plans."""
    return int.from_bytes(blake2b(uri.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _contains(ordered: NDArray[np.uint64], value: int) -> bool:
    place = int(np.searchsorted(ordered, np.uint64(value)))
    return place < len(ordered) and int(ordered[place]) == value
