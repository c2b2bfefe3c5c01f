"""From evidence to matches: the order of the tiers, bounds, the fused signal, suppression."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from indexer.matching.comparison import Candidate, compare, compare_images
from indexer.matching.fusion import PDQ_MIDPOINT, PDQ_REACH, pdq_term, query_bias
from indexer.matching.judgement import TIER_RANK
from indexer.matching.judgement import judge as judge_compared
from indexer.matching.pieces import Pieces
from indexer.matching.query import EncodedQuery
from indexer.matching.ranking import rank
from indexer.matching.suppression import Rejections, suppress
from indexer.matching.verdict import deciding_matches
from indexer.settings import Settings
from indexer.thresholds import choose_thresholds
from indexer.types import (
    BankKind,
    Decision,
    Embeddings,
    Entry,
    Fingerprint,
    FingerprintKind,
    ImageRecord,
    Match,
    Outcome,
    Part,
    PartKind,
    Pdq,
    Signal,
    SuppressionKind,
    Tier,
)

pytestmark = pytest.mark.numeric

SETTINGS = Settings(
    home=Path("unused"),
    near_duplicate_similarity=0.95,
    lookalike_similarity=0.9,
    lookalike_fused_score=1.2,
)
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
    return EncodedQuery.of(SHA256, MD5, Pieces.of(pieces))


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
    threshold: float | None = None,
) -> list[Match]:
    asked = asked or query()
    compared = compare(asked, candidates, SETTINGS.pdq_min_quality)
    judged = judge_compared(compared, choose_thresholds(SETTINGS, requested=threshold))
    return rank(suppress(judged, Rejections.of(decisions), asked.pieces.parts))


def judge_one(cosine: float, distance: int | None, **made: bytes) -> Match:
    (match,) = judge(Candidate(record(1, cosine, distance, **made), (None,)))
    return match


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
        (0.96, 128, Tier.NEAR_DUPLICATE, Signal.EMBEDDING),
        (0.96, None, Tier.NEAR_DUPLICATE, Signal.EMBEDDING),
        (0.92, 128, Tier.LOOKALIKE, Signal.EMBEDDING),
        (0.85, 40, Tier.LOOKALIKE, Signal.FUSED),
        (0.85, 128, Tier.NONE, Signal.EMBEDDING),
        (0.2, 40, Tier.NONE, Signal.EMBEDDING),
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


def test_the_fused_signal_finds_what_neither_finds_alone() -> None:
    fused = judge_one(0.8, 36)

    assert judge_one(0.8, 128).tier is Tier.NONE
    assert judge_one(0.0, 36).tier is Tier.NONE
    assert (fused.tier, fused.threshold) == (Tier.LOOKALIKE, 1.2)
    assert fused.fused_score == pytest.approx(0.8 + 1 / (1 + np.exp(-14 / 8)), abs=1e-5)


def test_matches_of_a_tier_are_ordered_by_the_fused_score() -> None:
    matches = judge(
        Candidate(record(1, 0.94, 120), (entry(1),)),
        Candidate(record(2, 0.91, 40), (entry(2),)),
        Candidate(record(3, 0.92, None), (entry(3),)),
    )

    assert {match.tier for match in matches} == {Tier.LOOKALIKE}
    assert [match.image_id for match in matches] == [2, 1, 3]


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
@given(crowds(), st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_threshold_never_adds_a_match(
    crowd: list[Candidate], one: float, other: float
) -> None:
    low, high = sorted((one, other))

    def found(threshold: float) -> dict[tuple[int | None, int | None], int]:
        matches = judge(*crowd, threshold=threshold)
        return {identity(m): TIER_RANK[m.tier] for m in matches if m.tier is not Tier.NONE}

    strict, loose = found(high), found(low)
    assert strict.keys() <= loose.keys()
    assert all(loose[match] <= rank for match, rank in strict.items())


# --- the fused score -----------------------------------------------------------------------------


def test_pdq_adds_a_half_at_its_midpoint_and_nothing_beyond_its_reach() -> None:
    shares = pdq_term(np.array([0, PDQ_MIDPOINT, PDQ_REACH, 256]))

    assert shares[0] > 0.99
    assert shares[1] == pytest.approx(0.5)
    assert shares[2] < 0.01
    assert (np.diff(pdq_term(np.arange(257))) <= 0).all()


def test_a_flat_picture_has_its_similarity_for_a_score() -> None:
    match = judge_one(0.92, None)

    assert match.fused_score == match.similarity


def test_what_is_near_to_everything_scores_less_and_is_as_similar() -> None:
    background = np.stack([turned(0.7), turned(0.6, 2), turned(0.5), turned(-1), turned(0)])
    pieces = query().pieces
    stored = record(1, 0.9, 120)

    [[plain]] = compare_images(EncodedQuery.of(SHA256, MD5, pieces), [stored], 50)
    [[biased]] = compare_images(EncodedQuery.of(SHA256, MD5, pieces, background), [stored], 50)

    assert plain.evidence.fused is not None
    assert biased.evidence.fused == pytest.approx(plain.evidence.fused - 0.6, abs=1e-6)
    assert biased.evidence.similarity == plain.evidence.similarity


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_small_background_is_no_hindrance(size: int) -> None:
    background = np.stack([turned(0.5)] * size) if size else np.zeros((0, 3), np.float32)

    bias = query_bias(turned(1)[np.newaxis], background)

    assert bias == pytest.approx([0.5 if size else 0])


@trials(deadline=None)
@given(seeds, st.integers(1, 3))
def test_the_fused_score_is_that_of_the_best_pair_of_pieces(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes = random.integers(0, 256, (count, 1, 32), np.uint8)
    parts = [None, *(Part(PartKind.FRAME, n, None) for n in range(1, count))]
    asked = EncodedQuery.of(b"", b"", Pieces.of(zip(parts, hashes, vectors, strict=True)))
    stored = record(1, random.uniform(-1, 1), int(random.integers(0, 257)))
    assert stored.embedding is not None

    [comparisons] = compare_images(asked, [stored], 50)

    bits = np.frombuffer(stored.pdq.bits, np.uint8)
    for vector, own, comparison in zip(vectors, hashes, comparisons, strict=True):
        distance = np.bitwise_count(own ^ bits).sum()
        expected = float(vector @ stored.embedding) + float(pdq_term(distance))
        assert comparison.evidence.fused == pytest.approx(expected, abs=1e-5)


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
        asked=EncodedQuery.of(SHA256, MD5, pieces),
    )

    (standing,) = deciding_matches(matches)
    assert (standing.entry_id, standing.query_part) == (2, FRAME)
