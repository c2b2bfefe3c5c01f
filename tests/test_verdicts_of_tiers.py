"""Whatever became of an index, and however it is searched, its banks answer the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any, Final, cast
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from indexer import vector_views
from indexer.engines import engine_choice
from indexer.engines.base import Rows, keys_of
from indexer.engines.engine_choice import engine_setting
from indexer.evaluation.exactness import search_log
from indexer.matching import Matcher, Query, SearchOptions
from indexer.matching.query import FullAnswer
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import (
    BankKind,
    CompletenessKind,
    Embeddings,
    Fingerprint,
    FingerprintKind,
    Match,
    NewImage,
    PartialVerdict,
    Pdq,
    Space,
    Verdict,
)
from indexer.vectors.inverted_lists import search_plan
from indexer.vectors.inverted_lists.view_lists import ListMaker
from indexer.vectors.recall import measure_recall
from indexer.vectors.tiers import TierRule
from support.catalog import DIMENSION, FINGERPRINT, arrival, bind, new_image
from support.numpy_engine import NumpyEngine

pytestmark = pytest.mark.numeric

FAMILIES: Final = 6
NEVER: Final = 10**9
FEW: Final = 8  # vectors from which a segment has codes or lists here
TIERS: Final = {
    "flat": {"vector_codes": "flat"},
    "sq8": {"vector_codes": "sq8", "vector_codes_from": FEW},
    "fp16": {"vector_codes": "fp16", "vector_codes_from": FEW},
    "lists of bytes": {"vector_lists_from": FEW},
    "lists of bits": {"vector_lists_from": FEW, "vector_bits_from": FEW},
    "an engine": {"vectors": "qdrant://vectors.example"},
}
EVERY_TIER = pytest.mark.parametrize("tier", TIERS)

Operation = tuple[str, list[int]]
AnyQuery = Query[Any]
Answer = FullAnswer[Verdict] | FullAnswer[PartialVerdict]

OPERATIONS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("add", "add to block", "add to allow", "remove", "purge", "withdraw", "toggle"),
                *("catch up", "snapshot", "improve", "reopen", "rebuild"),
            ]
        ),
        st.lists(st.integers(0, 59), min_size=1, max_size=12, unique=True),
    ),
    max_size=10,
)


def member(seed: int) -> NewImage:
    """Make an image of one of a few families, whose members look alike."""
    random, origin = np.random.default_rng(seed), np.random.default_rng(seed % FAMILIES)
    embedding = origin.standard_normal(DIMENSION) + 0.15 * random.standard_normal(DIMENSION)
    bits = np.unpackbits(origin.integers(0, 256, 32, np.uint8))
    bits[random.choice(256, random.integers(0, 40), replace=False)] ^= 1
    unit = (embedding / np.linalg.norm(embedding)).astype(np.float32)
    return replace(new_image(seed), embedding=unit, pdq=Pdq(np.packbits(bits).tobytes(), 100))


class LossyEngine(NumpyEngine):
    """An engine that never finds every third image."""

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> Sequence[Rows]:
        found = super().nominate(queries, k, floor)
        return [rows[keys_of(rows) % 3 > 0] for rows in found]


class Catalogue:
    """An index of made-up images and two banks, searched by one tier."""

    def __init__(self, store: Store, home: Path, tier: str) -> None:
        self.store, self.home, self.tier = store, home, tier
        self.space: Space = bind(store)
        with store.writer() as writer:
            self.banks = {
                "block": writer.banks.create("block", BankKind.BLOCK).id,
                "allow": writer.banks.create("allow", BankKind.ALLOW).id,
            }
        self.moment = datetime.now(UTC)
        self.matcher = self.open()

    def settings(self, tier: str) -> Settings:
        return Settings(
            home=self.home / tier,
            recall_target=1e-6,  # whatever the recall of the lists: as few as possible are probed
            snapshot_every=NEVER,
            **TIERS[tier],  # type: ignore[arg-type]
        )

    def open(self, tier: str | None = None) -> Matcher:
        settings = self.settings(tier or self.tier)
        opened = Matcher(self.store, cast("Encoder", None), self.space, settings)
        opened.catch_up()
        return opened

    def do(self, operation: str, seeds: Sequence[int]) -> None:
        if operation.startswith("add"):
            self.add(seeds, operation.removeprefix("add").removeprefix(" to ") or None)
        elif operation in {"remove", "purge"}:
            with self.store.writer() as writer:
                change = writer.images.remove if operation == "remove" else writer.images.purge
                change(list(self.ids(seeds).values()))
        elif operation == "withdraw":
            self.withdraw(seeds)
        elif operation == "toggle":
            with self.store.writer() as writer:
                enabled = writer.banks.get("block").enabled
                writer.banks.edit("block", enabled=not enabled)
        elif operation == "reopen":
            self.matcher = self.open()
        else:
            self.keep_up(operation)

    def add(self, seeds: Sequence[int], bank: str | None) -> None:
        bank_id = self.banks[bank] if bank else None
        items = [(member(seed), arrival(f"{seed}.jpg", bank_id=bank_id)) for seed in seeds]
        with self.store.writer() as writer:
            writer.images.add(items, self.space.id)

    def withdraw(self, seeds: Sequence[int]) -> None:
        with self.store.writer() as writer:
            records = writer.images.get_many(sorted(self.ids(seeds).values()), self.space.id)
            writer.entries.remove([e.id for each in records.values() for e in each.entries])

    def keep_up(self, operation: str) -> None:
        self.matcher.catch_up()
        for view in self.matcher.views:
            if operation == "snapshot":
                view.snapshot()
            elif operation == "improve":
                view.improve()
        if operation == "rebuild":
            vector_views.rebuild_views(self.store, self.space, self.settings(self.tier))

    def ids(self, seeds: Sequence[int]) -> dict[bytes, int]:
        with self.store.reader() as catalog:
            return catalog.images.ids_by_sha256([new_image(seed).sha256 for seed in seeds])


@contextmanager
def catalogue(template: Path, tier: str) -> Iterator[Catalogue]:
    engine = LossyEngine()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "lookalike.db"
        copy(template, file)
        with (
            open_store(f"sqlite:///{file}") as store,
            patch.object(vector_views, "TierRule", partial(TierRule, least_rows=FEW)),
            patch.object(engine_choice, "connect_engine", lambda *_: engine),
            patch.object(vector_views, "choose_engine", lambda _, chosen: engine_setting(chosen)),
            patch.object(search_plan, "FEW_ROWS", 0),  # small sets are not compared wholly here
            patch.object(vector_views, "ListMaker", partial(ListMaker, least_listed=FEW)),
        ):
            yield Catalogue(store, Path(folder), tier)


def queries_of(catalogue: Catalogue, seeds: Sequence[int]) -> Iterator[AnyQuery]:
    for image_id in list(catalogue.ids(range(60)).values())[:2]:
        yield Query.stored_image(image_id)
    for seed in seeds:
        image = member(100 + seed)
        yield Query.vector(image.embedding.tolist(), FINGERPRINT)
        yield Query.fingerprint(Fingerprint(FingerprintKind.PDQ, image.pdq.bits))


def of_banks(matches: Sequence[Match]) -> list[Match]:
    return [match for match in matches if match.bank]


def assert_same(found: Answer, true: Answer) -> None:
    """Compare all that an answer says, but for how complete its search was."""
    assert found.compared == true.compared
    assert replace(found.verdict, completeness=true.verdict.completeness) == true.verdict


def assert_banks_answer_the_same(found: Answer, true: Answer) -> None:
    assert found.verdict.hits == true.verdict.hits
    assert found.verdict.banks == true.verdict.banks
    assert of_banks(found.compared) == of_banks(true.compared)


def check(catalogue: Catalogue, seeds: Sequence[int]) -> int:
    """Compare all answers, and count the entries that were hit."""
    hits = 0
    searched, truth = catalogue.matcher, catalogue.open("flat")
    searched.catch_up()
    for query in queries_of(catalogue, seeds):
        for options in (
            SearchOptions(),
            SearchOptions(k=2),
            SearchOptions(banks=("block",)),
            SearchOptions(created_after=catalogue.moment),
        ):
            found = searched.answer_in_full(query, options)
            true = truth.answer_in_full(query, options)
            exactly = searched.answer_in_full(query, replace(options, exact=True))
            assert_banks_answer_the_same(found, true)
            hits += len(true.verdict.hits)
            assert_same(exactly, true)
            gallery = found.verdict.completeness.gallery
            if gallery is None or gallery.is_proven:
                assert_same(found, true)
    assert_found_as_by_numpy(searched)
    return hits


def assert_found_as_by_numpy(matcher: Matcher) -> None:
    """Ask the view of embeddings, and NumPy about the vectors in the log."""
    view = matcher.views.embeddings
    keys = np.unique(view.feed.all_keys().keys)
    asked: Embeddings = np.stack([member(seed).embedding for seed in range(100, 112)])
    by_numpy = partial(search_log, view.feed, keys)
    exact = measure_recall(partial(view.index.search, exact=True), by_numpy, asked)
    usual = measure_recall(view.index.search, by_numpy, asked)

    assert exact.found == exact.nearest
    if view.index.completeness.is_proven:
        assert usual.found == usual.nearest


def live_through(
    template: Path, tier: str, operations: list[Operation], seeds: list[int]
) -> tuple[int, CompletenessKind]:
    """Return how many hits were compared, and how complete the searches of the gallery were."""
    with catalogue(template, tier) as opened:
        opened.add(range(40), None)
        opened.add(range(40, 52), "block")
        opened.add(range(52, 54), "allow")
        opened.keep_up("snapshot")
        opened.keep_up("improve")
        for number, (operation, chosen) in enumerate(operations):
            if number == len(operations) // 2:
                opened.moment = datetime.now(UTC)
            opened.do(operation, chosen)
        hits = check(opened, seeds)
        return hits, opened.matcher.views.embeddings.index.completeness.kind


@pytest.mark.parametrize(
    ("tier", "kind"),
    [
        ("lists of bytes", CompletenessKind.MEASURED),
        pytest.param("sq8", CompletenessKind.CERTIFIED, marks=pytest.mark.long),
        pytest.param("an engine", CompletenessKind.UNMEASURED, marks=pytest.mark.long),
        pytest.param("flat", CompletenessKind.EXACT, marks=pytest.mark.long),
        pytest.param("fp16", CompletenessKind.CERTIFIED, marks=pytest.mark.long),
        pytest.param("lists of bits", CompletenessKind.MEASURED, marks=pytest.mark.long),
    ],
)
def test_a_change_of_tier_changes_no_verdict_against_a_bank(
    migrated_sqlite: Path, tier: str, kind: CompletenessKind
) -> None:
    operations: list[Operation] = [
        ("add to block", [3, 57]),
        ("remove", [0, 41]),
        ("purge", [1, 42]),
        ("snapshot", [0]),
        ("withdraw", [43]),
        ("improve", [0]),
        ("reopen", [0]),
        ("add", [55, 56]),
    ]
    hits, searched = live_through(migrated_sqlite, tier, operations, [0, 7])

    assert hits > 0
    assert searched is kind


@pytest.mark.long
@EVERY_TIER
@given(operations=OPERATIONS, seeds=st.lists(st.integers(0, 30), min_size=1, max_size=3))
@trials(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_sequence_of_changes_changes_a_verdict_against_a_bank(
    migrated_sqlite: Path, tier: str, operations: list[Operation], seeds: list[int]
) -> None:
    live_through(migrated_sqlite, tier, operations, seeds)
