"""Tables of generative.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.evaluation import (
    BenchmarkQuery,
    Pair,
    RankedCandidate,
    Rate,
    measure_operating_point,
    pairs,
    score,
)
from indexer.types import Signal, Tier

K = 10
PLAIN, OTHERS, SAME = "plain", "other styles", "the same styles"
STYLED = "style_stranger"
PDQ_BOUND = 31  # bits
WAYS = {
    "PDQ": (PLAIN, Signal.PDQ),
    "embedding": (PLAIN, Signal.EMBEDDING),
    "fused": (PLAIN, Signal.FUSED),
    "fused, hardened with other styles": (OTHERS, Signal.FUSED),
    "fused, hardened with the same styles": (SAME, Signal.FUSED),
}
METHOD = """\
The {references:,} references of DEV are entries of one bank; {entries} of them, all of the photos
that were edited, are hardened with at most {budget} variants each. An edit is tried at full
strength: 13 styles and three removed regions. *Other styles* are those that no copy was made in, so
that row shows what variants do against styles that they were not made for; *the same styles* are
those of the copies. Copies in the style of another picture, half and vintage ones are held out in
either case, and so are all removed regions but one. Queries are asked as `lookalike evaluate` does
it, without thumbnails and local features.

Limits of DEV: near-duplicates were removed from its pool with PDQ (up to 80 bits) and pHash, so
false matches of PDQ are optimistic; its subjects are narrow; intervals of a kind of edit are about
± 0.05.
"""


@dataclass(frozen=True, slots=True)
class GenerativeRun:
    """Queries, and what each index said of them."""

    cases: Sequence[BenchmarkQuery]
    answers: Sequence[Mapping[str, Sequence[RankedCandidate]]]
    """Of each case, by the state of the index."""

    def some(self, *transforms: str, strangers: bool = True) -> "GenerativeRun":
        """Return the copies of some kinds, with the natural strangers."""
        kept = [
            row
            for row, case in enumerate(self.cases)
            if case.transform in transforms
            or (strangers and case.reference is None and case.transform != STYLED)
        ]
        return GenerativeRun([self.cases[row] for row in kept], [self.answers[row] for row in kept])

    def of_state(self, state: str) -> list[Sequence[RankedCandidate]]:
        """Return what one index said of each query."""
        return [each[state] for each in self.answers]

    def ranked(self, way: str) -> list[Pair]:
        """Return the pairs of a way to rank."""
        state, signal = WAYS[way]
        return pairs(self.of_state(state), signal, K)


def report(
    run: GenerativeRun, facts: Mapping[str, Mapping[str, Any]], budget: int
) -> Iterator[str]:
    """Yield all tables, with what is to be known of them."""
    yield METHOD.format(
        references=facts[PLAIN]["references"], entries=facts[OTHERS]["entries"], budget=budget
    )
    kinds = list(dict.fromkeys(case.transform for case in run.cases if case.reference))
    photos = len({case.reference for case in run.cases if case.reference})
    copies = sum(case.reference is not None for case in run.cases)
    yield f"{copies:,} copies of {photos} photos.\n"
    yield "## Recall@1 and muAP\n"
    yield "muAP of a kind is over its copies and the queries without a reference, as they are.\n"
    yield from ranking_table(run, kinds)
    yield "\n## At the bounds in force\n"
    yield (
        "Shares with 95 % intervals (Clopper and Pearson). *Strangers* are queries without a "
        "reference as they are, *styled strangers* others of them in the styles of the copies at "
        f"full strength. PDQ alone is held to {PDQ_BOUND} bits; embeddings alone have no bound.\n"
    )
    yield from bounds_table(run, kinds)
    yield "\n## What it costs\n"
    yield "| hardened with | edits tried | variants an entry | seconds an entry |"
    yield "|---|---|---|---|"
    for state in (OTHERS, SAME):
        fact = facts[state]
        each = fact["variants"] / fact["entries"]
        yield f"| {state} | {fact['edits']} | {each:.1f} | {fact['seconds_an_entry']:.1f} |"


def ranking_table(run: GenerativeRun, kinds: Sequence[str]) -> Iterator[str]:
    """Yield recall@1 and muAP of each kind of edit, by each way to rank."""
    counts = {kind: sum(case.transform == kind for case in run.cases) for kind in kinds}
    yield "| ranked by | " + " | ".join(f"{kind} ({counts[kind]})" for kind in kinds) + " |"
    yield "|---" * (1 + len(kinds)) + "|"
    for way in WAYS:
        cells = []
        for kind in kinds:
            some = run.some(kind)
            found = score(some.cases, some.ranked(way)).overall
            cells.append(f"{found.recall_at_1:.3f} / {found.mu_ap:.3f}")
        yield f"| {way} | {' | '.join(cells)} |"


def bounds_table(run: GenerativeRun, kinds: Sequence[str]) -> Iterator[str]:
    """Yield what is matched at the bounds in force, and falsely matched."""
    yield f"| index | {' | '.join(kinds)} | strangers | styled strangers |"
    yield "|---" * (3 + len(kinds)) + "|"
    yield _row("PDQ alone", run, kinds, [_by_pdq(each) for each in run.of_state(PLAIN)])
    for state, name in (
        (PLAIN, "not hardened"),
        (OTHERS, "hardened with other styles"),
        (SAME, "hardened with the same styles"),
    ):
        yield _row(name, run, kinds, run.of_state(state))


def _row(
    name: str,
    run: GenerativeRun,
    kinds: Sequence[str],
    found: Sequence[Sequence[RankedCandidate]],
) -> str:
    point = measure_operating_point(run.cases, found)
    cells = [_rate(point.recall_by_transform[kind], brief=True) for kind in kinds]
    for styled in (False, True):
        matched = [
            any(candidate.tier is not Tier.NONE for candidate in each)
            for case, each in zip(run.cases, found, strict=True)
            if case.reference is None and (case.transform == STYLED) is styled
        ]
        cells.append(_rate(Rate.of(sum(matched), len(matched))) if matched else "-")
    return f"| {name} | {' | '.join(cells)} |"


def _rate(rate: Rate, *, brief: bool = False) -> str:
    return f"{rate.share:.3f}" if brief else f"{rate.share:.3f} ({rate.low:.3f} to {rate.high:.3f})"


def _by_pdq(found: Sequence[RankedCandidate]) -> list[RankedCandidate]:
    """Return what PDQ alone matches, as near duplicates."""
    return [
        RankedCandidate(
            each.query,
            each.reference,
            each.evidence,
            each.similarity,
            each.pdq_distance,
            tier=Tier.NEAR_DUPLICATE,
            decided_by=Signal.PDQ,
        )
        for each in found
        if each.pdq_distance is not None and each.pdq_distance <= PDQ_BOUND
    ]
