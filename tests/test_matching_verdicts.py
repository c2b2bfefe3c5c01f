"""From evidence to matches: the order of the tiers, bounds, log-odds, suppression."""

from dataclasses import replace
from datetime import UTC, datetime
from math import inf, log, nextafter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from indexer.matching.comparison import Candidate, compare, compare_images
from indexer.matching.judgement import TIER_RANK
from indexer.matching.judgement import judge as judge_compared
from indexer.matching.pieces import Pieces
from indexer.matching.query import EncodedQuery
from indexer.matching.ranking import rank
from indexer.matching.suppression import Rejections, suppress
from indexer.matching.verdict import deciding_matches
from indexer.model import load_traits
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds import choose_thresholds
from indexer.types import (
    COMMON_FUSION,
    BankKind,
    Decision,
    Embeddings,
    Entry,
    Evidence,
    Fingerprint,
    FingerprintKind,
    Fusion,
    ImageRecord,
    Match,
    Outcome,
    Part,
    PartKind,
    Pdq,
    Signal,
    SpaceTraits,
    SuppressionKind,
    Tier,
    query_bias,
)
from support.fusion import MIXED, SIMPLE, TRAITS

pytestmark = pytest.mark.numeric

SHIPPED = load_traits(SHIPPED_MODEL).fusion
SETTINGS = Settings(home=Path("unused"), near_duplicate_log_odds=95, lookalike_log_odds=90)
SHA256, MD5 = b"query".ljust(32), b"query".ljust(16)
FRAME = Part(PartKind.FRAME, 1, None)
QUERY_BITS = np.zeros(32, np.uint8)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
seeds = st.integers(0, 2**32)


def turned(cosine: float, dimension: int = 1) -> Embeddings:
    """Return a unit vector at that cosine to (1, 0, 0), leaning along one of the others."""
    vector = np.zeros(3, np.float32)
    vector[0], vector[dimension] = cosine, np.sqrt(1 - cosine**2)
    return vector


def bits_away(distance: int) -> bytes:
    return np.packbits(np.arange(256) < distance).tobytes()


def query(*parts: Part) -> EncodedQuery:
    """Ask by a whole first frame, and by parts that look the same."""
    pieces = [(part, QUERY_BITS[np.newaxis], turned(1)) for part in (None, *parts)]
    return EncodedQuery.of(SHA256, MD5, Pieces.of(pieces), TRAITS)


def record(
    image_id: int, cosine: float, distance: int | None, *, sha256: bytes = b"other"
) -> ImageRecord:
    """Make a stored image that lies so far from the query; its PDQ is flat where it is None."""
    return ImageRecord(
        id=image_id,
        sha256=sha256,
        md5=b"",
        pdq=Pdq(bits_away(distance or 0), 0 if distance is None else 100),
        width=1,
        height=1,
        format="PNG",
        frame_count=1,
        byte_size=1,
        created_at=NOW,
        sources=(),
        entries=(),
        embedding=turned(cosine),
        probabilities={},
    )


def entry(entry_id: int, kind: BankKind = BankKind.BLOCK, bank: str = "known") -> Entry:
    return Entry(entry_id, bank, kind, image_id=entry_id)


def rejected(decision_id: int, *, entry_id: int | None = None) -> Decision:
    return Decision(
        id=decision_id,
        query_sha256=SHA256.hex(),
        query_pdq=None,
        entry_id=entry_id,
        image_id=None,
        outcome=Outcome.REJECTED,
        tier=None,
        decided_by=None,
        analyst=None,
        note=None,
        created_at=NOW,
        superseded_at=None,
    )


def judge(
    *candidates: Candidate,
    asked: EncodedQuery | None = None,
    decisions: tuple[Decision, ...] = (),
    min_log_odds: float | None = None,
    comparisons: int = 1,
) -> list[Match]:
    asked = asked or query()
    compared = compare(asked, candidates, SETTINGS.pdq_min_quality, SIMPLE)
    book = choose_thresholds(SETTINGS, requested=min_log_odds, fusion=SIMPLE)
    judged = judge_compared(compared, book, lambda _: comparisons)
    return rank(suppress(judged, Rejections.of(decisions), asked.pieces.parts))


def judge_one(cosine: float, distance: int | None, *, comparisons: int = 1, **made: bytes) -> Match:
    (match,) = judge(
        Candidate(record(1, cosine, distance, **made), (None,)), comparisons=comparisons
    )
    return match


