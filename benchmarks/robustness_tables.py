"""Tables of robustness.md."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from indexer.evaluation import (
    BenchmarkQuery,
    FalseMatches,
    OperatingPoint,
    Pair,
    Rate,
    Score,
    score,
)
from robustness_sets import half_of

Rankings = Mapping[str, Sequence[Pair]]
"""Pairs of all queries by the name of what they are ranked by."""
WORSE = 0.01  # of recall@1; below the best single signal by more is a loss


def pairs_of(cases: Sequence[BenchmarkQuery], ranked: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of some queries."""
    queries = {case.query for case in cases}
    return [pair for pair in ranked if pair.query in queries]


def half(cases: Sequence[BenchmarkQuery], name: str) -> list[BenchmarkQuery]:
    """Return the cases of one half."""
    return [case for case in cases if half_of(case) == name]


def overall_table(rankings: Rankings, cases: Sequence[BenchmarkQuery]) -> Iterator[str]:
    """Yield the figures of each ranking, over all queries and over either half."""
    yield "| ranked by | muAP | recall@1 | recall at precision 0.9 | muAP A / B | recall@1 A / B |"
    yield "|---|---|---|---|---|---|"
    for name, ranked in rankings.items():
        ours = pairs_of(cases, ranked)
        whole = score(cases, ours).overall
        a, b = (score(half(cases, side), ours).overall for side in "AB")
        yield (
            f"| {name} | {whole.mu_ap:.3f} | {whole.recall_at_1:.3f} | "
            f"{whole.recall_at_precision:.3f} | {a.mu_ap:.3f} / {b.mu_ap:.3f} | "
            f"{a.recall_at_1:.3f} / {b.recall_at_1:.3f} |"
        )


def transform_table(
    rankings: Rankings, singles: Sequence[str], cases: Sequence[BenchmarkQuery]
) -> Iterator[str]:
    """Yield recall@1 by transform, half B in brackets; of single signals the best, by its name.

    Parameters
    ----------
    rankings : mapping
        The single signals among them; the others have a column each.
    singles : sequence of str
        Names of rankings by one signal.
    cases : sequence of BenchmarkQuery
    """
    every, second = (
        {name: score(some, pairs_of(some, ranked)) for name, ranked in rankings.items()}
        for some in (cases, half(cases, "B"))
    )
    others = [name for name in rankings if name not in singles]
    leading = every[others[0]].by_transform
    yield f"| transform | n | {' | '.join(others)} | best single signal | muAP, {others[0]} |"
    yield "|---" * (4 + len(others)) + "|"

    def cell(name: str, transform: str) -> str:
        whole = every[name].by_transform[transform].recall_at_1
        return f"{whole:.2f} ({recall(second[name], transform)})"

    for transform in sorted(leading, key=lambda name: -leading[name].recall_at_1):
        best = best_single(every, singles, transform)
        cells = " | ".join(cell(name, transform) for name in others)
        of = leading[transform]
        yield (
            f"| {transform} | {of.copies} | {cells} | {cell(best, transform)} {best} "
            f"| {of.mu_ap:.3f} |"
        )


def recall(of_half: Score, transform: str) -> str:
    """Write recall@1 of a transform; a half may have no copy made by it."""
    found = of_half.by_transform.get(transform)
    return "-" if found is None else f"{found.recall_at_1:.2f}"


def best_single(scores: Mapping[str, Score], singles: Sequence[str], transform: str) -> str:
    """Return the single signal that puts most copies first."""
    return max(singles, key=lambda name: scores[name].by_transform[transform].recall_at_1)


def losses(
    rankings: Rankings, fused: str, singles: Sequence[str], cases: Sequence[BenchmarkQuery]
) -> str:
    """Name the transforms at which fusion knows less than one of its signals does."""
    scores = {name: score(cases, pairs_of(cases, r)) for name, r in rankings.items()}
    lost = []
    for transform, of in scores[fused].by_transform.items():
        best = scores[best_single(scores, singles, transform)].by_transform[transform].recall_at_1
        if best - of.recall_at_1 > WORSE:
            lost.append(f"{transform} ({of.recall_at_1:.2f} where one alone has {best:.2f})")
    return (
        f"Transforms whose fused recall@1 is below the best single signal's by more than {WORSE}: "
        f"{', '.join(lost) or 'none'}."
    )


def target_table(
    cases: Sequence[BenchmarkQuery],
    rankings: Rankings,
    targets: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """Yield what was aimed at, and what was reached; edits without a copy are left out."""
    yield f"| edit | n | {' | '.join(f'recall@1, {name} | muAP' for name in rankings)} |"
    yield "|---" * (2 + 2 * len(rankings)) + "|"
    strangers = [case for case in cases if case.reference is None]
    for name, transforms in targets.items():
        copies = [c for c in cases if c.reference is not None and c.transform in transforms]
        if copies:
            group = [*copies, *strangers]
            found = [score(group, pairs_of(group, r)).overall for r in rankings.values()]
            figures = " | ".join(f"{of.recall_at_1:.3f} | {of.mu_ap:.3f}" for of in found)
            yield f"| {name} | {len(copies)} | {figures} |"


def bounds_table(points: Mapping[str, OperatingPoint]) -> Iterator[str]:
    """Yield recall and false matches at the bounds in force, a row for each set."""
    yield "| set | copies matched | queries without a reference matched | by tier | per query |"
    yield "|---|---|---|---|---|"
    for name, point in points.items():
        if point.strangers is None:
            yield f"| {name} | {rate_of(point.recall)} | | | |"
            continue
        tiers = ", ".join(
            f"{tier} {of.overall.uploads.share:.3f} ({signals_of(of.by_signal)})"
            for tier, of in point.strangers.by_tier.items()
        )
        overall = point.strangers.overall
        yield (
            f"| {name} | {rate_of(point.recall)} | {rate_of(overall.uploads)} | {tiers} | "
            f"{overall.per_upload:.4f} |"
        )


def signals_of(by_signal: Mapping[str, FalseMatches]) -> str:
    """Write how many queries each signal decided about."""
    return ", ".join(f"{name} {of.uploads.count}" for name, of in by_signal.items()) or "none"


def rate_of(rate: Rate) -> str:
    """Write a share with its interval."""
    return f"{rate.share:.3f} ({rate.low:.3f} to {rate.high:.3f})"


def cost_table(costs: Mapping[str, Mapping[str, float]], unit: str, digits: int) -> Iterator[str]:
    """Yield a column for each set of queries, a row for each part of the cost."""
    yield f"| {unit} a query | {' | '.join(costs)} |"
    yield "|---" * (1 + len(costs)) + "|"
    for name in dict.fromkeys(chain.from_iterable(costs.values())):
        figures = " | ".join(f"{cost.get(name, 0):.{digits}f}" for cost in costs.values())
        yield f"| {name} | {figures} |"