def added(match: Match) -> dict[str, float]:
    """Return what each signal adds to the log-odds."""
    return {each.signal: each.log_odds for each in match.evidence}


@st.composite
def crowds(draw: st.DrawFn) -> list[Candidate]:
    """Make candidates at random: images of the gallery and of banks, and bare fingerprints."""
    candidates = []
    for number in range(draw(st.integers(1, 8))):
        kind, in_bank = draw(st.sampled_from(BankKind)), draw(st.booleans())
        distance = draw(st.none() | st.integers(0, 256))
        if draw(st.booleans()):
            pdq = Fingerprint(FingerprintKind.PDQ, bits_away(distance or 0))
            bare = Entry(number, kind.value, kind, None, pdq)
            candidates.append(Candidate(None, (bare,)))
            continue
        sha256 = SHA256 if draw(st.booleans()) else b"other"
        stored = record(number, draw(st.floats(-1, 1)), distance, sha256=sha256)
        of_bank = Entry(number, kind.value, kind, number) if in_bank else None
        candidates.append(Candidate(stored, (of_bank,)))
    return candidates


def identity(match: Match) -> tuple[int | None, int | None]:
    return match.image_id, match.entry_id


# --- tiers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cosine", "distance", "tier", "signal"),
    [
        (0.2, 31, Tier.NEAR_DUPLICATE, Signal.PDQ),
        (0.99, 31, Tier.NEAR_DUPLICATE, Signal.PDQ),
        (0.96, 128, Tier.NEAR_DUPLICATE, Signal.FUSED),
        (0.96, None, Tier.NEAR_DUPLICATE, Signal.FUSED),
        (0.7, 40, Tier.NEAR_DUPLICATE, Signal.FUSED),
        (0.92, 128, Tier.LOOKALIKE, Signal.FUSED),
        (0.62, 40, Tier.LOOKALIKE, Signal.FUSED),
        (0.85, 128, Tier.NONE, Signal.FUSED),
        (0.2, 40, Tier.NONE, Signal.FUSED),
    ],
)
def test_the_first_tier_that_holds_decides(
    cosine: float, distance: int | None, tier: Tier, signal: Signal
) -> None:
    match = judge_one(cosine, distance)

    assert (match.tier, match.decided_by) == (tier, signal)
    assert match.similarity == pytest.approx(cosine, abs=1e-6)
    assert match.pdq_distance == distance


def test_the_very_bytes_are_exact_however_the_pixels_compare() -> None:
    match = judge_one(-0.5, 200, sha256=SHA256)

    assert (match.tier, match.decided_by, match.threshold) == (Tier.EXACT, Signal.SHA256, None)


def test_the_signals_together_find_what_neither_finds_alone() -> None:
    both = judge_one(0.6, 36)

    assert judge_one(0.6, 128).tier is Tier.NONE
    assert judge_one(0.0, 36).tier is Tier.NONE
    assert (both.tier, both.decided_by, both.threshold) == (Tier.LOOKALIKE, Signal.FUSED, 90)
    assert added(both) == pytest.approx({"embedding": 60, "pdq": 32, "prior": 0, "comparisons": 0})
    assert both.log_odds == pytest.approx(92)


def test_matches_of_a_tier_are_ordered_by_log_odds() -> None:
    matches = judge(
        Candidate(record(1, 0.92, 120), (entry(1),)),
        Candidate(record(2, 0.7, 52), (entry(2),)),
        Candidate(record(3, 0.91, None), (entry(3),)),
    )

    assert {match.tier for match in matches} == {Tier.LOOKALIKE}
    assert [match.image_id for match in matches] == [2, 1, 3]


def test_a_match_by_pdq_has_log_odds_as_well() -> None:
    match = judge_one(0.2, 10)

    assert (match.decided_by, match.threshold) == (Signal.PDQ, 31)
    assert match.log_odds == pytest.approx(20 + 45)


@trials(deadline=None)
@given(crowds())
def test_matches_come_strongest_tier_first_and_entries_before_the_gallery(
    crowd: list[Candidate],
) -> None:
    matches = judge(*crowd)

    order = [(TIER_RANK[match.tier], match.bank is None) for match in matches]
    assert order == sorted(order)
    assert len(matches) == len(crowd)


@trials(deadline=None)
@given(crowds(), st.floats(-100, 150), st.floats(-100, 150))
def test_higher_least_log_odds_never_add_a_match(
    crowd: list[Candidate], one: float, other: float
) -> None:
    low, high = sorted((one, other))

    def found(least: float) -> dict[tuple[int | None, int | None], int]:
        matches = judge(*crowd, min_log_odds=least)
        return {identity(m): TIER_RANK[m.tier] for m in matches if m.tier is not Tier.NONE}

    strict, loose = found(high), found(low)
    assert strict.keys() <= loose.keys()
    assert all(loose[match] <= rank for match, rank in strict.items())


# --- log-odds ------------------------------------------------------------------------------------


@trials(deadline=None)
@given(crowds(), st.integers(1, 10**9))
def test_the_log_odds_are_the_sum_of_the_evidence(crowd: list[Candidate], count: int) -> None:
    for match in judge(*crowd, comparisons=count):
        if match.log_odds is None:
            assert match.evidence == ()
        else:
            assert match.log_odds == pytest.approx(sum(added(match).values()))
            assert added(match)["comparisons"] == pytest.approx(-log(count))


@pytest.mark.parametrize("comparisons", [1, 2, 1000, 10**6])
def test_the_number_of_comparisons_costs_its_logarithm(comparisons: int) -> None:
    alone, among = judge_one(0.95, 60), judge_one(0.95, 60, comparisons=comparisons)

    assert alone.log_odds is not None
    assert among.log_odds == pytest.approx(alone.log_odds - log(comparisons))
    assert among.evidence[:-1] == alone.evidence[:-1]
    assert (among.evidence[-1].signal, among.evidence[-1].value) == ("comparisons", comparisons)


def test_among_more_comparisons_the_same_pair_matches_no_more() -> None:
    found = [judge_one(0.96, 128, comparisons=count).tier for count in (1, 100, 10_000)]

    assert found == [Tier.NEAR_DUPLICATE, Tier.LOOKALIKE, Tier.NONE]


@pytest.mark.parametrize("fusion", [SIMPLE, MIXED, COMMON_FUSION, SHIPPED], ids=lambda f: f.version)
@given(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.tuples(st.integers(0, 256), st.integers(0, 256)),
)
def test_a_closer_pair_never_weighs_less(
    fusion: Fusion, cosines: tuple[float, float], bits: tuple[int, int]
) -> None:
    (far, near), (close, distant) = sorted(cosines), sorted(bits)

    assert fusion.weigh(near, close) >= fusion.weigh(far, distant)


@pytest.mark.parametrize("fusion", [SIMPLE, MIXED, COMMON_FUSION, SHIPPED], ids=lambda f: f.version)
@given(st.floats(-10, 40), st.integers(1, 10**6), st.integers(0, 257))
def test_the_least_similarity_is_the_least_that_reaches_the_bound(
    fusion: Fusion, bound: float, comparisons: int, bits: int
) -> None:
    least = fusion.least_similarity(bound, comparisons, float(fusion.of_pdq(bits)))

    def weigh(cosine: float) -> float:
        return float(fusion.weigh(cosine, bits)) - log(comparisons)

    if least == inf:
        assert weigh(1.0) < bound
    else:
        assert weigh(least) >= bound - 1e-4
        if least > fusion.embedding.values[0]:
            assert weigh(nextafter(least, -1) - 1e-3) <= bound + 1e-4


def test_beyond_its_reach_pdq_says_next_to_nothing() -> None:
    for fusion in (SIMPLE, COMMON_FUSION, SHIPPED):
        assert fusion.of_pdq(fusion.pdq_reach) >= 1 > fusion.of_pdq(fusion.pdq_reach + 1)


def test_a_flat_picture_is_weighed_by_its_embedding_alone() -> None:
    match = judge_one(0.92, None)

    assert added(match) == pytest.approx({"embedding": 92, "prior": 0, "comparisons": 0})
    assert match.log_odds == pytest.approx(92)


def test_what_is_near_to_everything_weighs_less_and_is_as_similar() -> None:
    background = np.stack([turned(0.7), turned(0.6, 2), turned(0.5), turned(-1), turned(0)])
    pieces = query().pieces
    stored = record(1, 0.9, 120)

    def compared(traits: SpaceTraits) -> Evidence:
        asked = EncodedQuery.of(SHA256, MD5, pieces, traits)
        [[comparison]] = compare_images(asked, [stored], 50, traits.fusion)
        return comparison.evidence

    plain, biased = compared(TRAITS), compared(SpaceTraits(SIMPLE, background))
    unmeasured = compared(SpaceTraits(replace(SIMPLE, bias=0.6)))

    assert plain.log_odds is not None
    assert biased.log_odds == pytest.approx(plain.log_odds - 60, abs=1e-4)
    assert biased.similarity == plain.similarity
    assert unmeasured.log_odds == pytest.approx(biased.log_odds, abs=1e-4)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_small_background_is_no_hindrance(size: int) -> None:
    background = np.stack([turned(0.5)] * size) if size else np.zeros((0, 3), np.float32)

    bias = query_bias(turned(1)[np.newaxis], background, 0.3)

    assert bias == pytest.approx([0.5 if size else 0.3])


@trials(deadline=None)
@given(seeds, st.integers(1, 3))
def test_the_log_odds_are_those_of_the_best_pair_of_pieces(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes = random.integers(0, 256, (count, 1, 32), np.uint8)
    parts = [None, *(Part(PartKind.FRAME, n, None) for n in range(1, count))]
    pieces = Pieces.of(zip(parts, hashes, vectors, strict=True))
    asked = EncodedQuery.of(b"", b"", pieces, TRAITS)
    stored = record(1, random.uniform(-1, 1), int(random.integers(0, 257)))
    assert stored.embedding is not None

    [comparisons] = compare_images(asked, [stored], 50, SIMPLE)

    bits = np.frombuffer(stored.pdq.bits, np.uint8)
    for vector, own, comparison in zip(vectors, hashes, comparisons, strict=True):
        distance = int(np.bitwise_count(own ^ bits).sum())
        expected = 100 * float(vector @ stored.embedding) + max(0, 50 - distance / 2)
        assert comparison.evidence.log_odds == pytest.approx(expected, abs=1e-3)


# --- suppression ---------------------------------------------------------------------------------


@trials(deadline=None)
@given(crowds(), st.integers(0, 7))
def test_a_rejection_hides_no_other_entry(crowd: list[Candidate], about: int) -> None:
    crowd = [c for c in crowd if all(e is None or e.kind is BankKind.BLOCK for e in c.entries)]
    before = judge(*crowd)

    after = judge(*crowd, decisions=(rejected(5, entry_id=about),))

    for was, now in zip(before, after, strict=True):
        assert identity(was) == identity(now)
        if was.entry_id != about:
            assert now == was
        else:
            assert now.suppressed_by is not None
            assert now.suppressed_by.kind is SuppressionKind.DECISION


@trials(deadline=None)
@given(crowds())
def test_what_is_suppressed_is_not_stronger_than_what_excuses_it(crowd: list[Candidate]) -> None:
    matches = judge(*crowd)

    by_id = {match.entry_id: match for match in matches}
    for match in matches:
        if match.suppressed_by is not None:
            excusing = by_id[match.suppressed_by.entry_id]
            assert excusing.bank_kind is BankKind.ALLOW
            assert excusing.tier in {Tier.EXACT, Tier.NEAR_DUPLICATE}
            assert TIER_RANK[excusing.tier] <= TIER_RANK[match.tier]
    assert all(match.suppressed_by is None for match in deciding_matches(matches))


@trials(deadline=None)
@given(seeds)
def test_an_excuse_of_one_piece_leaves_the_others_standing(seed: int) -> None:
    random = np.random.default_rng(seed)
    benign, unsafe = turned(1), turned(0, 1)
    pieces = Pieces.of(
        [
            (None, random.integers(0, 256, (1, 32), np.uint8), benign),
            (FRAME, QUERY_BITS[np.newaxis], unsafe),
        ]
    )
    of_whole = Fingerprint(FingerprintKind.PDQ, pieces.pdq[0].tobytes())
    allow = Entry(1, "press", BankKind.ALLOW, None, of_whole)
    stored = record(2, 0, 0)
    matches = judge(
        Candidate(None, (allow,)),
        Candidate(stored, (entry(2),)),
        asked=EncodedQuery.of(SHA256, MD5, pieces, TRAITS),
    )

    (standing,) = deciding_matches(matches)
    assert (standing.entry_id, standing.query_part) == (2, FRAME)
